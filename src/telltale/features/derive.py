"""Build a fitted plan from blocks: the distance of a metric from its expected level, its change, its short window."""

import math
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from msgspec.structs import replace
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.plan import (
    Change,
    Clip,
    Deviation,
    Explained,
    Largest,
    Log,
    Norm,
    Plan,
    RateDeviation,
    Ratio,
    Rolling,
    Seasonal,
    Step,
)
from telltale.features.frame import run_plan
from telltale.features.levels import Calendar, Levels, calendars, choose_calendar, fit_levels, robust_spread
from telltale.telemetry.frames import ENTITY, LABEL, TIME

Floats = NDArray[np.float64]

# Deviations are squashed by a signed logarithm from about this many spreads on: a tree's cuts are uniform over the
# range seen, and one value a thousand spreads out would otherwise leave no cut for those ten spreads out.
SQUASH = 3.0
# How far below its level a metric counts of which only more is the event.
LEAST_EXCESS = -1.0
# A metric whose upper tail stretches further than this above its middle is looked at in logarithms.
_STRETCH = 3.0
# An entity with fewer rows than this takes the table of all entities together.
_ENTITY_ROWS = 200
# Fewer normal rows than this, and medians and spreads mean nothing.
_LEAST_ROWS = 20


@dataclass
class PlanDraft:
    """A plan being built on training rows; `finish` makes it one.

    Rows labelled positive are left out of every table.
    """

    frame: pl.DataFrame
    columns: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)
    explained: list[Explained] = field(default_factory=list)
    history: int = 0
    _told_by: dict[str, Explained] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if LABEL in self.frame.columns:
            self.frame = self.frame.filter(pl.col(LABEL).fill_null(0) == 0)
        if self.frame.height < _LEAST_ROWS:
            raise NotEnoughDataError(
                f"{self.frame.height} normal rows to fit on",
                where="features",
                mend=f"Give at least {_LEAST_ROWS} rows that are not labelled anomalous.",
            )
        if self.frame[TIME].null_count():
            self._interval_s = self._span_s = 0.0
        else:
            seconds = self.frame[TIME].dt.epoch("us").to_numpy() / 1e6
            gaps = np.diff(np.unique(seconds))
            self._interval_s = float(np.median(gaps)) if len(gaps) else 0.0
            self._span_s = float(seconds.max() - seconds.min()) + self._interval_s

    def ratio(self, out: str, numerator: str, denominator: str) -> str:
        """A ratio of two metrics; the floor of the denominator is its own lower tail."""
        low = float(np.quantile(self._values(denominator), 0.001))
        floor = max(low, 1e-9 + 1e-3 * float(np.median(np.abs(self._values(denominator)))))
        out = self._free(out)
        self._add(Ratio(out=out, numerator=numerator, denominator=denominator, floor=floor))
        return out

    def deviation(self, column: str, *, only_more: bool = False) -> str:
        """Distance from the level of this moment, in spreads, squashed: `{column}_deviation`.

        Args:
            column: a metric or a column written before.
            only_more: less than expected is never the event (latencies).
        """
        values = self._values(column)
        log_scale = _log_scale(values)
        looked_at = column
        if log_scale is not None:
            looked_at = self._free(f"{column}_log")
            self._add(Log(out=looked_at, column=column, scale=log_scale))
        level, spread = self._expect(column, looked_at, least=_least_spread(values, log_scale))
        distance = self._free(f"{column}_distance")
        self._add(Deviation(out=distance, column=looked_at, level=level, spread=spread))
        told = Explained(
            distance=distance, metric=column, level=level, spread=spread, log_scale=log_scale, only_more=only_more
        )
        return self._squash(told)

    def rate_deviation(self, rate: str, count: str) -> str:
        """The same for a share of `count` events, weighed by the count; less than expected is never the event."""
        root, n = np.sqrt(self._values(rate)), np.maximum(self._values(count), 1.0)
        sampling = float(np.sqrt(np.median(0.25 / n)))
        level, spread = self._expect(rate, self._free(f"{rate}_root"), least=0.005, values=root, noise=sampling)
        distance = self._free(f"{rate}_distance")
        self._add(RateDeviation(out=distance, rate=rate, count=count, level=level, spread=spread))
        told = Explained(distance=distance, metric=rate, level=level, spread=spread, count=count, only_more=True)
        return self._squash(told)

    def change(self, column: str, *, window: int) -> str:
        """How far a column is from the median of the rows just before: `{column}_change`."""
        out = self._free(f"{column}_change")
        self._add(Change(out=out, column=column, window=window))
        self.history = max(self.history, window)
        told = self._told_by.get(column)
        if told is not None:
            spread = robust_spread(np.abs(self._values(out)), floor=0.01)
            changed = replace(told, change=out, squashed=column, squash=SQUASH, change_spread=spread)
            self.explained.append(changed)
        return out

    def rolling(self, column: str, *, window: int) -> str:
        """The median of a short window: `{column}_recent`."""
        out = self._free(f"{column}_recent")
        self._add(Rolling(out=out, column=column, window=window))
        self.history = max(self.history, window - 1)
        return out

    def largest(self, out: str, columns: tuple[str, ...]) -> str:
        """The largest of several deviations, whichever it is."""
        out = self._free(out)
        self._add(Largest(out=out, columns=columns))
        return out

    def norm(self, out: str, columns: tuple[str, ...]) -> str:
        """The length of several deviations together."""
        out = self._free(out)
        self._add(Norm(out=out, columns=columns))
        return out

    def finish(self, *features: str) -> Plan:
        """The plan, with the columns that the model sees."""
        return Plan(
            columns=self.columns,
            steps=tuple(self.steps),
            features=features,
            explained=tuple(self.explained),
            history=self.history,
            interval_s=self._interval_s,
        )

    def _free(self, name: str) -> str:
        """The name, longer where a measured column has it already (`cpu` beside `cpu_level`)."""
        while name in self.frame.columns:
            name += "_"
        return name

    def _add(self, step: Step) -> None:
        self.steps.append(step)
        self.frame = run_plan(_one_step(self.columns, step), self.frame)

    def _values(self, column: str) -> Floats:
        return self.frame[column].to_numpy().astype(np.float64)

    def _squash(self, told: Explained) -> str:
        out = self._free(f"{told.metric}_deviation")
        distance = told.distance
        if told.only_more:
            excess = self._free(f"{told.metric}_excess")
            self._add(Clip(out=excess, column=distance, low=LEAST_EXCESS))
            distance = excess
        self._add(Log(out=out, column=distance, scale=SQUASH))
        self.explained.append(told)
        self._told_by[out] = told
        return out

    def _expect(
        self, column: str, looked_at: str, *, least: float, values: Floats | None = None, noise: float = 0.0
    ) -> tuple[str, str]:
        """Fit and add the level and spread steps of a column; their names. `noise` is taken out of the spread."""
        frame = self.frame if values is None else self.frame.with_columns(pl.Series(looked_at, values))
        found = self._fit(frame, looked_at, least=least)
        calendar = found[""].calendar
        level, spread = self._free(f"{column}_level"), self._free(f"{column}_spread")
        levels = {entity: tables.level for entity, tables in found.items()}
        spreads = {
            entity: tuple(max(least, math.sqrt(max(0.0, x * x - noise * noise))) for x in tables.spread)
            for entity, tables in found.items()
        }
        self._add(Seasonal(out=level, period_s=calendar.period_s, smooth=calendar.smooth, tables=levels))
        self._add(Seasonal(out=spread, period_s=calendar.period_s, smooth=False, tables=spreads))
        return level, spread

    def _fit(self, frame: pl.DataFrame, column: str, *, least: float) -> dict[str, Levels]:
        """Tables for all entities together (under "") and for each entity with rows enough, on one calendar."""
        options = calendars(self._span_s, self._interval_s)
        names = frame[ENTITY].unique().sort().to_list()
        pooled = self._rows(frame, column)
        calendar = self._calendar(frame, column, options, pooled)
        levels = {"": fit_levels(*pooled, calendar, floor=least)}
        for name in names if names != [""] else []:
            rows = self._rows(frame.filter(pl.col(ENTITY) == name), column)
            if len(rows[0]) >= _ENTITY_ROWS:
                levels[name] = fit_levels(*rows, calendar, floor=least)
        return levels

    def _calendar(
        self, frame: pl.DataFrame, column: str, options: tuple[Calendar, ...], pooled: tuple[Floats, Floats]
    ) -> Calendar:
        """One calendar serves all entities: the one the largest entity's days ask for."""
        counts = frame[ENTITY].value_counts().sort("count", ENTITY, descending=True)
        if counts.height == 1:
            return choose_calendar(*pooled, options)
        return choose_calendar(*self._rows(frame.filter(pl.col(ENTITY) == counts[ENTITY][0]), column), options)

    def _rows(self, frame: pl.DataFrame, column: str) -> tuple[Floats, Floats]:
        values = frame[column].to_numpy().astype(np.float64)
        if self._interval_s == 0:
            return np.zeros(len(values)), values
        times_s = frame[TIME].dt.epoch("us").to_numpy() / 1e6
        order = np.argsort(times_s, kind="stable")
        return times_s[order], values[order]


