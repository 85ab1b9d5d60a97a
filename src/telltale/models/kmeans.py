"""K-means on standardised features: segments around middles. scikit-learn fits; answering is a few lines of NumPy."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError, NotEnoughDataError
from telltale.contract.estimator import Choice, Features, Floats, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind

# How many segments are tried where nobody says.
CANDIDATES: Final = (3, 4, 5, 6)
# Fits on resampled rows that one number of segments is judged by, and how many rows each looks at.
_N_REFITS, _MOST_ROWS = 8, 2_000
# Two numbers of segments this close are as stable; the larger says more.
_AS_STABLE = 0.02


@final
class KMeans:
    """Segments of about equal width in standardised features; each row belongs to the nearest middle.

    With `k` 0 the number of segments is chosen on the training rows by stability: of three to six, the largest that
    comes out about as much alike on resampled rows as the best does.

    Not for: segments that are long, nested, or of very different width.

    References:
        Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28 (1982). Ben-Hur, Elisseeff & Guyon,
        "A stability based method for discovering structure in clustered data", PSB 2002.
    """

    name = "kmeans"
    kind: Kind = "segment"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"k": 0, "n_init": 10}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(self, features: Features, *, parameters: Parameters, seed: int, tell: Tell = silent) -> Parts:
        """Middles of the segments, the largest segment first.

        Raises:
            NotEnoughDataError: fewer different rows than segments.
        """
        values = features.astype(np.float64)
        centre, scale = values.mean(axis=0), values.std(axis=0)
        scale[scale == 0] = 1.0
        rows = (values - centre) / scale
        k = int(parameters["k"])
        if k == 0:
            k = _most_stable(rows, seed=seed, tell=tell)
        n_different = len(np.unique(rows, axis=0))
        if n_different < k:
            raise NotEnoughDataError(
                f"{n_different} different rows for {k} segments",
                where=self.name,
                mend="Give more rows, or a smaller k.",
            )
        middles = _middles(rows, k, n_init=int(parameters["n_init"]), seed=seed)
        sizes = np.bincount(_nearest(rows, middles)[0], minlength=k)
        order = np.lexsort((*middles.T[::-1], -sizes))
        return Parts(arrays={"centre": centre, "scale": scale, "middles": np.ascontiguousarray(middles[order])})

    def load(self, parts: Parts) -> "NearestMiddle":
        """An assigner from its arrays."""
        if not {"centre", "scale", "middles"} <= parts.arrays.keys():
            raise BundleError("the bundle has no middles of segments", where=self.name, mend="Train the version again.")
        return NearestMiddle(parts.arrays["centre"], parts.arrays["scale"], parts.arrays["middles"])


@final
class NearestMiddle:
    """Each row's nearest middle, and how far it is in standard deviations."""

    def __init__(self, centre: Floats, scale: Floats, middles: Floats) -> None:
        self._centre, self._scale, self._middles = centre, scale, middles

    def assign(self, features: Features) -> tuple[NDArray[np.int64], Floats]:
        """The segment of each row, and its distance from the segment's middle."""
        return _nearest((features.astype(np.float64) - self._centre) / self._scale, self._middles)


def _nearest(rows: Floats, middles: Floats) -> tuple[NDArray[np.int64], Floats]:
    # Differences, not the expanded square: a row's distance must not depend on the rows beside it, to the last bit.
    apart = np.sqrt(((rows[:, None, :] - middles[None, :, :]) ** 2).sum(axis=2))
    which = apart.argmin(axis=1).astype(np.int64)
    return which, np.asarray(apart[np.arange(len(rows)), which], dtype=np.float64)


def _middles(rows: Floats, k: int, *, n_init: int, seed: int) -> Floats:
    from sklearn.cluster import KMeans as SklearnKMeans
    from threadpoolctl import threadpool_limits

    # One thread: its threads spin while they wait for each other, half a minute for some seconds' work on a busy machine.
    with threadpool_limits(limits=1):
        fitted: Any = SklearnKMeans(n_clusters=k, n_init=n_init, random_state=seed).fit(rows)
    return np.asarray(fitted.cluster_centers_, dtype=np.float64)


def _most_stable(rows: Floats, *, seed: int, tell: Tell) -> int:
    """The largest number of segments that is about as stable over resampled rows as the most stable one."""
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(seed)
    if len(rows) > _MOST_ROWS:
        rows = rows[np.sort(rng.choice(len(rows), _MOST_ROWS, replace=False))]
    n_different = len(np.unique(rows, axis=0))
    found: dict[int, float] = {}
    for k in (k for k in CANDIDATES if k <= n_different):
        divided = []
        for number in range(_N_REFITS):
            sample = rows[rng.integers(0, len(rows), len(rows))]
            if len(np.unique(sample, axis=0)) >= k:
                divided.append(_nearest(rows, _middles(sample, k, n_init=4, seed=seed + number))[0])
        pairs = [adjusted_rand_score(one, other) for one, other in combinations(divided, 2)]
        found[k] = float(np.mean(pairs)) if pairs else 0.0
    if not found:
        return CANDIDATES[0]
    best = max(found.values())
    chosen = max(k for k, value in found.items() if value >= best - _AS_STABLE)
    told = ", ".join(f"{k}: {value:.2f}" for k, value in found.items())
    tell(f"{chosen} segments; how much alike they come out on resampled rows, by number: {told}.")
    return chosen


ESTIMATOR: Final = KMeans()
