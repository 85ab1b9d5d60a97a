"""A plan on one row, or on a window of rows: the path that serving takes.

Rows run oldest first; a windowed step reads the values of the rows before. Of those rows no more is worked out than the
windowed steps read.
"""

from collections.abc import Sequence

from telltale.contract.plan import Plan
from telltale.features.steps import WindowStep, inputs
from telltale.features.written_plan import Row, Slots, written_plan


class CompiledPlan:
    """A plan ready to run on rows.

    >>> from telltale.contract.plan import Log
    >>> plan = Plan(columns=("a",), steps=(Log(out="b", column="a", scale=1.0),), features=("b",), explained=(),
    ...             history=0, interval_s=0.0)
    >>> compiled = CompiledPlan(plan)
    >>> compiled.features(compiled.run([[1.718281828459045]], [0.0], ""))
    [1.0]
    """

    def __init__(self, plan: Plan) -> None:
        self._sequence = plan.sequence
        self._places = {name: place for place, name in enumerate(plan.columns)}
        reads: list[tuple[int, ...]] = [()] * len(plan.columns)
        read_later: set[int] = set()  # the columns that windowed steps of later rows read
        for step in plan.steps:
            reads.append(tuple(self._places[name] for name in inputs(step)))
            if isinstance(step, WindowStep):
                read_later.update(reads[-1])
            self._places[step.out] = len(reads) - 1
        for place in range(len(reads) - 1, -1, -1):
            if place in read_later:
                read_later.update(reads[place])
        self._run = written_plan(plan, range(len(reads)))
        self._run_past = written_plan(plan, read_later) if read_later else None
        self._features = [self._places[name] for name in plan.features]

    def run(self, rows: Sequence[Row], times_s: Sequence[float], entity: str) -> Slots:
        """Every column of the plan at the last row of a window; one row is a window of one."""
        if len(rows) == 1:
            return self._run(rows[0], (), times_s[0], entity)
        return self._run(rows[-1], self._past(rows[:-1], times_s[:-1], entity), times_s[-1], entity)

    def run_tail(self, rows: Sequence[Row], times_s: Sequence[float], entity: str) -> list[Slots]:
        """The same for the last `plan.sequence` rows, oldest first; the first row stands in for rows before it."""
        n_before = max(0, len(rows) - self._sequence)
        past = self._past(rows[:n_before], times_s[:n_before], entity)
        tail: list[Slots] = []
        for row, time_s in zip(rows[n_before:], times_s[n_before:], strict=True):
            tail.append(self._run(row, past, time_s, entity))
            past.append(tail[-1])
        return [tail[0]] * (self._sequence - len(tail)) + tail

    def _past(self, rows: Sequence[Row], times_s: Sequence[float], entity: str) -> list[Slots]:
        """What windowed steps read of rows before, and no more."""
        past: list[Slots] = []
        if self._run_past is not None:
            for row, time_s in zip(rows, times_s, strict=True):
                past.append(self._run_past(row, past, time_s, entity))
        return past

    def features(self, slots: Slots) -> list[float]:
        """The model's inputs."""
        return [slots[place] for place in self._features]

    def tail_features(self, tail: Sequence[Slots]) -> list[float]:
        """The model's inputs of several rows, side by side."""
        places = self._features
        return [slots[place] for slots in tail for place in places]

    def value(self, slots: Slots, name: str) -> float:
        """A named column's value."""
        return slots[self._places[name]]
