"""What a task decides with, where rows and columns alone do not say it: one value per kind of task."""

from typing import Final, Literal

import msgspec

Kind = Literal["score", "choose", "segment", "rank", "forecast", "verify"]

# Kinds whose answers are a score, a threshold and a decision, which labels can say are right or wrong.
SCORING_KINDS: Final[frozenset[Kind]] = frozenset({"score", "verify"})


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


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a task of kind "verify" compares with the entity's own earlier rows: acts, of which only kind and time count.

    Args:
        kinds: the event's column of what kind of act each was.
        kind_names: the values it may have, at most 16.
        began, ended: the columns of when each act began and ended, in ms.
        least_acts: a row of fewer says nothing.
        least_samples: so many rows of the entity must be enrolled before another is verified.
        enrolled: where a version is judged, so many of an entity's first rows are enrolled, or the first half if those
            are fewer; the others are verified.
    """

    kinds: str
    kind_names: tuple[str, ...]
    began: str
    ended: str
    least_acts: int = 10
    least_samples: int = 3
    enrolled: int = 10

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return self.kinds, self.began, self.ended
