"""A metric against the level of its entity, also of one that was not there at training: blocks of a plan."""

from dataclasses import dataclass

from telltale.contract.plan import Deviation, Explained, Log, OwnLevel, Ratio, Seasonal, Sum
from telltale.features.derive import SQUASH, PlanDraft, Stat
from telltale.features.expected import smallest_scale

# A spread of logarithms below which a difference is not worth a person's time.
_LEAST_SPREAD = 0.02


@dataclass(frozen=True, kw_only=True)
class Apart:
    """Names of the columns that say how a metric lies from its level.

    Args:
        column: the metric.
        scale: of its logarithm.
        logs: its logarithm.
        apart: that less the level of the moment.
        own: for a new entity, what its rows lie apart in the middle; 0 for others.
        expected: the level moved by that.
        spread: of the moment.
    """

    column: str
    scale: float
    logs: str
    apart: str
    own: str
    expected: str
    spread: str


def apart(draft: PlanDraft, column: str, *, rows: int) -> Apart:
    """How a column that is never negative lies from its level of this moment, as logarithms, also of new entities.

    Of an entity seen in training the level stands in a table of its own. That of another one is what this time of the
    day does to entities, moved to the median of its last rows: at its first row it lies nowhere, and from a
    full window on it is watched as the others are.

    Args:
        draft: the plan being built.
        column: a metric or a column written before, >= 0.
        rows: of a new entity, whose median is its level.
    """
    scale = smallest_scale(draft.frame, column)
    logs = draft.free(f"{column}_log")
    draft.add(Log(out=logs, column=column, scale=scale))
    level, spread = draft.expect(column, logs, least=_LEAST_SPREAD, moves=True)
    lies, own, moved = (draft.free(f"{column}_{what}") for what in ("apart", "own_level", "expected"))
    draft.add(Sum(out=lies, columns=(logs, level), weights=(1.0, -1.0)))
    tables = next(step.tables for step in draft.steps if isinstance(step, Seasonal) and step.out == level)
    known = tuple(name for name in tables if name) or None
    draft.add(OwnLevel(out=own, column=lies, window=rows, known=known), back=rows - 1)
    draft.add(Sum(out=moved, columns=(level, own), weights=(1.0, 1.0)))
    return Apart(column=column, scale=scale, logs=logs, apart=lies, own=own, expected=moved, spread=spread)


def apart_now(draft: PlanDraft, of: Apart, *, only_more: bool = False) -> str:
    """Its distance in spreads, squashed: `{column}_deviation`. `only_more`: less than expected is never the event."""
    distance = draft.free(f"{of.column}_distance")
    draft.add(Deviation(out=distance, column=of.logs, level=of.expected, spread=of.spread))
    told = Explained(
        distance=distance,
        metric=of.column,
        told_as=draft.filled_from(of.column),
        level=of.expected,
        spread=of.spread,
        log_scale=of.scale,
        only_more=only_more,
    )
    return draft.squash(told)


def apart_over(draft: PlanDraft, of: Apart, stat: Stat, window_s: float, *, out: str) -> str:
    """A statistic of it over the last `window_s` seconds, in spreads, squashed: `out`."""
    found = draft.window_stat(of.apart, stat, window_s, out=f"{out}_apart")
    told, out = draft.free(f"{out}_distance"), draft.free(out)
    if stat == "std":
        draft.add(Ratio(out=told, numerator=found, denominator=of.spread, floor=1e-9))
    else:
        draft.add(Deviation(out=told, column=found, level=of.own, spread=of.spread))
    draft.add(Log(out=out, column=told, scale=SQUASH))
    return out
