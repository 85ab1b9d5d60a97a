"""What analysts do where they have orders: quintiles, k-means and a mixture on recency, frequency and money, BG/NBD deciles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.users_bgnbd import fit_bg_nbd, fit_gamma_gamma
from benchmarks.users_cases import Case, People

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

# How many segments k-means and the mixture may have: as many as ours.
CANDIDATES: Final = (3, 4, 5, 6)
_N_REFITS = 6
_STABLE = 0.85


@dataclass(frozen=True, kw_only=True)
class Division:
    """Segments of people, and what orders them: larger = worth more; the money where it is expected."""

    which: Whole
    worth: Floats
    expected: Floats | None = None


# People to divide -> their segments.
Divide = Callable[[People], Division]
# A case, the rows of its past to fit on, a seed -> that.
Fit = Callable[[Case, NDArray[np.intp], int], Divide]


def rfm_quintiles(case: Case, rows: NDArray[np.intp], _seed: int) -> Divide:
    """Quintiles of recency, frequency and money from 1 to 5, added up: 13 segments at most; equals by money."""
    edges = [np.quantile(column, (0.2, 0.4, 0.6, 0.8)) for column in case.past.plain[rows].T]

    def divide(people: People) -> Division:
        recency, frequency, money = (
            np.searchsorted(edge, column, side="right") for edge, column in zip(edges, people.plain.T, strict=True)
        )
        which = (4 - recency + frequency + money).astype(np.int64)
        return Division(which=which, worth=_ordered(which.astype(np.float64), people.plain[:, 2]))

    return divide


def kmeans_rfm(case: Case, rows: NDArray[np.intp], seed: int) -> Divide:
    """k-means on robustly scaled logarithms; of three to six segments the most that come out alike, as ours."""
    from sklearn.cluster import KMeans

    scaled = _scaler(case.past.plain[rows])
    values = scaled(case.past.plain[rows])

    def fitted(own: Floats, k: int, number: int) -> Any:
        return KMeans(n_clusters=k, n_init=4, random_state=number).fit(own)

    k = _most_stable(values, lambda own, k, number: fitted(own, k, number).predict, seed)
    return _by_money(fitted(values, k, seed).predict, scaled, case, rows)


def gmm_bic(case: Case, rows: NDArray[np.intp], seed: int) -> Divide:
    """A Gaussian mixture on the same, of three to six parts by BIC."""
    from sklearn.mixture import GaussianMixture

    scaled = _scaler(case.past.plain[rows])
    values = scaled(case.past.plain[rows])
    tried = [GaussianMixture(k, random_state=seed, reg_covar=1e-4).fit(values) for k in CANDIDATES]
    best = min(tried, key=lambda one: float(one.bic(values)))
    return _by_money(best.predict, scaled, case, rows)


def bg_nbd(case: Case, rows: NDArray[np.intp], _seed: int) -> Divide:
    """Deciles of the spend that BG/NBD and Gamma-Gamma expect over the weeks that are scored."""
    assert case.past.histories is not None, "sessions have no history"
    own = case.past.histories.only(rows)
    orders, money = fit_bg_nbd(own), fit_gamma_gamma(own)
    edges = np.quantile(
        orders.expected_orders(own, case.weeks) * money.expected_spend(own), np.linspace(0, 1, 11)[1:-1]
    )

    def divide(people: People) -> Division:
        assert people.histories is not None, "sessions have no history"
        spend = orders.expected_orders(people.histories, case.weeks) * money.expected_spend(people.histories)
        return Division(which=np.searchsorted(edges, spend, side="right").astype(np.int64), worth=spend, expected=spend)

    return divide


def _scaler(plain: Floats) -> Callable[[Floats], Floats]:
    """Logarithms, less the median, over the distance between the quartiles."""
    logs = np.log1p(plain)
    middle = np.median(logs, axis=0)
    low, high = np.quantile(logs, (0.25, 0.75), axis=0)
    spread = np.where(high > low, high - low, np.maximum(logs.std(axis=0), 1e-9))
    return lambda values: np.asarray((np.log1p(values) - middle) / spread)


def _most_stable(values: Floats, fit: Callable[[Floats, int, int], Callable[[Floats], Any]], seed: int) -> int:
    from itertools import combinations

    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(seed)
    found = {}
    for k in CANDIDATES:
        divided = [
            fit(values[rng.integers(0, len(values), len(values))], k, number)(values) for number in range(_N_REFITS)
        ]
        found[k] = float(np.mean([adjusted_rand_score(*pair) for pair in combinations(divided, 2)]))
    stable = [k for k, value in found.items() if value >= _STABLE]
    return max(stable) if stable else max(found, key=lambda k: found[k])


def _by_money(predict: Callable[[Floats], Any], scaled: Callable[[Floats], Floats], case: Case, rows: Any) -> Divide:
    """Segments in the order of the mean of their money in the past, equals by money."""
    own = case.past.plain[rows]
    which = np.asarray(predict(scaled(own)), dtype=np.int64)
    sums = np.bincount(which, weights=np.log1p(own[:, 2]))
    order = (sums / np.maximum(np.bincount(which), 1)).argsort().argsort()

    def divide(people: People) -> Division:
        found = order[np.minimum(np.asarray(predict(scaled(people.plain)), dtype=np.int64), len(order) - 1)]
        return Division(which=found, worth=_ordered(found.astype(np.float64), people.plain[:, 2]))

    return divide


def _ordered(first: Floats, then: Floats) -> Floats:
    """One number that orders by the first and, among equals, by the other."""
    return np.lexsort((then, first)).argsort().astype(np.float64)
