"""Normal rows as a mixture of Gaussians: a row that is far from every kind of normal row is surprising."""

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Features

Floats = NDArray[np.float64]

_MOST_ROUNDS: Final = 20
_TWO_PI: Final = 2.0 * np.pi


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Components, each as what whitens a row: `(x @ whiten[c] - offset[c])` has unit covariance in component c.

    Args:
        whiten: shape (c, k, k).
        offset: shape (c, k).
        constant: shape (c,): the logarithm of weight times density at the middle.
    """

    whiten: Floats
    offset: Floats
    constant: Floats


def fit_mixture(rows: Features, *, n_components: int, floor: float, seed: int) -> Mixture:
    """Fit by expectation maximisation, with full covariances, on one thread.

    Args:
        rows: squashed standard scores, shape (n, k).
        n_components: how many kinds of normal row.
        floor: added to every variance: what differs by less than its root is noise.
        seed: for the start.

    References:
        Dempster, Laird & Rubin, "Maximum likelihood from incomplete data via the EM algorithm", JRSS B 39 (1977).
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    model = GaussianMixture(
        n_components=n_components, reg_covar=floor, max_iter=_MOST_ROUNDS, random_state=seed, init_params="k-means++"
    )
    with warnings.catch_warnings(), threadpool_limits(1):
        # Some rounds bring nearly all there is to gain; the last digits of the likelihood are of no use here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows.astype(np.float64))
    whiten = np.asarray(model.precisions_cholesky_, dtype=np.float64)
    log_det = np.log(np.diagonal(whiten, axis1=1, axis2=2)).sum(axis=1)
    return Mixture(
        whiten=whiten,
        offset=np.einsum("ck,ckj->cj", model.means_, whiten),
        constant=np.log(model.weights_) + log_det - 0.5 * rows.shape[1] * np.log(_TWO_PI),
    )
