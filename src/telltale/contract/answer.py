"""What goes into a runtime and what comes out."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

Context = Literal["row", "window"]


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One or more consecutive rows of one entity, oldest first; the last row is the one to be decided.

    Args:
        rows: values in the order of the version's columns, each row of the same length; None is a missing value.
        times: event times in epoch seconds (UTC), one per row.
        entity: whose rows they are, or None.
    """

    rows: Sequence[Sequence[float | None]]
    times: Sequence[float]
    entity: str | None = None


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a row scores high: a metric outside the range expected at that time, or after the rows just before.

    `expected_low` and `expected_high` are in the unit of `value`. `distance` counts robust deviations from the middle
    of the range, signed. `against` says what the range comes from.
    """

    metric: str
    value: float
    expected_low: float
    expected_high: float
    distance: float
    against: Literal["level", "rows before"] = "level"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One decision.

    `score` is finite and higher = more likely the task's event; `decision` is `score >= threshold`. `context` says
    whether history was at hand ("window") or the plan's declared fall-back was used ("row").
    """

    score: float
    decision: bool
    threshold: float
    context: Context
    reasons: tuple[Reason, ...] = ()


class Runtime(Protocol):
    """A trained version, loaded from its bundle alone.

    An answer depends on the bundle and that input alone: batch size and order do not change it.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns each input row carries, in order."""
        ...

    @property
    def history(self) -> int:
        """How many rows before the last one change an answer; more are ignored."""
        ...

    def answer(self, inputs: Sequence[Input], *, explain: bool = False) -> list[Answer]:
        """One answer per input, in order. Reasons come with `explain` or a positive decision. Raises SchemaError."""
        ...
