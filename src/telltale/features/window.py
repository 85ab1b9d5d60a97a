"""A plan on one row, or on a window of rows, as one plain function: the path that serving takes.

`CompiledPlan` writes a function of local variables, once per loaded version: called per step, the same arithmetic takes
twice as long. Only positions (whole numbers) stand in the text of that function; every number, table and name of a plan
is handed to it as a value, so that nothing in a bundle is ever read as code. Rows run oldest first; a windowed step
reads the values of the rows before.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from telltale.contract.plan import (
    FURTHEST,
    Change,
    Clip,
    Deviation,
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
from telltale.features.calendar import MONDAY_OFFSET_S

# One row's values: the measured columns, then one more per step.
Slots = list[float]
# (a row's measured values, the slots of the rows before it, its epoch time, its entity) -> its slots
_Run = Callable[[Sequence[float], Sequence[Slots], float, str], Slots]


class CompiledPlan:
    """A plan ready to run on rows.

    >>> plan = Plan(columns=("a",), steps=(Log(out="b", column="a", scale=1.0),), features=("b",), explained=(),
    ...             history=0, interval_s=0.0)
    >>> compiled = CompiledPlan(plan)
    >>> compiled.features(compiled.run([[math.e - 1]], [0.0], ""))
    [1.0]
    """

    def __init__(self, plan: Plan) -> None:
        self._places = {name: place for place, name in enumerate(plan.columns)}
        writer = _Writer(len(plan.columns))
        for place, step in enumerate(plan.steps, start=len(plan.columns)):
            writer.write(place, step, self._places)
            self._places[step.out] = place
        self._run = writer.function(len(plan.columns) + len(plan.steps))
        self._features = [self._places[name] for name in plan.features]

    def run(self, rows: Sequence[Sequence[float]], times_s: Sequence[float], entity: str) -> Slots:
        """Every column of the plan at the last row of a window; one row is a window of one."""
        past: list[Slots] = []
        for row, time_s in zip(rows, times_s, strict=True):
            past.append(self._run(row, past, time_s, entity))
        return past[-1]

    def features(self, slots: Slots) -> list[float]:
        """The model's inputs."""
        return [slots[place] for place in self._features]

    def value(self, slots: Slots, name: str) -> float:
        """A named column's value."""
        return slots[self._places[name]]


class _Writer:
    """The function's text, line by line, and the values it works with."""

    def __init__(self, n_columns: int) -> None:
        self._n_columns = n_columns
        self._lines: list[str] = []
        self._values: dict[str, object] = {
            "log1p": math.log1p,
            "sqrt": math.sqrt,
            "floor": math.floor,
            "copysign": math.copysign,
            "median": median,
            "furthest": FURTHEST,
            "monday": MONDAY_OFFSET_S,
        }
        self._calendars: dict[tuple[float, int, bool], int] = {}

    def function(self, n_slots: int) -> _Run:
        """The function."""
        names = ", ".join(f"s{place}" for place in range(n_slots))
        columns = ", ".join(f"s{place}" for place in range(self._n_columns))
        body = [f"({columns},) = row", *self._lines, f"return [{names}]"]
        text = "def run(row, past, time_s, entity):\n" + "".join(f"    {line}\n" for line in body)
        exec(compile(text, "<plan>", "exec"), self._values)  # noqa: S102 - the text holds positions and nothing else
        run: _Run = self._values["run"]  # type: ignore[assignment]  # the line above has put it there
        return run

    def write(self, place: int, step: Step, places: Mapping[str, int]) -> None:
        """Add a step's lines. Raises KeyError where it reads a column that is not there."""
        self._lines.append(f"s{place} = {self._expression(place, step, places)}")

    def _expression(self, place: int, step: Step, places: Mapping[str, int]) -> str:
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
                return f"{x} if {x} > {k} else {k}"
            case Change():
                at, k = places[step.column], self._value(place, step.window)
                return f"s{at} - median([before[{at}] for before in past[-{k}:]]) if past else 0.0"
            case Rolling():
                at, k = places[step.column], self._value(place, step.window)
                rows = f"past[max(0, len(past) + 1 - {k}):]"
                return f"median([*[before[{at}] for before in {rows}], s{at}]) if past else s{at}"
            case Largest():
                sizes = ", ".join(f"abs(s{places[name]})" for name in step.columns)
                return f"max([{sizes}])"
            case Norm():
                squares = " + ".join(f"s{at} * s{at}" for at in (places[name] for name in step.columns))
                return f"sqrt(({squares}) / {len(step.columns)})"

    def _value(self, place: int, value: object) -> str:
        name = f"k{place}"
        self._values[name] = value
        return name

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
