"""Tasks that order items: who took what as numbers, a model, and beside it what everybody has seen."""

from collections.abc import Collection
from typing import Any

import numpy as np
import polars as pl
from msgspec.structs import replace

from telltale.contract.app import Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Interactions, RankEstimator
from telltale.contract.kinds import Ranking
from telltale.contract.query import RankQuery
from telltale.evaluate.gate import judge
from telltale.evaluate.rank_metrics import gain_over, rank_metrics
from telltale.models.popular import ESTIMATOR as BASELINE
from telltale.models.popular import popularity
from telltale.models.rank_runtime import ENTITIES, ITEMS, POPULARITY, SEEN, SEEN_STARTS, RankRuntime
from telltale.models.recommend.catalogue_parts import catalogue_parts
from telltale.telemetry.frames import ENTITY, LINE, TIME
from telltale.train.fitted import FitRequest, Fitted, Judged
from telltale.train.search import refuse_search

_LEAST_ITEMS = 2
_TOP = 20


def fit_rank(request: FitRequest) -> Fitted:
    """Fit an order on all rows, and keep who has seen what.

    Raises:
        NotEnoughDataError: there are no two items.
        UsageError: a search is asked for; the model chooses for itself.
    """
    refuse_search(request)
    assert request.task.ranking is not None, f"{request.task.name} does not say what it orders"
    estimator: RankEstimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own
    entities, items, rows = interactions(request.frame, request.task.ranking)
    if rows.n_items < _LEAST_ITEMS:
        raise NotEnoughDataError(
            f"{rows.n_items} different values of {request.task.ranking.item}",
            where="train",
            mend="An order needs at least two; some hundreds of rows are better.",
        )
    request.progress("model", 0, 1)
    from threadpoolctl import threadpool_limits

    # Thousands of small systems of equations: threads would wait for each other, and add in another order each time.
    with threadpool_limits(1, user_api="blas"):
        parts = estimator.fit(rows, parameters=request.parameters, seed=request.choices.seed, tell=request.tell)
    half_life_days = float(BASELINE.defaults["half_life_days"])
    catalogue = catalogue_parts(rows, half_life_days=half_life_days)
    arrays = {
        **parts.arrays,
        **catalogue.arrays,
        SEEN: rows.items.astype(np.int32),
        SEEN_STARTS: np.searchsorted(rows.users, np.arange(rows.n_users + 1)).astype(np.int64),
        POPULARITY: popularity(rows, half_life_days=half_life_days),
    }
    request.progress("model", 1, 1)
    names = {**parts.names, **catalogue.names, ITEMS: items, ENTITIES: entities}
    # What a model chose for itself stands among its arrays, under the parameter's name.
    chosen = {name: parts.arrays[name].item() for name in request.parameters if name in parts.arrays}
    return Fitted(parts=replace(parts, arrays=arrays, names=names), parameters={**request.parameters, **chosen})


def judge_rank(task: Task, runtime: RankRuntime, frame: pl.DataFrame) -> Judged:
    """What the gate says of an order, by the items that entities took later, over the full catalogue.

    An item that the entity had before is no recommendation: it is left out, and so is an entity with no new one. One
    that training has not seen counts as a miss. An entity that training has not seen is answered with what is popular.
    """
    assert task.ranking is not None, f"{task.name} does not say what it orders"
    hits, popular_hits, n_relevant = [], [], []
    taken = frame.group_by(ENTITY, maintain_order=True).agg(pl.col(task.ranking.item))
    for entity, items in taken.iter_rows():
        seen = runtime.seen_by(entity)
        wanted = set(items) - set(seen)
        if not wanted:
            continue
        answer = runtime.ask([RankQuery(entity=entity, top_k=_TOP)])[0]
        hits.append(np.array([ranked.item in wanted for ranked in answer.items], dtype=np.bool_))
        popular = runtime.popular(_TOP, without=seen)
        popular_hits.append(np.array([item in wanted for item in popular], dtype=np.bool_))
        n_relevant.append(len(wanted))
    metrics = rank_metrics(hits, n_relevant)
    baseline = rank_metrics(popular_hits, n_relevant)
    metrics |= {f"popular_{name}": measured for name, measured in baseline.items()}
    metrics |= {
        f"{name}_gain": gain_over(hits, popular_hits, n_relevant, metric=name) for name in ("hit_rate_10", "ndcg_10")
    }
    n = len(hits)
    return Judged(verdict=judge(task.targets, metrics if n else {}, n=n, n_positive=None), metrics=metrics if n else {})


