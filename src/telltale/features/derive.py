"""Build a fitted plan from blocks: the distance of a metric from its expected level, its change, its short window."""

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl
from msgspec.structs import replace
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError, SchemaError
from telltale.contract.plan import (
    Change,
    Clip,
    Deviation,
    Explained,
    ForwardFill,
    Largest,
    Log,
    Missing,
    Norm,
    OwnLevel,
    Plan,
    Product,
    RateDeviation,
    Ratio,
    Rolling,
    Seasonal,
    Step,
    WindowStat,
)
from telltale.features.expected import clock, expected_levels, least_spread, log_scale
from telltale.features.frame import rows_in_window, run_plan
from telltale.features.levels import robust_spread
from telltale.features.row_alone import window_of_row_alone
from telltale.features.steps import TextStep, inputs
from telltale.telemetry.frames import LABEL

Floats = NDArray[np.float64]
Stat = Literal["mean", "std", "min", "max", "q75", "count", "distinct"]

# Deviations are squashed by a signed logarithm from about this many spreads on: a tree's cuts are uniform over the
# range seen, and one value a thousand spreads out would otherwise leave no cut for those ten spreads out.
SQUASH = 3.0
# How far below its level a metric counts of which only more is the event.
LEAST_EXCESS = -1.0
# A window of time reaches back as many rows as it held at most in this share of the training rows.
_WHOLE_WINDOWS = 0.99
_MOST = 1e30
# Fewer normal rows than this, and medians and spreads mean nothing.
_LEAST_ROWS = 20


