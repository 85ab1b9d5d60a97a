"""What the model of compression sees, and what its outcomes cost: sizes, sampled statistics, bandwidth and reads."""

from typing import Final

import polars as pl

from telltale.apps.pakit.schema import CODECS
from telltale.apps.pakit.statistics import STATISTICS
from telltale.contract.kinds import Choices, Outcome
from telltale.contract.plan import ForwardFill, Log, Plan, Product, Ratio, Step

# Where a block does not say: a store behind a gigabit network, and a block that is read back once.
DEFAULT_BANDWIDTH_MB_S: Final = 100.0
DEFAULT_READS: Final = 1.0

COMPRESSION: Final = Choices(
    names=CODECS,
    outcomes=(
        Outcome(name="ratio", column="{choice}_ratio", weight="transfer_s", known={"none": 1.0}),
        Outcome(name="write_s_per_mb", column="{choice}_write_s_per_mb", weight="size_mb", known={"none": 0.0}),
        Outcome(name="read_s_per_mb", column="{choice}_read_s_per_mb", weight="read_mb", known={"none": 0.0}),
    ),
    unit="s",
)


def derive_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    """Ten features, and three weights: seconds to send the block as it is, its size, and its size times its reads.

    The codec that was used and what came of it are never features: they would teach the old policy, and its answer. A
    block without statistics is taken for a middling one of its size.
    """
    del sequence
    steps: list[Step] = [
        ForwardFill(out=f"{name}_filled", column=name, limit=0, otherwise=_middle(frame, name)) for name in STATISTICS
    ]
    steps += [
        ForwardFill(out="bandwidth", column="bandwidth_mb_s", limit=0, otherwise=DEFAULT_BANDWIDTH_MB_S),
        ForwardFill(out="expected_reads", column="reads", limit=0, otherwise=DEFAULT_READS),
        Log(out="size_log", column="block_size", scale=1.0),
        Product(out="size_mb", columns=("block_size",), factor=1e-6),
        Ratio(out="transfer_s", numerator="size_mb", denominator="bandwidth", floor=1e-6),
        Product(out="read_mb", columns=("size_mb", "expected_reads")),
    ]
    read = {"block_size", "bandwidth_mb_s", "reads", *STATISTICS}
    return Plan(
        columns=tuple(name for name in columns if name in read),
        steps=tuple(steps),
        features=("size_log", *(f"{name}_filled" for name in STATISTICS)),
        explained=(),
        history=0,
        interval_s=0.0,
    )


def _middle(frame: pl.DataFrame, name: str) -> float:
    middle = frame[name].median()
    return float(middle) if isinstance(middle, int | float) else 0.0
