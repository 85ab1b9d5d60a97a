"""Flow records of three public sets, brought into the form of `eyenet/flow`; and which rows are fitted on and scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.catalogue import Progress
from benchmarks.known_sets import known_sets
from telltale.apps.eyenet.flows import FLOW
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import check_rows

NSL, UNSW, SNMP = "nsl_kdd", "unsw_nb15", "snmp_mib"
_KNOWN_BY: Final = {
    NSL: frozenset({"protocol_type", "dst_host_srv_count", "label"}),
    UNSW: frozenset({"attack_cat", "sbytes", "spkts", "label"}),
    SNMP: frozenset({"ifInOctets11", "class", "row"}),
}
_NAMES: Final = {"protocol_type": "protocol", "proto": "protocol", "flag": "state"}
# Time-to-live in UNSW-NB15 tells the two test beds apart.
_TTL: Final = ("sttl", "dttl", "ct_state_ttl")
# What eyenet/sample has of a device: bytes and packets either way, and a round trip.
_FIVE: Final = ("sbytes", "dbytes", "spkts", "dpkts", "tcprtt")
_KIND: Final = "attack_kind"
_FAMILY: Final = "attack_family"
_ATTACK: Final = "is_attack"
_NORMAL: Final = "normal"
_SEED: Final = 0
_SCORED_SHARE: Final = 1 / 3
# At home a set is fitted on many times: on so many rows at most.
_MOST_AT_HOME: Final = 40_000


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Rows to fit on and rows to score, checked as the product checks them.

    Args:
        case: whose figures these are; several trials of one case differ in their columns, told by `suffix`.
        suffix: of the metrics, as in `auroc_no_ttl`; "" for all columns.
        columns: measured columns.
        train, test: checked rows with labels.
        unseen: rows of `test` that are attacks of a kind that `train` does not have, shape (n,).
        normal: a name for the normal rows of `train`: trials that share it share them.
    """

    case: str
    suffix: str
    columns: tuple[str, ...]
    train: pl.DataFrame
    test: pl.DataFrame
    unseen: NDArray[np.bool_]
    normal: str


def read_sets(folder: Path, *, progress: Progress) -> dict[str, pl.DataFrame]:
    """The sets that a folder holds, with `is_attack`, `attack_kind` and `attack_family` beside what was measured. Raises NotFoundError."""
    return known_sets(folder, _KNOWN_BY, _TIDY, progress=progress)


