"""Reasons for the answers of a version: of the row that is decided, or of the window of rows that its model reads."""

from collections.abc import Sequence
from functools import partial
from typing import final

import polars as pl
from msgspec.structs import replace

from telltale.contract.answer import Reason
from telltale.contract.plan import Plan
from telltale.features.frame import entity_starts, epoch_s
from telltale.features.read_windows import ReadWindow, read_windows
from telltale.features.reasons import reasons, window_reasons
from telltale.features.steps import steps_for
from telltale.features.window import CompiledPlan
from telltale.models.row_inputs import RowInputs, Tail, Window


@final
class Explanation:
    """The reasons that a plan has for an answer. They cost more than the answer where the model reads a window: ask for few.

    Args:
        inputs: the plan at work.
    """

    def __init__(self, inputs: RowInputs) -> None:
        self._inputs, self._plan = inputs, inputs.plan
        self._windows = read_windows(self._plan)
        self._n_rows = max((window.most_rows for window in self._windows), default=1)
        # Of the rows before those that a model is handed, a tail holds no more than steps read of them: for the reasons
        # they are worked out anew.
        is_in_tail = self._n_rows <= self._plan.sequence
        self._names = _told(self._plan, self._windows)
        steps = steps_for(self._plan.steps, self._names)  # a third of them, where a model reads statistics of windows
        told = replace(self._plan, steps=steps, features=(), sequence=self._n_rows)
        self._compiled = None if is_in_tail else CompiledPlan(told)

    def of_window(self, window: Window, tail: Tail) -> tuple[Reason, ...]:
        """Reasons for the answer to the last row of a window, of which `tail` was made for the model."""
        if self._n_rows == 1:
            return reasons(self._plan, partial(self._inputs.value, tail))
        rows, times_s, _ = window
        n = min(len(rows), self._n_rows)
        if self._compiled is None:
            told = [partial(self._inputs.value, [slots]) for slots in tail[-n:]]
        else:
            told = [partial(self._compiled.value, slots) for slots in self._compiled.run_tail(*window)[-n:]]
        return window_reasons(self._plan, self._windows, rows=told, times_s=times_s[-n:])

    def of_frame(self, frame: pl.DataFrame, places: Sequence[int]) -> list[tuple[Reason, ...]]:
        """Reasons for the answers to some rows of a checked frame, sorted by entity and time, by their places."""
        done = self._inputs.run(frame, names=self._names)
        if self._n_rows == 1:
            return [reasons(self._plan, row.__getitem__) for row in done[list(places)].iter_rows(named=True)]
        times_s, starts = epoch_s(frame).to_list(), entity_starts(frame)
        found = []
        for place in places:
            first = max(int(starts[place]), place + 1 - self._n_rows)
            told = [row.__getitem__ for row in done[first : place + 1].iter_rows(named=True)]
            found.append(window_reasons(self._plan, self._windows, rows=told, times_s=times_s[first : place + 1]))
        return found


def _told(plan: Plan, windows: Sequence[ReadWindow]) -> frozenset[str]:
    """The columns that reasons are drawn from."""
    found = {name for window in windows for name, _ in window.own}
    for item in plan.explained:
        found.update((item.distance, item.metric, item.level, item.spread))
        found.update(name for name in (item.count, item.change, item.squashed) if name)
    return frozenset(found)
