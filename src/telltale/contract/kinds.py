"""What a task decides with, where rows and columns alone do not say it: one value per kind of task."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Literal

import msgspec
from msgspec import structs

Kind = Literal["score", "choose", "segment", "rank", "forecast", "verify", "similar", "next", "act"]

# Kinds whose answers are a score, a threshold and a decision, which labels can say are right or wrong.
SCORING_KINDS: Final[frozenset[Kind]] = frozenset({"score", "verify"})
# Kinds whose versions go on learning from what is stored: state beside the version, which itself never changes.
LEARNING_KINDS: Final[frozenset[Kind]] = frozenset({"similar", "act"})


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
    """What a task of kind "choose" chooses from: the cheapest by predicted cost, in `unit`.

    `scenarios` are prices at which a version is judged beside those of the rows: by their name, values of columns.
    """

    names: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    unit: str
    scenarios: dict[str, dict[str, float]] = {}

    def columns(self) -> tuple[str, ...]:
        """The event's columns that measured outcomes."""
        return tuple(
            outcome.column.format(choice=name)
            for outcome in self.outcomes
            for name in self.names
            if name not in outcome.known
        )

    def only(self, names: Collection[str]) -> "Choices":
        """The same with these choices alone, in their order here."""
        return structs.replace(self, names=tuple(name for name in self.names if name in names))


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """What a task of kind "rank" orders: the values of `item`, for an entity.

    Args:
        item: the column that names an item.
        weight: a numeric column of how much a row says, or None.
        kind: the column of what the entity did with the item, or None; `kind_weights` says how much each kind says, 1
            where it says nothing.
        attributes: columns (dtype "str" or "strs") of what an item is; the latest value of each that a row gave counts.
        segment: the column of the group that an entity belongs to, or None; the latest counts.
        had_too: other events of the app, about the same entities, whose stored rows have the column `item` too: who is in them has
            had those items, whether a version was trained on that or not.
    """

    item: str
    weight: str | None = None
    kind: str | None = None
    kind_weights: dict[str, float] = {}
    attributes: tuple[str, ...] = ()
    segment: str | None = None
    had_too: tuple[str, ...] = ()


class Forecasting(msgspec.Struct, frozen=True, kw_only=True):
    """What a task of kind "forecast" continues: `value`, `horizon` steps ahead, with an interval of `level`."""

    value: str
    horizon: int
    level: float = 0.95


class Segmenting(msgspec.Struct, frozen=True, kw_only=True):
    """What the segments of a task of kind "segment" are for, where rows say what came of them later.

    Args:
        outcomes: numeric columns of what came later, known of some rows; segments are to tell the first one apart. No model
            sees them as features.
        plain: columns whose quintiles, added up, are the plain way to order rows: what a version must not be worse than. With
            a "-" before it less of a column is better. None may be empty.
        named: names for the segments, best first, from the median of each column in each; None: what stands out names them.
    """

    outcomes: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    named: Callable[[Sequence[Mapping[str, float]]], Sequence[str]] | None = None


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


class Similarity(msgspec.Struct, frozen=True, kw_only=True):
    """What a task of kind "similar" compares: things named by `item`, each with a set of fingerprints.

    Args:
        item: the column that names a thing.
        fingerprints: the column of its set: whole numbers from 0 to 2**53 - 1, in any order.
        figures: numeric columns; things that share no fingerprint with what is asked for are compared by these.
        removed: the column that says (1) that the thing is no longer there, or "" where nothing ever goes.
    """

    item: str
    fingerprints: str
    figures: tuple[str, ...] = ()
    removed: str = ""


class Succession(msgspec.Struct, frozen=True, kw_only=True):
    """What a task of kind "next" foretells: the values of `item` that an entity comes to next, after those before."""

    item: str


class Reward(msgspec.Struct, frozen=True, kw_only=True):
    """What an action was worth, as a row tells it: a column, or less of it where that is a cost.

    Args:
        column: the measure.
        is_cost: less of it is better.
        success: the column that is 0 where the action failed, or "".
        failure: what counts in place of `column` where it failed.
    """

    column: str
    is_cost: bool = False
    success: str = ""
    failure: float = 0.0


class Acting(msgspec.Struct, frozen=True, kw_only=True):
    """What a task of kind "act" does: one of several actions, in a context, for a reward that comes later.

    Args:
        action: the columns of what was done: one of text, or several numeric ones with `options`.
        reward: what it was worth.
        context: numeric columns that are known before; any of them may be missing.
        available: the column (dtype "strs") of what could have been done; "" where `options` says it.
        options: the values each numeric column of the action may take; every combination is an action, and none outside.
        propensity: the column of the probability with which the action was chosen.
    """

    action: tuple[str, ...]
    reward: Reward
    context: tuple[str, ...] = ()
    available: str = ""
    options: dict[str, tuple[float, ...]] = {}
    propensity: str = "propensity"
