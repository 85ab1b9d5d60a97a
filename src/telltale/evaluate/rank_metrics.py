"""The figures of an order of items, over the full catalogue: nothing is sampled, and an item that is not listed is a miss."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Measured
from telltale.evaluate.intervals import undefined, wilson

_N_RESAMPLES, _BLOCK = 1_000, 50

_NAMES = ("hit_rate_10", "ndcg_10", "recall_20")

Flags = NDArray[np.bool_]


def rank_metrics(hits: Sequence[Flags], n_relevant: Sequence[int], *, seed: int = 0) -> dict[str, Measured]:
    """`hit_rate_10`, `ndcg_10`, `recall_20`: means over users, with 95 % intervals over resampled users.

    NDCG is the usual one: gain 1 for a relevant item, discount `1 / log2(rank + 1)`, and the ideal is that of the first
    ten places of this user's relevant items. (Where a paper takes the ideal over all of them, its figures are lower.)
    With one relevant item a user, the hit rate is the recall, and its interval Wilson's.

    Args:
        hits: for each user, whether the item at each place is relevant, best first, 20 places or fewer.
        n_relevant: how many items are relevant to each user, whether or not a place lists them, 1 or more.
        seed: of the resampling.

    References:
        Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20 (2002). Krichene &
        Rendle, "On sampled metrics for item recommendation", KDD 2020, for why nothing is sampled.

    >>> round(rank_metrics([np.array([False, True])], [1])["ndcg_10"].value, 3)
    0.631
    """
    if not hits:
        return dict.fromkeys(_NAMES, undefined())
    figures = figures_by_user(hits, n_relevant)
    by_user = {name: figures[name] for name in _NAMES}
    low, high = _intervals(np.stack(list(by_user.values()), axis=1), seed=seed)
    found = {}
    for place, (name, values) in enumerate(by_user.items()):
        value, bounds = float(values.mean()), (low[place], high[place])
        if np.isin(values, (0.0, 1.0)).all():
            bounds = wilson(round(value * len(hits)), len(hits))  # keeps a width where all agree
        found[name] = Measured(value=value, low=min(bounds[0], value), high=max(bounds[1], value), n=len(hits))
    return found


def gain_over(
    hits: Sequence[Flags], baseline: Sequence[Flags], n_relevant: Sequence[int], *, metric: str, seed: int = 0
) -> Measured:
    """How much higher a figure is than a baseline's over the same users: the mean difference, paired by user.

    Args:
        hits: as in `rank_metrics`.
        baseline: the same of the other order.
        n_relevant: as in `rank_metrics`.
        metric: a name that `rank_metrics` gives.
        seed: of the resampling.
    """
    if not hits:
        return undefined()
    differences = figures_by_user(hits, n_relevant)[metric] - figures_by_user(baseline, n_relevant)[metric]
    value = float(differences.mean())
    low, high = _intervals(differences[:, None], seed=seed)
    return Measured(value=value, low=min(low[0], value), high=max(high[0], value), n=len(hits))


def figures_by_user(hits: Sequence[Flags], n_relevant: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """Each user's own figures, shape (n users,) each: those of `rank_metrics`, and `ndcg_10_all`.

    In `ndcg_10_all` the ideal is that of all relevant items, however many: ten places cannot reach it for one who has more. Some
    tables are made so; see `rank_metrics` for the arguments.
    """
    table = np.zeros((len(hits), 20))
    for line, flags in zip(table, hits, strict=True):
        line[: min(20, len(flags))] = flags[:20]
    relevant = np.asarray(n_relevant, dtype=np.float64)
    discount = 1.0 / np.log2(np.arange(2, 12))
    most = int(relevant.max(initial=10))
    ideal = np.cumsum(1.0 / np.log2(np.arange(2, max(most, 10) + 2)))
    places = relevant.astype(np.int64) - 1
    return {
        "hit_rate_10": (table[:, :10].sum(axis=1) > 0).astype(np.float64),
        "ndcg_10": table[:, :10] @ discount / ideal[np.minimum(places, 9)],
        "recall_20": table.sum(axis=1) / relevant,
        "ndcg_10_all": table[:, :10] @ discount / ideal[places],
    }


def _intervals(values: NDArray[np.float64], *, seed: int) -> tuple[list[float], list[float]]:
    """The 2.5 % and 97.5 % quantile of each column's mean over resampled rows."""
    rng, n = np.random.default_rng(seed), len(values)
    even = np.full(n, 1.0 / n)
    # In blocks: a table of every resample's counts would not fit for a hundred thousand users.
    means = [rng.multinomial(n, even, size=_BLOCK) @ values / n for _ in range(_N_RESAMPLES // _BLOCK)]
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975), axis=0)
    return low.tolist(), high.tolist()