def derive_generic(frame: pl.DataFrame, columns: tuple[str, ...]) -> Plan:
    """A plan for any numeric columns: each one's distance from its level, its change, and all of them together."""
    draft = PlanDraft(frame, columns)
    deviations = tuple(draft.deviation(column) for column in columns)
    changes = tuple(draft.change(name, window=6) for name in deviations)
    if len(columns) == 1:
        return draft.finish(*deviations, *changes, draft.rolling(deviations[0], window=6))
    return draft.finish(
        *deviations,
        *changes,
        draft.largest("largest_deviation", deviations),
        draft.norm("all_deviations", deviations),
        draft.largest("largest_change", changes),
    )


def _one_step(columns: tuple[str, ...], step: Step) -> Plan:
    return Plan(columns=columns, steps=(step,), features=(), explained=(), history=0, interval_s=0.0)


def _log_scale(values: Floats) -> float | None:
    """The scale of the logarithm for a metric that is never negative and stretches upwards; else None."""
    low, middle, high = np.quantile(values, (0.02, 0.5, 0.98))
    if values.min() < 0 or high <= 0:
        return None
    above, below = high - middle, middle - low
    stretched = high > _STRETCH * max(middle, 1e-12) or above > _STRETCH * max(below, 1e-12 * high)
    positive = values[values > 0]
    return float(np.quantile(positive, 0.1)) if stretched and len(positive) else None


def _least_spread(values: Floats, log_scale: float | None) -> float:
    """A spread below which a difference is not worth a person's time: a hundredth of the middle, never zero."""
    if log_scale is not None:
        return 0.02
    scale = float(np.median(np.abs(values)))
    width = float(values.max() - values.min())
    return max(0.01 * scale, 0.002 * width, 1e-9)
