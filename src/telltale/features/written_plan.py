"""A plan written as one plain function of local variables.

It is written once per loaded version: called per step, the same arithmetic takes twice as long. Only positions (whole
numbers) stand in the text of that function; every number, table and name of a plan is handed to it as a value, so that
nothing in a bundle is ever read as code.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Container, Mapping, Sequence
from operator import itemgetter
from statistics import median
from typing import Final

from telltale.contract.plan import (
    FURTHEST,
    Change,
    Clip,
    Deviation,
    ForwardFill,
    Largest,
    Log,
    Lookup,
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
    Sum,
    WindowStat,
)
from telltale.features.calendar import MONDAY_OFFSET_S
from telltale.features.steps import RowStep, TextStep, WindowStep, inputs
from telltale.features.text_steps import reader
from telltale.features.time_windows import OF_VALUES

# A row's measured values; None only in columns that a ForwardFill step reads, and text only in those of Lookup and text steps.
Row = Sequence[float | str | None]
# One row's values: the measured columns, then one more per step, then its time where the plan has windows of time. A
# measured value may be None or text, as in a row; only ForwardFill, Lookup and text steps read those.
Slots = list[float]
# (a row's measured values, the slots of the rows before it, its epoch time, its entity) -> its slots
Run = Callable[[Row, Sequence[Slots], float, str], Slots]
_OF_ROWS: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {"median": median, **OF_VALUES}


def written_plan(plan: Plan, wanted: Container[int]) -> Run:
    """The function that works out columns of a row; those that are not wanted are None in what it returns.

    Args:
        plan: a fitted plan.
        wanted: places of steps: the first stands behind the measured columns, which are always returned.

    Raises:
        KeyError: a step reads a column that nothing writes before it.
    """
    places = {name: place for place, name in enumerate(plan.columns)}
    n_slots = len(plan.columns) + len(plan.steps)
    has_time = any(isinstance(step, WindowStat) for step in plan.steps)
    writer = _Writer(len(plan.columns), time_place=n_slots)
    returned = [f"s{place}" for place in range(len(plan.columns))]
    for place, step in enumerate(plan.steps, start=len(plan.columns)):
        if place in wanted:
            writer.write(place, step, places)
        returned.append(f"s{place}" if place in wanted else "None")
        places[step.out] = place
    return writer.function(returned + ["time_s"] * has_time)


class _Writer:
    """The function's text, line by line, and the values it works with."""

    def __init__(self, n_columns: int, *, time_place: int) -> None:
        self._n_columns = n_columns
        self._lines: list[str] = []
        self._values: dict[str, object] = {
            "log1p": math.log1p,
            "sqrt": math.sqrt,
            "floor": math.floor,
            "copysign": math.copysign,
            "median": median,
            "bisect_right": bisect_right,
            "time_of": itemgetter(time_place),
            "last_value": _last_value,
            "furthest": FURTHEST,
            "monday": MONDAY_OFFSET_S,
        }
        self._calendars: dict[tuple[float, int, bool], int] = {}
        self._windows: dict[tuple[float, int], int] = {}
        self._in_window: dict[tuple[int, float, int], int] = {}

    def function(self, returned: Sequence[str]) -> Run:
        """The function."""
        columns = ", ".join(f"s{place}" for place in range(self._n_columns))
        body = [f"({columns},) = row", *self._lines, f"return [{', '.join(returned)}]"]
        text = "def run(row, past, time_s, entity):\n" + "".join(f"    {line}\n" for line in body)
        exec(compile(text, "<plan>", "exec"), self._values)  # noqa: S102 - the text holds positions and nothing else
        run: Run = self._values["run"]  # type: ignore[assignment]  # the line above has put it there
        return run

    def write(self, place: int, step: Step, places: Mapping[str, int]) -> None:
        """Add a step's lines. Raises KeyError where it reads a column that is not there."""
        if isinstance(step, TextStep):
            of = self._of_texts(place, step, places)
        elif isinstance(step, WindowStep):
            of = self._of_rows_before(place, step, places)
        else:
            of = self._of_row(place, step, places)
        self._lines.append(f"s{place} = {of}")

    def _of_texts(self, place: int, step: TextStep, places: Mapping[str, int]) -> str:
        read = ", ".join(f"s{places[name]}" for name in inputs(step))
        return f"{self._value(place, reader(step))}({read})"

    def _of_row(self, place: int, step: RowStep, places: Mapping[str, int]) -> str:
        match step:
            case Log():
                x, k = f"s{places[step.column]}", self._value(place, step.scale)
                return f"log1p({x} / {k}) if {x} >= 0 else -log1p(-{x} / {k})"
            case Ratio():
                above, below = f"s{places[step.numerator]}", f"s{places[step.denominator]}"
                k = self._value(place, step.floor)
                return f"{above} / ({below} if {below} > {k} else {k})"
            case Seasonal():
                return self._seasonal(place, step)
            case Deviation():
                column, level, spread = places[step.column], places[step.level], places[step.spread]
                self._lines.append(f"d = (s{column} - s{level}) / s{spread}")
                return "d if -furthest <= d <= furthest else copysign(furthest, d)"
            case RateDeviation():
                rate, n = f"s{places[step.rate]}", f"s{places[step.count]}"
                expected, own = f"s{places[step.level]}", f"s{places[step.spread]}"
                return f"(sqrt({rate}) - {expected}) / sqrt({own} * {own} + 0.25 / ({n} if {n} > 1.0 else 1.0))"
            case Clip():
                x, k = f"s{places[step.column]}", self._value(place, step.low)
                floored = f"{x} if {x} > {k} else {k}"
                return floored if step.high is None else f"min({floored}, {step.high!r})"
            case Largest():
                sizes = ", ".join(f"abs(s{places[name]})" for name in step.columns)
                return f"max([{sizes}])"
            case Norm():
                squares = " + ".join(f"s{at} * s{at}" for at in (places[name] for name in step.columns))
                return f"sqrt(({squares}) / {len(step.columns)})"
            case Lookup():
                self._values[f"o{place}"] = step.otherwise
                return f"{self._value(place, step.table)}.get(s{places[step.column]}, o{place})"
            case Missing():
                return f"1.0 if s{places[step.column]} is None else 0.0"
            case Sum():
                self._values[f"k{place}"] = step.weights
                return " + ".join(f"s{places[name]} * k{place}[{at}]" for at, name in enumerate(step.columns))
            case Product():
                return " * ".join([*(f"s{places[name]}" for name in step.columns), self._value(place, step.factor)])

    def _of_rows_before(self, place: int, step: WindowStep, places: Mapping[str, int]) -> str:
        match step:
            case Change():
                at, k = places[step.column], self._value(place, step.window)
                return f"s{at} - median([before[{at}] for before in past[-{k}:]]) if past else 0.0"
            case Rolling():
                at, k = places[step.column], self._value(place, step.window)
                rows = f"past[max(0, len(past) + 1 - {k}):]"
                stat = "median" if step.stat == "median" else f"stat{place}"
                self._values[stat] = _OF_ROWS[step.stat]
                alone = "0.0" if step.stat == "std" else f"s{at}"
                if step.alone is not None:
                    self._values[f"a{place}"], self._values[f"c{place}"] = step.alone
                    alone = f"a{place} * s{at} + c{place}"
                    if step.window == 1:
                        return alone
                return f"{stat}([*[before[{at}] for before in {rows}], s{at}]) if past else {alone}"
            case OwnLevel():
                return self._own_level(place, step, places[step.column])
            case ForwardFill():
                at, k, limit = places[step.column], self._value(place, step.otherwise), step.limit
                self._values[f"l{place}"] = limit
                return f"s{at} if s{at} is not None else last_value(past, {at}, l{place}, {k})"
            case WindowStat():
                values = self._window(place, step, places[step.column])
                return f"{self._value(place, OF_VALUES[step.stat])}(w{values})"

    def _own_level(self, place: int, step: OwnLevel, at: int) -> str:
        if step.known is None:
            return "0.0"
        self._values[f"e{place}"] = frozenset(step.known)
        rows = f"past[max(0, len(past) + 1 - {self._value(place, step.window)}):]"
        return f"0.0 if entity in e{place} else median([*[before[{at}] for before in {rows}], s{at}])"

    def _value(self, place: int, value: object) -> str:
        name = f"k{place}"
        self._values[name] = value
        return name

    def _window(self, place: int, step: WindowStat, at: int) -> int:
        """A column's values in a window of time, gathered once for all statistics of it."""
        window = (step.window_s, step.most_rows)
        if window not in self._windows:
            self._windows[window] = place
            self._values[f"d{place}"], self._values[f"m{place}"] = step.window_s, step.most_rows - 1
            in_time = f"bisect_right(past, time_s - d{place}, key=time_of)"
            self._lines.append(f"i{place} = max({in_time}, len(past) - m{place})")
        if (at, *window) not in self._in_window:
            self._in_window[at, *window] = place
            first = self._windows[window]
            self._lines.append(f"w{place} = [before[{at}] for before in past[i{first}:]]")
            self._lines.append(f"w{place}.append(s{at})")
        return self._in_window[at, *window]

    def _seasonal(self, place: int, step: Seasonal) -> str:
        """As `telltale.features.levels.read_table`, the same operations in the same order."""
        n = len(step.tables[""])
        self._values[f"t{place}"], self._values[f"u{place}"] = step.tables, step.tables[""]
        table = f"t{place}.get(entity, u{place})" if len(step.tables) > 1 else f"u{place}"
        if step.period_s == 0:
            return f"{table}[0]"
        at = self._calendar(place, step.period_s, n, smooth=step.smooth)
        if not step.smooth:
            return f"{table}[a{at}]"
        self._lines.append(f"t = {table}")
        return f"t[a{at}] * (1.0 - r{at}) + t[b{at}] * r{at}"

    def _calendar(self, place: int, period_s: float, n: int, *, smooth: bool) -> int:
        """Where this moment falls, worked out once for all tables cut alike."""
        key = (period_s, n, smooth)
        if key not in self._calendars:
            self._calendars[key] = place
            self._values[f"p{place}"], self._values[f"n{place}"] = period_s, n
            slot = f"(time_s + monday) % p{place} * n{place} / p{place}"
            if smooth:
                self._lines += [
                    f"q = {slot} - 0.5",
                    "left = floor(q)",
                    f"a{place} = left % n{place}",
                    f"b{place} = (left + 1) % n{place}",
                    f"r{place} = q - left",
                ]
            else:
                self._lines.append(f"a{place} = int({slot}) % n{place}")
        return self._calendars[key]


def _last_value(past: Sequence[Slots], place: int, limit: int, otherwise: float) -> float:
    """The last value that is there, at most `limit` rows back."""
    for slots in past[: -limit - 1 : -1]:
        value: float | None = slots[place]
        if value is not None:
            return value
    return otherwise
