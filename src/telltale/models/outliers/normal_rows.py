"""What normal rows are like: two mixtures fitted on most of them, and tables of how surprising the rest are."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Features, Parameters, Scores
from telltale.models.outliers.mixture import Mixture, fit_mixture
from telltale.models.outliers.squash import Scale, scale_of, squash
from telltale.models.outliers.surprise import surprise, surprise_table

Floats = NDArray[np.float64]

# Mixtures have so many times fewer components than the finest. A fine one tells more kinds of normal row apart; to a coarse
# one, normal rows of a new kind are less of a surprise.
_COARSER: Final = (1, 2, 6)
# Fewer rows than this for each component, and it would be fitted to its own few.
_ROWS_PER_COMPONENT: Final = 100
_FITTED_SHARE: Final = 0.75
_MOST_HELD_OUT: Final = 10_000
_LEAST_ROWS: Final = 20
_MOSTLY_LABELLED: Final = 0.5
_ROWS_PER_STEP: Final = 256


@dataclass(frozen=True, kw_only=True)
class NormalRows:
    """A fitted picture of normal rows.

    Args:
        scale: of the columns.
        mixtures: the finest first.
        tables: a table of surprises for each mixture, of rows held out of all of them.
        held_out: which rows those were: places in what was fitted on.
    """

    scale: Scale
    mixtures: tuple[Mixture, ...]
    tables: tuple[Floats, ...]
    held_out: NDArray[np.int64]


def fit_normal_rows(
    features: Features, labels: NDArray[np.int8] | None, parameters: Parameters, *, seed: int
) -> NormalRows:
    """Fit on the rows not labelled positive; where most are unlabelled, once more without the oddest of them.

    Raises:
        NotEnoughDataError: too few rows that are not labelled positive.
    """
    places = np.arange(len(features)) if labels is None else np.flatnonzero(labels != 1)
    rows = features[places]
    if len(rows) < _LEAST_ROWS:
        raise NotEnoughDataError(
            f"{len(rows)} normal rows", where="novelty", mend=f"Give at least {_LEAST_ROWS} rows that are normal."
        )
    if labels is None or (labels >= 0).mean() < _MOSTLY_LABELLED:
        coarse = _coarsely(parameters)
        odd = surprise_of(_fit(rows, coarse, seed=seed), rows)
        keep = len(rows) - round(len(rows) * float(parameters["contamination"]))
        places = places[np.sort(np.argsort(odd, kind="stable")[:keep])]
    found = _fit(features[places], parameters, seed=seed)
    return replace(found, held_out=places[found.held_out])


def _coarsely(parameters: Parameters) -> Parameters:
    """The same with as few components as the coarse mixture has: a kind of its own is what odd rows must not get."""
    return {**parameters, "n_components": max(int(parameters["n_components"]) // _COARSER[-1], 1)}


def surprise_of(normal: NormalRows, features: Features) -> Scores:
    """The mean surprise over mixtures, shape (n,), as a runtime has it but for rounding."""
    squashed = squash(features, normal.scale)
    found = [
        surprise(_unlikeliness(squashed, mixture), table)
        for mixture, table in zip(normal.mixtures, normal.tables, strict=True)
    ]
    return np.asarray(np.mean(found, axis=0), dtype=np.float64)


def _fit(rows: Features, parameters: Parameters, *, seed: int) -> NormalRows:
    order = np.random.default_rng(seed).permutation(len(rows))
    n_fitted = min(round(len(rows) * _FITTED_SHARE), int(parameters["max_rows"]))
    scale = scale_of(rows)
    fitted = squash(rows[order[:n_fitted]], scale)
    held_out = order[n_fitted : n_fitted + _MOST_HELD_OUT]
    rest = squash(rows[held_out], scale)
    most = max(n_fitted // _ROWS_PER_COMPONENT, 1)
    fine = min(int(parameters["n_components"]), most)
    floor = float(parameters["variance_floor"])
    mixtures = tuple(
        fit_mixture(fitted, n_components=n, floor=floor, seed=seed)
        for n in sorted({max(fine // by, 1) for by in _COARSER}, reverse=True)
    )
    tables = tuple(surprise_table(_unlikeliness(rest, mixture)) for mixture in mixtures)
    return NormalRows(scale=scale, mixtures=mixtures, tables=tables, held_out=held_out)


def _unlikeliness(squashed: Features, mixture: Mixture) -> Floats:
    """The negative log density of squashed rows, shape (n,)."""
    found = np.empty(len(squashed))
    for start in range(0, len(squashed), _ROWS_PER_STEP):
        rows = squashed[start : start + _ROWS_PER_STEP].astype(np.float64)
        white = np.tensordot(rows, mixture.whiten, axes=(1, 1)) - mixture.offset
        density = mixture.constant - 0.5 * (white**2).sum(axis=2)
        top = density.max(axis=1)
        found[start : start + len(rows)] = -(top + np.log(np.exp(density - top[:, None]).sum(axis=1)))
    return found
