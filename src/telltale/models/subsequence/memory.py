"""A memory of normal windows: few that lie near all the others, along the directions in which windows differ most."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST_DIRECTIONS: Final = 16
# The oddest of the windows to remember are left out: what went wrong once would else be normal for good.
_ODD_SHARE: Final = 0.002
_NEAR: Final = 1e-6  # of how far points are from their mean


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Windows remembered.

    Args:
        directions: orthonormal, shape (width, e).
        places: along them, shape (m, e).
    """

    directions: Floats
    places: Floats


def remember(windows: Floats, *, most: int) -> Memory:
    """Choose at most so many: each time the one that is furthest from all chosen ones, until none is far.

    Args:
        windows: `weighed`, shape (n, width), n > 0.
        most: to remember, > 0.

    References:
        Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical Computer Science 38 (1985); Roth,
        Pemula, Zepeda, Schölkopf, Brox & Gehler, "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        _, vectors = np.linalg.eigh(windows.T @ windows / len(windows))
        directions = np.ascontiguousarray(vectors[:, ::-1][:, :_MOST_DIRECTIONS])
        embedded = windows @ directions
    far = np.linalg.norm(embedded - np.median(embedded, axis=0), axis=1)
    n_odd = int(np.ceil(_ODD_SHARE * len(far)))
    kept = embedded[np.sort(np.argsort(far, kind="stable")[: max(len(far) - n_odd, 1)])]
    return Memory(directions=directions, places=kept[furthest_first(kept, most)])


def furthest_first(points: Floats, most: int) -> NDArray[np.int64]:
    """Places of the chosen ones, rising, of points of the shape (n, width): the first is the one nearest to the mean.

    Then each time the one furthest from all chosen ones, as long as there is one that differs.
    """
    nearest = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
    place = int(nearest.argmin())
    apart = np.full(len(points), np.inf)
    chosen: list[int] = []
    least = _NEAR**2 * float(nearest.max())
    while len(chosen) < most and apart.max() > least:
        chosen.append(place)
        apart = np.minimum(apart, ((points - points[place]) ** 2).sum(axis=1))
        place = int(apart.argmax())
    return np.sort(np.array(chosen, dtype=np.int64))
