"""What a task decides with, where rows and columns alone do not say it: one value per kind of task."""

from typing import Literal

import msgspec

Kind = Literal["score", "choose", "segment", "rank", "forecast"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a choice leads to, above 0, learned from the rows on which it was measured.

    Args:
        name: as in "ratio".
        column: the event's column that measured it, with `{choice}` in it: "{choice}_ratio".
        weight: the plan's column that turns it into a cost: a choice costs the sum of weight times outcome.
        known: its value for choices that nobody needs to measure.
    """

    name: str
    column: str
    weight: str
    known: dict[str, float] = {}


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What a task of kind "choose" chooses from: the cheapest by predicted cost, in `unit`."""

    names: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    unit: str

    def columns(self) -> tuple[str, ...]:
        """The event's columns that measured outcomes."""
        return tuple(
            outcome.column.format(choice=name)
            for outcome in self.outcomes
            for name in self.names
            if name not in outcome.known
        )


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """What a task of kind "rank" orders: the values of `item`, for an entity. `weight` is a numeric column, or None."""

    item: str
    weight: str | None = None


class Forecasting(msgspec.Struct, frozen=True, kw_only=True):
    """What a task of kind "forecast" continues: `value`, `horizon` steps ahead, with an interval of `level`."""

    value: str
    horizon: int
    level: float = 0.95
