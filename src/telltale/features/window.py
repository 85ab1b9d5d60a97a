"""A plan on one row, or on a window of rows, as plain functions: the path that serving takes.

No array is made and nothing is looked up by name per request: `CompiledPlan` turns each step into one closure over
slots, once per loaded version. Rows run oldest first; a windowed step reads the slots of the rows before.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from math import floor
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
    Scale,
    Seasonal,
    Step,
)
from telltale.features.calendar import MONDAY_OFFSET_S

# One row's values: the measured columns, then one more per step.
Slots = list[float]
# (this row's slots so far, the slots of the rows before it, its epoch time, its entity) -> the step's value
_Run = Callable[[Slots, Sequence[Slots], float, str], float]


class CompiledPlan:
    """A plan ready to run on rows.

    >>> plan = Plan(columns=("a",), steps=(Log(out="b", column="a", scale=1.0),), features=("b",), explained=(),
    ...             history=0, interval_s=0.0)
    >>> compiled = CompiledPlan(plan)
    >>> compiled.features(compiled.run([[math.e - 1]], [0.0], ""))
    [1.0]
    """

    def __init__(self, plan: Plan) -> None:
        places = {name: place for place, name in enumerate(plan.columns)}
        self._steps: list[_Run] = []
        for place, step in enumerate(plan.steps, start=len(plan.columns)):
            self._steps.append(_compile(step, places))
            places[step.out] = place
        self._places = places
        self._features = [places[name] for name in plan.features]

    def run(self, rows: Sequence[Sequence[float]], times_s: Sequence[float], entity: str) -> Slots:
        """Every column of the plan at the last row of a window; one row is a window of one."""
        steps = self._steps
        past: list[Slots] = []
        slots: Slots = []
        for row, time_s in zip(rows, times_s, strict=True):
            slots = [*row]
            add = slots.append
            for step in steps:
                add(step(slots, past, time_s, entity))
            past.append(slots)
        return slots

    def features(self, slots: Slots) -> list[float]:
        """The model's inputs."""
        return [slots[place] for place in self._features]

    def value(self, slots: Slots, name: str) -> float:
        """A named column's value."""
        return slots[self._places[name]]


def _compile(step: Step, places: Mapping[str, int]) -> _Run:
    match step:
        case Log():
            return _log(places[step.column], step.scale)
        case Ratio():
            return _ratio(places[step.numerator], places[step.denominator], step.floor)
        case Seasonal():
            return _seasonal(step)
        case Deviation():
            return _deviation(places[step.column], places[step.level], places[step.spread])
        case RateDeviation():
            return _rate_deviation(places[step.rate], places[step.count], places[step.level], places[step.spread])
        case Clip():
            return _clip(places[step.column], step.low)
        case Change():
            return _change(places[step.column], step.window)
        case Rolling():
            return _rolling(places[step.column], step.window)
        case Scale():
            return _scale(places[step.column], step.centre, step.spread)
        case Largest():
            return _largest([places[name] for name in step.columns])
        case Norm():
            return _norm([places[name] for name in step.columns])


def _log(column: int, scale: float, log1p: Callable[[float], float] = math.log1p) -> _Run:
    def run(slots: Slots, _past: Sequence[Slots], _time_s: float, _entity: str) -> float:
        x = slots[column]
        return log1p(x / scale) if x >= 0 else -log1p(-x / scale)

    return run


def _ratio(numerator: int, denominator: int, floor: float) -> _Run:
    def run(slots: Slots, _past: Sequence[Slots], _time_s: float, _entity: str) -> float:
        below = slots[denominator]
        return slots[numerator] / (max(floor, below))

    return run


def _seasonal(step: Seasonal) -> _Run:
    """As `telltale.features.levels.read_table`, the same operations in the same order."""
    tables, period_s, n = step.tables, step.period_s, len(step.tables[""])
    unseen = tables[""]

    def constant(_slots: Slots, _past: Sequence[Slots], _time_s: float, entity: str) -> float:
        return tables.get(entity, unseen)[0]

    def stepped(_slots: Slots, _past: Sequence[Slots], time_s: float, entity: str) -> float:
        return tables.get(entity, unseen)[int((time_s + MONDAY_OFFSET_S) % period_s * n / period_s) % n]

    def smooth(_slots: Slots, _past: Sequence[Slots], time_s: float, entity: str) -> float:
        table = tables.get(entity, unseen)
        slot = (time_s + MONDAY_OFFSET_S) % period_s * n / period_s - 0.5
        left = floor(slot)
        share = slot - left
        return table[left % n] * (1.0 - share) + table[(left + 1) % n] * share

    return constant if period_s == 0 else smooth if step.smooth else stepped


def _deviation(column: int, level: int, spread: int) -> _Run:
    def run(slots: Slots, _past: Sequence[Slots], _time_s: float, _entity: str) -> float:
        distance = (slots[column] - slots[level]) / slots[spread]
        return distance if -FURTHEST <= distance <= FURTHEST else math.copysign(FURTHEST, distance)

    return run


def _rate_deviation(rate: int, count: int, level: int, spread: int, sqrt: Callable[[float], float] = math.sqrt) -> _Run:
    def run(slots: Slots, _past: Sequence[Slots], _time_s: float, _entity: str) -> float:
        own, n = slots[spread], slots[count]
        return (sqrt(slots[rate]) - slots[level]) / sqrt(own * own + 0.25 / (max(1.0, n)))

    return run


def _clip(column: int, low: float) -> _Run:
    return lambda slots, _past, _time_s, _entity: max(low, slots[column])


def _change(column: int, window: int) -> _Run:
    def run(slots: Slots, past: Sequence[Slots], _time_s: float, _entity: str) -> float:
        return slots[column] - median([before[column] for before in past[-window:]]) if past else 0.0

    return run


def _rolling(column: int, window: int) -> _Run:
    def run(slots: Slots, past: Sequence[Slots], _time_s: float, _entity: str) -> float:
        before = past[len(past) + 1 - window :] if len(past) >= window else past
        return median([*[row[column] for row in before], slots[column]]) if before else slots[column]

    return run


def _scale(column: int, centre: float, spread: float) -> _Run:
    return lambda slots, _past, _time_s, _entity: (slots[column] - centre) / spread


def _largest(columns: Sequence[int]) -> _Run:
    return lambda slots, _past, _time_s, _entity: max([abs(slots[place]) for place in columns])


def _norm(columns: Sequence[int], sqrt: Callable[[float], float] = math.sqrt) -> _Run:
    n = len(columns)
    return lambda slots, _past, _time_s, _entity: sqrt(sum([slots[place] * slots[place] for place in columns]) / n)
