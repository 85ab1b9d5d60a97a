"""How the blend is chosen on rows left out, member by member, and then what the members weigh."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Floats, Interactions, Tell
from telltale.models.recommend.blend import Judged, climb, is_clearly_better, standardised
from telltale.models.recommend.closeness import gram_matrices, weights_of
from telltale.models.recommend.factors import Factorising, folded_in, item_factors, squares
from telltale.models.recommend.left_out import LeftOut, leave_out
from telltale.models.recommend.members import Member, trend_of
from telltale.models.recommend.repeats import AS_ANY, AS_OWN, all_terms
from telltale.models.recommend.settings import Settings
from telltale.models.recommend.taken import most_taken

_NEARNESS: Final = (0.0, 0.5, 0.7, 1.0)
_MEMORY: Final = (0.0, 0.08, 0.15, 0.3)
_PENALTIES: Final = (30.0, 100.0, 200.0, 400.0, 1_000.0, 2_000.0)
_FACTOR_PENALTIES: Final = (0.01, 0.02, 0.03, 0.05)
# Penalties of vectors are alike in fewer dimensions and rounds, which cost less.
_TRIED_FACTORS, _TRIED_EPOCHS = 32, 4
_WEIGHTS: Final = (0.0, 0.25, 0.5, 1.0)
_AGAIN: Final = (
    (-2.0, 0.0, 2.0, 5.0, 10.0, 20.0, 30.0, 50.0),
    (0.0, 0.5, 1.0, 2.0, 4.0),
    (0.0, 0.2, 0.5, 1.0),
    (0.0, 0.25, 0.5, 0.75, 1.0),
    (0.0, 0.1, 0.2, 0.4, 1.0),
    (0.0, 0.25, 1.0),
)
# People to choose by, and of the items those to choose penalties on: inverses cost the cube.
_MOST_USERS: Final = 800
_MOST_TRIED_ITEMS: Final = 1_500
_MOST_BLENDED_ITEMS: Final = 2_500
_FEW: Final = 20


def chosen_settings(
    rows: Interactions,
    members_of: Callable[[Interactions, Settings], Sequence[Member]],
    start: Settings,
    *,
    seed: int,
    tell: Tell,
) -> Settings:
    """Settings that put highest what was left out; `start` where too few people have enough rows to choose by.

    Args:
        rows: all that there is to train on.
        members_of: the members fitted on rows, in the order of the blend.
        start: where to begin, and all that is not chosen.
        seed: draws people and what is left out.
        tell: told what was chosen.
    """
    # Rows without time are in no order that anything could be close in.
    has_order = bool(np.ptp(rows.times_s) > 0)
    start = start if has_order else replace(start, nearness=0.0)
    out = leave_out(rows, seed=seed, most_users=_MOST_USERS)
    if out is None:
        return start
    new = Judged.of(out.past, out.wanted, n_items=rows.n_items, again=False)
    every = Judged.of(out.past, out.wanted, n_items=rows.n_items, again=True)
    if every.n < _FEW:
        return start
    settings = start
    if new.n >= _FEW:
        settings = _with_penalties(out, new, settings, nearness=_NEARNESS if has_order else (0.0,), seed=seed)
    fewer = replace(settings, max_items=min(settings.max_items, _MOST_BLENDED_ITEMS))
    tables = _tables(members_of(out.rows, fewer), out.past, rows.n_items)
    if new.n >= _FEW:
        weights, found = climb(settings.blend, [_WEIGHTS] * len(tables), lambda tried: new.by_user(_sum(tables, tried)))
        settings = replace(settings, blend=tuple(weights))
        tell(f"Blend {_told(weights)} of {len(tables)} members; NDCG at 10 of new items left out: {found:.3f}.")
    again = _again(out, every, _sum(tables, settings.blend))
    tell(f"What one had before is worth {_told(again)}.")
    return replace(settings, again=again)


def _with_penalties(
    out: LeftOut, judged: Judged, settings: Settings, *, nearness: Sequence[float], seed: int
) -> Settings:
    """How close, and the penalties of weights and vectors, each by the order it gives alone."""
    kept = most_taken(out.rows, min(settings.max_items, _MOST_TRIED_ITEMS))
    grams = {memory: gram_matrices(out.rows, kept, memory=memory) for memory in (_MEMORY if out.is_latest else (0.0,))}
    seen = np.zeros((len(out.past), out.rows.n_items))
    for line, items in enumerate(out.past):
        seen[line, items] = 1.0
    of_kept = seen[:, kept]

    def by_weights(tried: Sequence[float]) -> Floats:
        both, close = grams[tried[2]]
        scores = np.zeros(seen.shape)
        scores[:, kept] = of_kept @ weights_of((1 - tried[0]) * both + tried[0] * close, l2=tried[1])
        return judged.by_user(scores)

    (share, l2, memory), _ = climb(
        (settings.nearness, settings.l2, settings.memory), (nearness, _PENALTIES, tuple(grams)), by_weights
    )

    def by_vectors(tried: Sequence[float]) -> Floats:
        n_factors, n_epochs = settings.factors.n_factors, settings.factors.n_epochs
        how = replace(
            settings.factors,
            l2=tried[0],
            n_factors=min(_TRIED_FACTORS, n_factors),
            n_epochs=min(_TRIED_EPOCHS, n_epochs),
        )
        return judged.by_user(_factor_scores(out, how, seed=seed))

    (factor_l2,), _ = climb((settings.factors.l2,), (_FACTOR_PENALTIES,), by_vectors)
    return replace(settings, nearness=share, l2=l2, memory=memory, factors=replace(settings.factors, l2=factor_l2))


def _factor_scores(out: LeftOut, how: Factorising, *, seed: int) -> Floats:
    factors = item_factors(out.rows, how, seed=seed)
    of_all = squares(factors, how)
    vectors = [
        folded_in(factors[sorted(set(items))], of_all, n_items=len(factors), unobserved=how.unobserved, l2=how.l2)
        for items in out.past
    ]
    return np.asarray(np.stack(vectors) @ factors.T)


def _tables(members: Sequence[Member], past: Sequence[Sequence[int]], n_items: int) -> list[NDArray[np.float32]]:
    """Standardised scores of each member for each history, shape (n users, n items) each."""
    tables = []
    for member in members:
        table = np.zeros((len(past), n_items), dtype=np.float32)
        for line, items in zip(table, past, strict=True):
            line[:] = standardised(member(items, ()))
        tables.append(table)
    return tables


def _sum(tables: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> NDArray[np.float32]:
    total = np.zeros_like(tables[0])
    for table, weight in zip(tables, weights, strict=True):
        if weight:
            total += np.float32(weight) * table
    return total


def _again(out: LeftOut, judged: Judged, scores: NDArray[np.float32]) -> tuple[float, ...]:
    """What items had before are worth, where some of what was left out is one; else no more than any other.

    From the better of two starts: as any other item, and as what is one's own.
    """
    trending = standardised(trend_of(out.rows))
    terms = [
        all_terms(items, own.astype(np.float64), trending=trending) for items, own in zip(out.past, scores, strict=True)
    ]
    if not any(np.isin(wanted, items).any() for (items, _), wanted in zip(terms, out.wanted, strict=True)):
        return AS_ANY
    lines = np.repeat(np.arange(len(terms)), [len(items) for items, _ in terms])
    columns, values = np.concatenate([items for items, _ in terms]), np.concatenate([own for _, own in terms])

    def figures(tried: Sequence[float]) -> Floats:
        moved = scores.copy()
        moved[lines, columns] = values @ np.asarray(tried)
        return judged.by_user(moved)

    start = AS_OWN if is_clearly_better(figures(AS_OWN), figures(AS_ANY)) else AS_ANY
    return tuple(climb(start, _AGAIN, figures)[0])


def _told(weights: Sequence[float]) -> str:
    return ", ".join(f"{weight:g}" for weight in weights)