@dataclass
class PlanDraft:
    """A plan being built on training rows; `finish` makes it one.

    Rows labelled positive are left out of every table. `columns` may name columns of text: they are passed over.
    """

    frame: pl.DataFrame
    columns: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)
    explained: list[Explained] = field(default_factory=list)
    history: int = 0
    _told_by: dict[str, Explained] = field(default_factory=dict)
    _reach: dict[str, int] = field(default_factory=dict)
    _known_history: int = 0
    _known_reach: dict[str, int] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if LABEL in self.frame.columns:
            self.frame = self.frame.filter(pl.col(LABEL).fill_null(0) == 0)
        if self.frame.height < _LEAST_ROWS:
            raise NotEnoughDataError(
                f"{self.frame.height} normal rows to fit on",
                where="features",
                mend=f"Give at least {_LEAST_ROWS} rows that are not labelled anomalous.",
            )
        self._interval_s, self._span_s = clock(self.frame)

    def raw(self, column: str) -> str:
        """A measured column as it is, so that rows must carry it though no step reads it. Raises SchemaError."""
        self._values(column)
        self._asked.add(column)
        return column

    def bounded(self, column: str) -> str:
        """A measured column as it is, within what a model's float32 can tell: `{column}_bounded`."""
        out = self.free(f"{column}_bounded")
        self.add(Clip(out=out, column=column, low=-_MOST, high=_MOST))
        return out

    def fill(self, column: str, limit: int) -> str:
        """A column whose values may be missing, without gaps: `{column}_filled`.

        Where there is no value in the `limit` rows before either, it is the median of the training rows; 0 where those
        have none at all.

        Args:
            column: a measured column; from here on read what this returns in its place.
            limit: how many rows back a value still counts, >= 0.
        """
        middle = self.frame[column].median()
        out = self.free(f"{column}_filled")
        otherwise = float(middle) if isinstance(middle, int | float) else 0.0
        self.add(ForwardFill(out=out, column=column, limit=limit, otherwise=otherwise), back=limit)
        return out

    def window_stat(self, column: str, stat: Stat, window_s: float, *, out: str = "") -> str:
        """A statistic of the last `window_s` seconds: `out`, or `{column}_{stat}`.

        Where training rows have no time, a window is the row alone, in serving too.
        """
        out = self.free(out or f"{column}_{'quantile_75' if stat == 'q75' else stat}")
        window_s = window_s if self._interval_s > 0 else 0.0
        most_rows = 1
        if window_s > 0:
            n_rows = float(np.quantile(rows_in_window(self.frame, window_s), _WHOLE_WINDOWS))
            most_rows = math.ceil(max(n_rows, window_s / self._interval_s))
        step = WindowStat(out=out, column=column, stat=stat, window_s=window_s, most_rows=most_rows)
        self.add(step, back=most_rows - 1)
        return out

    def product(self, out: str, columns: tuple[str, ...], factor: float = 1.0) -> str:
        """The product of columns, times `factor`."""
        out = self.free(out)
        self.add(Product(out=out, columns=columns, factor=factor))
        return out

    def ratio(self, out: str, numerator: str, denominator: str, *, floor: float | None = None) -> str:
        """A ratio of two metrics; where no floor of the denominator is given, it is its own lower tail."""
        if floor is None:
            low = float(np.quantile(self._values(denominator), 0.001))
            floor = max(low, 1e-9 + 1e-3 * float(np.median(np.abs(self._values(denominator)))))
        out = self.free(out)
        self.add(Ratio(out=out, numerator=numerator, denominator=denominator, floor=floor))
        return out

    def deviation(self, column: str, *, only_more: bool = False) -> str:
        """Distance from the level of this moment, in spreads, squashed: `{column}_deviation`.

        Args:
            column: a metric or a column written before.
            only_more: less than expected is never the event (latencies).
        """
        values = self._values(column)
        scale = log_scale(values)
        looked_at = column
        if scale is not None:
            looked_at = self.free(f"{column}_log")
            self.add(Log(out=looked_at, column=column, scale=scale))
        level, spread = self.expect(column, looked_at, least=least_spread(values, scale))
        distance = self.free(f"{column}_distance")
        self.add(Deviation(out=distance, column=looked_at, level=level, spread=spread))
        told = Explained(
            distance=distance,
            metric=column,
            told_as=self.filled_from(column),
            level=level,
            spread=spread,
            log_scale=scale,
            only_more=only_more,
        )
        return self.squash(told)

    def missing(self, column: str) -> str:
        """1 where a measured column has no value: `{column}_missing`."""
        out = self.free(f"{column}_missing")
        self.add(Missing(out=out, column=column))
        return out

    def rate_deviation(self, rate: str, count: str) -> str:
        """The same for a share of `count` events, weighed by the count; less than expected is never the event."""
        root, n = np.sqrt(self._values(rate)), np.maximum(self._values(count), 1.0)
        sampling = float(np.sqrt(np.median(0.25 / n)))
        level, spread = self.expect(rate, self.free(f"{rate}_root"), least=0.005, values=root, noise=sampling)
        distance = self.free(f"{rate}_distance")
        self.add(RateDeviation(out=distance, rate=rate, count=count, level=level, spread=spread))
        told = Explained(
            distance=distance,
            metric=rate,
            told_as=self.filled_from(rate),
            level=level,
            spread=spread,
            count=count,
            only_more=True,
        )
        return self.squash(told)

    def change(self, column: str, *, window: int) -> str:
        """How far a column is from the median of the rows just before: `{column}_change`."""
        out = self.free(f"{column}_change")
        self.add(Change(out=out, column=column, window=window), back=window)
        told = self._told_by.get(column)
        if told is not None:
            spread = robust_spread(np.abs(self._values(out)), floor=0.01)
            changed = replace(told, change=out, squashed=column, squash=SQUASH, change_spread=spread)
            self.explained.append(changed)
        return out

    def rolling(self, column: str, *, window: int, stat: Literal["median", "mean", "std"] = "median") -> str:
        """The median of the last `window` rows, `{column}_recent`; or `{column}_recent_{stat}`: see `window_of_row_alone`."""
        out = self.free(f"{column}_recent" if stat == "median" else f"{column}_recent_{stat}")
        step = Rolling(out=out, column=column, window=window, stat=stat)
        if stat != "median":
            found = run_plan(_one_step(self.columns, step), self.frame)[out].to_numpy()
            step = replace(step, alone=window_of_row_alone(self._values(column), found, stat))
        self.add(step, back=window - 1)
        return out

    def largest(self, out: str, columns: tuple[str, ...]) -> str:
        """The largest of several deviations, whichever it is."""
        out = self.free(out)
        self.add(Largest(out=out, columns=columns))
        return out

    def norm(self, out: str, columns: tuple[str, ...]) -> str:
        """The length of several deviations together."""
        out = self.free(out)
        self.add(Norm(out=out, columns=columns))
        return out

    def finish(self, *features: str, sequence: int = 1) -> Plan:
        """The plan, with the columns that the model sees, of the last `sequence` rows.

        Rows must carry those measured columns that a step or the model reads.
        """
        read = {*features, *self._asked, *(name for step in self.steps for name in inputs(step))}
        return Plan(
            columns=tuple(name for name in self.columns if name in read),
            steps=tuple(self.steps),
            features=features,
            explained=tuple(self.explained),
            history=self.history,
            interval_s=self._interval_s,
            sequence=sequence,
            known_history=None if self._known_history == self.history else self._known_history,
        )

    def rows_of(self, seconds: float, *, least: int, most: int) -> int:
        """How many rows an entity usually has in so long a time, within bounds; the least where rows have no time."""
        if self._interval_s == 0:
            return least
        return min(max(round(seconds / self._interval_s), least), most)

    def filled_from(self, column: str) -> str:
        """The measured column that a column was filled from; "" for any other."""
        return next((step.column for step in self.steps if isinstance(step, ForwardFill) and step.out == column), "")

    def free(self, name: str) -> str:
        """The name, longer where a measured column has it already (`cpu` beside `cpu_level`)."""
        while name in self.frame.columns:
            name += "_"
        return name

    def add(self, step: Step, *, back: int = 0) -> None:
        """Add a step that reads so many rows before its own."""
        if not isinstance(step, ForwardFill | Missing | TextStep):
            for name in inputs(step):
                self._check(name)
        self.steps.append(step)
        self.frame = run_plan(_one_step(self.columns, step), self.frame)
        known_back = 0 if isinstance(step, OwnLevel) else back
        reach = back + max((self._reach.get(name, 0) for name in inputs(step)), default=0)
        known_reach = known_back + max((self._known_reach.get(name, 0) for name in inputs(step)), default=0)
        self._reach[step.out], self._known_reach[step.out] = reach, known_reach
        self.history, self._known_history = max(self.history, reach), max(self._known_history, known_reach)

    def _values(self, column: str) -> Floats:
        self._check(column)
        return self.frame[column].to_numpy().astype(np.float64)

    def _check(self, column: str) -> None:
        """A column is numbers, and whole, before a step reads it."""
        series = self.frame[column]
        if not series.dtype.is_numeric():
            raise SchemaError(
                f"column {column} holds {series.dtype}, no numbers", where="features", mend="Leave it out of the plan."
            )
        if series.null_count():
            raise SchemaError(
                f"column {column} has no value in {series.null_count()} rows",
                where="features",
                mend="Read what PlanDraft.fill makes of it, or do not declare it nullable.",
            )

    def squash(self, told: Explained) -> str:
        """A distance as trees see it, a signed logarithm from some spreads on; `told` is how it is told to people: `{metric}_deviation`."""
        out = self.free(f"{told.metric}_deviation")
        distance = told.distance
        if told.only_more:
            excess = self.free(f"{told.metric}_excess")
            self.add(Clip(out=excess, column=distance, low=LEAST_EXCESS))
            distance = excess
        self.add(Log(out=out, column=distance, scale=SQUASH))
        self.explained.append(told)
        self._told_by[out] = told
        return out

    def expect(
        self,
        column: str,
        looked_at: str,
        *,
        least: float,
        values: Floats | None = None,
        noise: float = 0.0,
        moves: bool = False,
    ) -> tuple[str, str]:
        """Fit and add the level and spread steps of a column; their names.

        `noise` is taken out of the spread; `moves` as in `expected_levels`.
        """
        frame = self.frame if values is None else self.frame.with_columns(pl.Series(looked_at, values))
        found = expected_levels(
            frame, looked_at, interval_s=self._interval_s, span_s=self._span_s, least=least, moves=moves
        )
        calendar = found[""].calendar
        level, spread = self.free(f"{column}_level"), self.free(f"{column}_spread")
        levels = {entity: tables.level for entity, tables in found.items()}
        spreads = {
            entity: tuple(max(least, math.sqrt(max(0.0, x * x - noise * noise))) for x in tables.spread)
            for entity, tables in found.items()
        }
        self.add(Seasonal(out=level, period_s=calendar.period_s, smooth=calendar.smooth, tables=levels))
        self.add(Seasonal(out=spread, period_s=calendar.period_s, smooth=False, tables=spreads))
        return level, spread


def _one_step(columns: tuple[str, ...], step: Step) -> Plan:
    return Plan(columns=columns, steps=(step,), features=(), explained=(), history=0, interval_s=0.0)