def trials_at_home(name: str, frame: pl.DataFrame, *, most: int = _MOST_AT_HOME) -> list[Trial]:
    """Trials of one set, some of its rows kept back to be scored."""
    if name == SNMP:
        place = pl.int_range(pl.len()).over(_KIND) / pl.len().over(_KIND)
        is_scored = frame.select(place >= 1 - _SCORED_SHARE).to_series().to_numpy()
        return [_trial(name, "", frame.filter(~pl.Series(is_scored)), frame.filter(pl.Series(is_scored)))]
    shuffled = frame.sample(min(most, frame.height), shuffle=True, seed=_SEED)
    n_scored = round(shuffled.height * _SCORED_SHARE)
    test, train = shuffled[:n_scored], shuffled[n_scored:]
    if name == UNSW:
        return _with_and_without(name, train, test)
    trials = []
    for family in sorted(set(train[_FAMILY]) - {_NORMAL}):
        is_left_out = pl.col(_FAMILY) == family
        # All the family's rows are scored, more than the draw has of a rare one.
        scored = pl.concat([test.filter(~is_left_out), frame.filter(is_left_out).head(most // 4)])
        trials.append(_trial(f"{name} without {family}", "", train.filter(~is_left_out), scored, normal=name))
    return trials


def trials_of_two(name: str, train: pl.DataFrame, test: pl.DataFrame) -> list[Trial]:
    """Fitted on all of `train`, scored on those rows of `test` that are not in it."""
    if name == SNMP:
        return [_trial(name, "", train, test)]
    if name == UNSW:
        measured = [column for column in train.columns if column not in {_ATTACK, _KIND, _FAMILY}]
        return _with_and_without(name, train, test.join(train, on=measured, how="anti", nulls_equal=True))
    return [_trial(name, "", train, test)]


def _with_and_without(name: str, train: pl.DataFrame, test: pl.DataFrame) -> list[Trial]:
    others = [column for column in train.columns if column not in {*_FIVE, _ATTACK, _KIND, _FAMILY}]
    return [
        _trial(name, "", train, test),
        _trial(name, "_no_ttl", train.drop(_TTL), test.drop(_TTL)),
        _trial(name, "_five_columns", train.drop(others), test.drop(others)),
    ]


def _trial(case: str, suffix: str, train: pl.DataFrame, test: pl.DataFrame, *, normal: str = "") -> Trial:
    seen = set(train[_KIND])
    unseen = test.select(pl.col(_KIND).is_in(list(seen)).not_()).to_series().to_numpy()
    checked = [_checked(frame, case) for frame in (train, test)]
    columns = checked[0][1]
    return Trial(
        case=case,
        suffix=suffix,
        columns=columns,
        train=checked[0][0],
        test=checked[1][0],
        unseen=unseen,
        normal=f"{normal or case}{suffix}",
    )


def _checked(frame: pl.DataFrame, case: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    rows = frame.drop(_KIND, _FAMILY).with_columns(pl.int_range(1, pl.len() + 1).alias(LINE))
    found = check_rows(FLOW, RawRows(frame=rows, source=case), require_time=False)
    assert not found.quarantined, f"{case}: {found.quarantined[0].reason}"
    return found.frame, found.columns


def _tidy_nsl(raw: pl.DataFrame) -> pl.DataFrame:
    family = pl.col("category") if "category" in raw.columns else pl.col("label")
    marked = raw.with_columns(pl.col("label").alias(_KIND), family.alias(_FAMILY))
    return _tidy(marked, is_attack=pl.col("label") != _NORMAL, drop=("label", "category", "difficulty"))


def _tidy_unsw(raw: pl.DataFrame) -> pl.DataFrame:
    kind = pl.col("attack_cat").str.strip_chars().str.to_lowercase()
    marked = raw.with_columns(kind.alias(_KIND), kind.alias(_FAMILY))
    tidied = _tidy(marked, is_attack=pl.col("label") == 1, drop=("label", "attack_cat", "id"))
    measured = [column for column in tidied.columns if column not in {_ATTACK, _KIND, _FAMILY}]
    return tidied.unique(subset=measured, keep="first", maintain_order=True)


def _tidy_snmp(raw: pl.DataFrame) -> pl.DataFrame:
    """Differences between readings that follow one another in one run: levels only grow, and tell the run."""
    counters = [column for column in raw.columns if column not in {"row", "class"}]
    ordered = raw.sort("row")
    follows = (pl.col("row").diff() == 1) & (pl.col("class") == pl.col("class").shift(1))
    changes = ordered.with_columns(pl.col(counters).diff()).filter(follows).drop("row")
    marked = changes.with_columns(pl.col("class").alias(_KIND), pl.col("class").alias(_FAMILY))
    return _tidy(marked, is_attack=pl.col("class") != _NORMAL, drop=("class",))


def _tidy(frame: pl.DataFrame, *, is_attack: pl.Expr, drop: Sequence[str]) -> pl.DataFrame:
    tidied = frame.with_columns(is_attack.cast(pl.Int8).alias(_ATTACK)).drop(drop, strict=False)
    tidied = tidied.rename({old: new for old, new in _NAMES.items() if old in tidied.columns})
    names = [column for column in tidied.columns if column not in {_ATTACK, _KIND, _FAMILY}]
    numbers = [column for column in names if tidied[column].dtype.is_numeric()]
    return tidied.select(*sorted(names), _KIND, _FAMILY, _ATTACK).with_columns(pl.col(numbers).cast(pl.Float64))


_TIDY: Final = {NSL: _tidy_nsl, UNSW: _tidy_unsw, SNMP: _tidy_snmp}