def interactions(frame: pl.DataFrame, ranking: Ranking) -> tuple[tuple[str, ...], tuple[str, ...], Interactions]:
    """Entities, items, and who took what, sorted by entity and time; rows without entity or item are left out.

    Columns of the ranking that the rows lack say nothing. Of what an item is, and of the group that an entity belongs to, the
    latest row that says it counts.
    """
    rows = frame.filter((pl.col(ENTITY) != "") & pl.col(ranking.item).is_not_null())
    entities = rows[ENTITY].unique().sort()
    items = rows[ranking.item].unique().sort()
    numbers = rows.select(
        users=pl.col(ENTITY).replace_strict(entities, range(len(entities)), return_dtype=pl.Int64),
        items=pl.col(ranking.item).replace_strict(items, range(len(items)), return_dtype=pl.Int64),
        weights=_weight(ranking, rows.columns),
        times_s=pl.col(TIME).dt.epoch("us").fill_null(0) / 1e6,
    ).sort("users", maintain_order=True)
    return (
        tuple(entities.to_list()),
        tuple(items.to_list()),
        Interactions(
            users=numbers["users"].to_numpy(),
            items=numbers["items"].to_numpy(),
            weights=numbers["weights"].to_numpy(),
            times_s=numbers["times_s"].to_numpy(),
            n_users=len(entities),
            n_items=len(items),
            attributes={
                name: _values_of(rows, name, ranking.item, items) for name in ranking.attributes if name in rows.columns
            },
            segments=_segments_of(rows, ranking.segment, entities),
        ),
    )


def _weight(ranking: Ranking, columns: Collection[str]) -> pl.Expr:
    """How much a row says: its own weight times that of its kind, 1 where it says neither."""
    weight = pl.lit(1.0)
    if ranking.weight is not None and ranking.weight in columns:
        weight = pl.col(ranking.weight).fill_null(1.0)
    if ranking.kind is not None and ranking.kind in columns:
        known = ranking.kind_weights
        weight *= pl.col(ranking.kind).replace_strict(known, default=1.0, return_dtype=pl.Float64)
    return weight


def _values_of(rows: pl.DataFrame, name: str, item: str, items: pl.Series) -> tuple[tuple[str, ...], ...]:
    """The values of an attribute, each once, of each item; none where no row says."""
    said = _latest(rows, item, name)
    return tuple(
        ()
        if value is None
        else (value,)
        if isinstance(value, str)
        else tuple(dict.fromkeys(one for one in value if one))
        for value in (said.get(one) for one in items.to_list())
    )


def _segments_of(rows: pl.DataFrame, segment: str | None, entities: pl.Series) -> tuple[str, ...]:
    if segment is None or segment not in rows.columns:
        return ()
    said = _latest(rows, ENTITY, segment)
    found = tuple(said.get(entity, "") for entity in entities.to_list())
    return found if any(found) else ()


def _latest(rows: pl.DataFrame, of: str, name: str) -> dict[str, Any]:
    """By the value of a column, the latest value of another that is not null."""
    said = rows.filter(pl.col(name).is_not_null()).sort(TIME, LINE, maintain_order=True)
    return dict(said.group_by(of, maintain_order=True).agg(pl.col(name).last()).iter_rows())
