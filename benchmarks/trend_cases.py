"""Series of the forecasting competitions, in groups of one set and one period, and the rows that the product is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.errors import UsageError
from telltale.telemetry.frames import ENTITY, LINE, TIME, TIME_DTYPE

Floats = NDArray[np.float64]

_COLUMNS = {"series", "t", "value", "part"}
# The competitions' period of the seasonal naive method, for MASE and the season of the plain methods. Of weekly series it is 1.
PERIODS = {"hourly": 24, "weekly": 1, "monthly": 12, "quarterly": 4, "yearly": 1, "other": 1}
_START = datetime(1950, 1, 1, tzinfo=UTC)
_MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12, "other": 12}
_STEPS = {"hourly": timedelta(hours=1), "weekly": timedelta(weeks=1)}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One series: what is known, and what came."""

    name: str
    training: Floats
    truth: Floats


@dataclass(frozen=True, kw_only=True)
class Group:
    """Series of one set (m3), one period (monthly) and one horizon."""

    data_set: str
    period: str
    horizon: int
    cases: tuple[Case, ...]

    @property
    def name(self) -> str:
        """Set and period, or the one where they are the same."""
        return self.data_set if self.data_set == self.period else f"{self.data_set}_{self.period}"

    @property
    def season(self) -> int:
        """The competition's period."""
        return PERIODS[self.period]


def read_groups(folder: Path) -> list[Group]:
    """Every parquet file of a folder with columns series, t, value, part, and maybe period; its name is the set's.

    Raises:
        UsageError: there is no such file, or a period is not known.
    """
    groups = []
    for path in sorted(folder.glob("*.parquet")):
        columns = set(pl.read_parquet_schema(path))
        if columns >= _COLUMNS:
            groups += _groups_of(path)
    if not groups:
        raise UsageError(
            f"no parquet file with the columns {sorted(_COLUMNS)} in {folder}",
            where="trend",
            mend="Name the folder of one set, such as m4 or mcomp.",
        )
    return groups


def _groups_of(path: Path) -> list[Group]:
    rows = pl.read_parquet(path)
    period = pl.col("period").str.to_lowercase() if "period" in rows.columns else pl.lit(path.stem.lower())
    rows = rows.with_columns(period.alias("period")).sort("series", "t")
    found: dict[tuple[str, int], list[Case]] = {}
    for (series, named), own in rows.group_by("series", "period", maintain_order=True):
        if named not in PERIODS:
            raise UsageError.not_one_of(str(named), PERIODS, where=f"period of {path.name}")
        training, truth = (
            own.filter(pl.col("part") == part)["value"].to_numpy().astype(np.float64) for part in ("train", "test")
        )
        if len(training) and len(truth):
            case = Case(name=str(series), training=training, truth=truth)
            found.setdefault((str(named), len(truth)), []).append(case)
    return [
        Group(data_set=path.stem.lower(), period=period, horizon=horizon, cases=tuple(cases))
        for (period, horizon), cases in sorted(found.items())
    ]


def sample(groups: Sequence[Group], n: int, *, seed: int) -> list[Group]:
    """About `n` of all series, as many of each group as its share is, and always the same ones."""
    total = sum(len(group.cases) for group in groups)
    rng = np.random.default_rng(seed)
    drawn = []
    for group in groups:
        wanted = min(len(group.cases), max(1, round(n * len(group.cases) / total)))
        places = np.sort(rng.choice(len(group.cases), wanted, replace=False)).tolist()
        cases = tuple(group.cases[place] for place in places)
        drawn.append(Group(data_set=group.data_set, period=group.period, horizon=group.horizon, cases=cases))
    return drawn


def rows_of(group: Group) -> pl.DataFrame:
    """Checked rows of `storefront/series`: the known values, evenly spaced in time as the period says.

    The sets give numbered steps; from the spacing the product finds the season by itself. Those of period "other" are given a
    year apart, which has none.
    """
    longest = max(len(case.training) for case in group.cases)
    times = pl.Series([_time(group.period, step) for step in range(longest)]).cast(TIME_DTYPE)
    frames = [
        pl.DataFrame(
            {
                ENTITY: pl.Series([case.name]).new_from_index(0, len(case.training)),
                TIME: times[: len(case.training)],
                "value": case.training,
            }
        )
        for case in group.cases
    ]
    return pl.concat(frames).with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(LINE))


def _time(period: str, step: int) -> datetime:
    if period in _STEPS:
        return _START + step * _STEPS[period]
    months = step * _MONTHS[period]
    return _START.replace(year=_START.year + months // 12, month=months % 12 + 1)
