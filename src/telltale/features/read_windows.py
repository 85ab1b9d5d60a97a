"""How far back a model reads each metric: a reason for its answer may lie in any of those rows."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import msgspec

from telltale.contract.plan import Deviation, Explained, OwnLevel, Plan, Rolling, Step, Sum, WindowStat
from telltale.features.steps import inputs


class ReadWindow(msgspec.Struct, frozen=True, kw_only=True):
    """The rows in which a model reads a metric: the last `n_rows`, and those of the last so many seconds.

    Args:
        n_rows: whose features the model is handed, or that a statistic of its rows is of, >= 1.
        spans: (seconds, rows at most) of each WindowStat step that the metric goes into.
        own: (column, weight) of each OwnLevel step in the metric's level. A statistic of a window holds all of its rows
            against what that is in the last one, and so must a reason; empty where the model is handed the rows themselves,
            each of them held against its own.
    """

    n_rows: int = 1
    spans: tuple[tuple[float, int], ...] = ()
    own: tuple[tuple[str, float], ...] = ()

    @property
    def most_rows(self) -> int:
        """How many rows that can be, the last one included."""
        return max(self.n_rows, *(most_rows for _, most_rows in self.spans), 1)

    def first(self, times_s: Sequence[float]) -> int:
        """The place of the oldest of those rows.

        Args:
            times_s: event times of an entity's rows, oldest first; NaN is no time, and such a row is alone in its seconds.

        >>> ReadWindow(n_rows=2, spans=((30.0, 10),)).first([0.0, 10.0, 20.0, 30.0])
        1
        """
        n = len(times_s)
        first = n - self.n_rows
        for window_s, most_rows in self.spans:
            first = min(first, max(bisect_right(times_s, times_s[-1] - window_s), n - most_rows))
        return max(first, 0)


def read_windows(plan: Plan) -> tuple[ReadWindow, ...]:
    """The window of each of `plan.explained`, in order; of one row where the model reads the metric in the last row alone.

    What a plan works out of those rows, `own` aside, is the same whether rows before them are at hand or not, since
    `plan.history` is made so.
    """
    writes = {step.out: step for step in plan.steps}
    spans: dict[str, set[tuple[float, int]]] = {}
    rows: dict[str, int] = {}
    for step in plan.steps:
        if isinstance(step, WindowStat):
            if step.stat in {"count", "distinct"}:
                continue  # how large a value was in a row before is not what is counted
            for name in _read_by(step, writes):
                spans.setdefault(name, set()).add((step.window_s, step.most_rows))
        elif isinstance(step, Rolling) and step.stat != "median":
            for name in _read_by(step, writes):
                rows[name] = max(step.window, rows.get(name, 1))
    return tuple(
        ReadWindow(
            n_rows=max(plan.sequence, *(rows.get(name, 1) for name in told)),
            spans=tuple(sorted({span for name in told for span in spans.get(name, ())})),
            own=() if plan.sequence > 1 else _own_levels(item, writes),
        )
        for item in plan.explained
        for told in (_told(item, writes),)
    )


def _read_by(step: Step, writes: Mapping[str, Step]) -> set[str]:
    """The columns that go into a step, also by way of other steps."""
    found: set[str] = set()
    waiting = list(inputs(step))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += inputs(writes[name]) if name in writes else ()
    return found


def _told(item: Explained, writes: Mapping[str, Step]) -> tuple[str, ...]:
    """The columns of which a window is one of the metric: its distance, and what that is the distance of."""
    if item.change is not None:
        return (item.change,)
    step = writes.get(item.distance)
    return (item.distance, step.column) if isinstance(step, Deviation) else (item.distance,)


def _own_levels(item: Explained, writes: Mapping[str, Step]) -> tuple[tuple[str, float], ...]:
    level = writes.get(item.level)
    if not isinstance(level, Sum):
        return ()
    parts = zip(level.columns, level.weights, strict=True)
    return tuple((name, weight) for name, weight in parts if isinstance(writes.get(name), OwnLevel))
