"""What the model of compression sees, and what its outcomes cost: sizes, sampled statistics, bandwidth and reads."""

from typing import Final

import polars as pl

from telltale.apps.pakit.schema import CODECS, TRIALS
from telltale.apps.pakit.statistics import STATISTICS
from telltale.contract.kinds import Choices, Outcome
from telltale.contract.plan import ForwardFill, Log, Plan, Product, Ratio, Step

# With trials at hand these are all that is asked of the bytes themselves: with more, choices on files not seen got worse.
_BESIDE_TRIALS: Final = STATISTICS[:3]
# Trials count by ratios: below this one, smaller says nothing more.
_LEAST_RATIO: Final = 1e-3
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
    scenarios={f"{speed}MBs": {"bandwidth_mb_s": float(speed)} for speed in (20, 100, 500)},
)


def derive_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    """Features, and three weights: seconds to send the block as it is, its size, and its size times its reads.

    The features are the size, codecs tried on a sample and three statistics of the bytes; where most rows have no trials, the
    size and all nine statistics. The codec that was used and what came of it are never features: they would teach the old
    policy, and its answer. A block that lacks one is taken for a middling one of its size.
    """
    del sequence
    trials = TRIALS if all(_is_usual(frame, name) for name in TRIALS) else ()
    statistics = _BESIDE_TRIALS if trials else STATISTICS
    steps: list[Step] = [
        ForwardFill(out=f"{name}_filled", column=name, limit=0, otherwise=_middle(frame, name))
        for name in (*statistics, *trials)
    ]
    steps += [Log(out=f"{name}_log", column=f"{name}_filled", scale=_LEAST_RATIO) for name in trials]
    steps += [
        ForwardFill(out="bandwidth", column="bandwidth_mb_s", limit=0, otherwise=DEFAULT_BANDWIDTH_MB_S),
        ForwardFill(out="expected_reads", column="reads", limit=0, otherwise=DEFAULT_READS),
        Log(out="size_log", column="block_size", scale=1.0),
        Product(out="size_mb", columns=("block_size",), factor=1e-6),
        Ratio(out="transfer_s", numerator="size_mb", denominator="bandwidth", floor=1e-6),
        Product(out="read_mb", columns=("size_mb", "expected_reads")),
    ]
    read = {"block_size", "bandwidth_mb_s", "reads", *statistics, *trials}
    return Plan(
        columns=tuple(name for name in columns if name in read),
        steps=tuple(steps),
        features=("size_log", *(f"{name}_filled" for name in statistics), *(f"{name}_log" for name in trials)),
        explained=(),
        history=0,
        interval_s=0.0,
    )


def _is_usual(frame: pl.DataFrame, name: str) -> bool:
    return name in frame.columns and 2 * frame[name].null_count() <= frame.height


def _middle(frame: pl.DataFrame, name: str) -> float:
    middle = frame[name].median()
    return float(middle) if isinstance(middle, int | float) else 0.0
