"""The stream of many columns once more, a row at a time and without a trick: what the quick one must equal."""

from collections.abc import Iterator

import numpy as np

from telltale.models.series.columns import Scale
from telltale.models.series.columns_plane import FittedPlane

Floats = np.ndarray


def plain_features(rows: Floats) -> Floats:
    """Value, mean over 5, deviation over 5 and 15 of rows (n, k) and of rows less their level before; shape (n, 2, 4 k)."""
    drift = rows - plain_levels(rows)
    found = []
    for place in range(len(rows)):
        views = []
        for values in (rows, drift):
            short, long = (values[max(place - size + 1, 0) : place + 1] for size in (5, 15))
            views.append(np.concatenate([values[place], short.mean(axis=0), short.std(axis=0), long.std(axis=0)]))
        found.append(views)
    return np.array(found)


def plain_levels(rows: Floats) -> Floats:
    """The exponential mean of the rows before each one, every one weighing 1/300 less than the next."""
    levels = [rows[0]]
    for place in range(1, len(rows)):
        weights = np.exp(-np.arange(place)[::-1] / 300.0)
        levels.append(weights @ rows[:place] / weights.sum())
    return np.array(levels)


def plain_scores(rows: Floats, scale: Scale, planes: tuple[FittedPlane, FittedPlane]) -> Floats:
    """Before they are calibrated, shape (n,)."""
    scaled = np.clip((rows - scale.middle) / scale.unit, -1e3, 1e3)
    return np.array(list(_with_lasting(plain_features(scaled), planes)))


def _with_lasting(features: Floats, planes: tuple[FittedPlane, FittedPlane]) -> Iterator[float]:
    total = 0.0
    for place, of_row in enumerate(features):
        own, drift = (
            _apart(_with_what_is_not_known(values, plane, place), plane)
            for values, plane in zip(of_row, planes, strict=True)
        )
        total = min(max(total + min(max(own - 1.0, -6.0), 2.0), 0.0), 200.0)
        yield (own + 0.5 * drift) / 1.5 + 0.01 * total


def _with_what_is_not_known(features: Floats, plane: FittedPlane, n_before: int) -> Floats:
    """Deviations of windows that are not full, moved towards the usual ones."""
    known = np.ones(len(features))
    quarter = len(features) // 4
    known[2 * quarter : 3 * quarter] = min(n_before / 4, 1.0)
    known[3 * quarter :] = min(n_before / 14, 1.0)
    return plane.centre + known * (features - plane.centre)


def _apart(features: Floats, plane: FittedPlane) -> float:
    z = (features - plane.centre) * plane.factor
    error = np.abs(z - plane.directions @ (plane.directions.T @ z))
    return float((np.log1p(plane.weight @ error) - plane.middle) / plane.unit)
