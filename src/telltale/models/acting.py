"""Rows of what was done as a policy learns from them: actions by name, contexts, rewards where higher is better."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import polars as pl

from telltale.contract.errors import SchemaError
from telltale.contract.estimator import Floats
from telltale.contract.kinds import Acting, Reward
from telltale.contract.learners import Acts
from telltale.contract.schema import EventSchema
from telltale.telemetry.frames import ENTITY, TIME

Action = dict[str, float | str]
_FURTHEST = 2.5  # standard deviations of a context: beyond, a line or a parabola would run away
_ACTION, _REWARD, _TIME_S, _AVAILABLE = "@action", "@reward", "@time_s", "@available"


def action_name(action: Mapping[str, float | str]) -> str:
    """An action in one text: that of its one column of text, or every number with its column.

    >>> action_name({"peer_id": "peer-07"}), action_name({"fanout": 6.0, "ttl": 10.0})
    ('peer-07', 'fanout=6,ttl=10')
    """
    first = next(iter(action.values()))
    return first if isinstance(first, str) else ",".join(f"{name}={_number(value)}" for name, value in action.items())


def action_names(acting: Acting) -> tuple[str, ...]:
    """Every action that the options allow, the last column varying quickest; none where rows say what is available.

    >>> action_names(Acting(action=("a", "b"), reward=Reward(column="r"), options={"a": (1, 2), "b": (0.5,)}))
    ('a=1,b=0.5', 'a=2,b=0.5')
    """
    return tuple(actions_by_name(acting))


def actions_by_name(acting: Acting) -> dict[str, Action]:
    """The same, with the value of each column."""
    if not acting.options:
        return {}
    combined = product(*(acting.options[name] for name in acting.action))
    actions: list[Action] = [dict(zip(acting.action, map(float, values), strict=True)) for values in combined]
    return {action_name(action): action for action in actions}


def acts_of(frame: pl.DataFrame, acting: Acting, event: EventSchema) -> Acts:
    """Checked rows as a policy learns from them, in the order of time; rows of one moment stay in theirs.

    A row teaches nothing, and is left out, where its action or its reward is missing, or where its action is none of the
    options. Where a row does not say what could have been done, everything is taken for available that any row of the frame
    did or says. Where no row has a time, all times are 0 and the order stays.

    Args:
        frame: checked rows of `event`; a column that they may lack altogether counts as missing in each row.
        acting: what the task does.
        event: whose entity may be the action, as with peers.

    Raises:
        SchemaError: the columns of the action or of the reward are not there.
    """
    names = [ENTITY if name == event.entity else name for name in acting.action]
    reward = acting.reward
    lacking = [name for name in (*names, reward.column, reward.success) if name and name not in frame.columns]
    if lacking:
        raise SchemaError.missing(lacking, frame.columns, where="rows")
    rows = frame.with_columns(
        _named(frame, acting, names).alias(_ACTION),
        _rewarded(reward).alias(_REWARD),
        (pl.col(TIME).dt.epoch("us") / 1e6).fill_null(0.0).alias(_TIME_S),
        (pl.col(acting.available) if acting.available in frame.columns else pl.lit(None)).alias(_AVAILABLE),
    ).filter(pl.col(_ACTION).is_not_null() & (pl.col(_ACTION) != "") & pl.col(_REWARD).is_finite())
    options = action_names(acting)
    rows = rows.sort(_TIME_S, maintain_order=True)
    actions = tuple(rows[_ACTION].to_list())
    return Acts(
        actions=actions,
        available=(options,) * rows.height if options else _available(actions, rows[_AVAILABLE].to_list()),
        contexts=_contexts(rows, acting.context),
        rewards=rows[_REWARD].to_numpy().astype(np.float64),
        propensities=_contexts(rows, (acting.propensity,))[:, 0],
        times_s=rows[_TIME_S].to_numpy().astype(np.float64),
        entities=tuple(rows[ENTITY].to_list()),
    )


def context_of(known: Mapping[str, float], names: Sequence[str]) -> Floats:
    """A context in the order of its columns, NaN where it is not known, shape (k,). Raises SchemaError for other names."""
    unknown = known.keys() - set(names)
    if unknown:
        raise SchemaError(
            f"context names {sorted(unknown)}; the version knows {sorted(names)}",
            where="context",
            mend="Leave out the others; what is missing is taken for not known.",
        )
    return np.array([known.get(name, np.nan) for name in names], dtype=np.float64)


def moments_of(values: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column where it is known, shape (k,) each; 0 and 1 where that says nothing."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    middle = np.where(known, values, 0.0).sum(axis=0) / count
    scale = np.sqrt(np.where(known, np.square(values - middle), 0.0).sum(axis=0) / count)
    return middle, np.where(scale > 0, scale, 1.0)


def standardised(contexts: Floats, middle: Floats, scale: Floats) -> Floats:
    """Contexts in standard deviations from the middle, shape (n, k), cut where no log has shown what comes; NaN stays."""
    return np.clip((contexts - middle) / scale, -_FURTHEST, _FURTHEST)


def _named(frame: pl.DataFrame, acting: Acting, names: Sequence[str]) -> pl.Series:
    if not acting.options:
        return frame[names[0]].cast(pl.String)
    table = {tuple(action.values()): name for name, action in actions_by_name(acting).items()}
    return pl.Series([table.get(row) for row in frame.select(names).rows()], dtype=pl.String)


def _rewarded(reward: Reward) -> pl.Expr:
    sign = -1.0 if reward.is_cost else 1.0
    measured = pl.col(reward.column)
    if not reward.success:
        return sign * measured
    failed = pl.col(reward.success) == 0.0
    return sign * pl.when(failed.fill_null(value=False)).then(pl.lit(reward.failure)).otherwise(measured)


def _available(actions: tuple[str, ...], told: list[list[str] | None]) -> tuple[tuple[str, ...], ...]:
    everything = tuple(sorted({*actions, *(name for one in told if one for name in one)}))
    alike: dict[tuple[str, ...], tuple[str, ...]] = {}  # most rows say the same: it is kept once
    found = []
    for one in told:
        names = tuple(one) if one else everything
        found.append(alike.setdefault(names, names))
    return tuple(found)


def _contexts(rows: pl.DataFrame, names: Sequence[str]) -> Floats:
    """Numeric columns, shape (n, k), NaN where a value or the column is missing."""
    found = np.full((rows.height, len(names)), np.nan)
    for place, name in enumerate(names):
        if name in rows.columns:
            found[:, place] = rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return found


def _number(value: float | str) -> str:
    return f"{value:.12g}" if isinstance(value, float | int) else value
