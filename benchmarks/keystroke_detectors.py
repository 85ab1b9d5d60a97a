"""Who is compared: ours, as the product verifies, and detectors of the literature.

A method learns from one person's repetitions, and from other people's where it can, and scores: higher is more likely the
person. What could be chosen of the baselines (features, widths, components) was chosen as ours was, by
`benchmarks.keystroke_choice`; the two scaled Manhattan ones are as published.
"""

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.keystroke_cases import Repetitions
from telltale.models.verification.aligned import AlignedMatcher, aligned_background
from telltale.models.verification.aligned_person import SETTINGS, AlignedSettings
from telltale.models.verification.matcher import fit_background, match
from telltale.models.verification.profile import pack, unpack

Floats = NDArray[np.float64]
Scorer = Callable[[Repetitions], Floats]
Method = Callable[[Repetitions, Sequence[Repetitions] | None], Scorer]
Features = Literal["seconds", "logs", "gaps"]
_LEAST_VARIANCE: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class SvmChoice:
    """Of the one-class SVM: features, newest own samples, share of them outside, width of the kernel over 1 / features."""

    features: Features = "gaps"
    newest: int = 50
    nu: float = 0.5
    width: float = 3.0


@dataclass(frozen=True, kw_only=True)
class MixtureChoice:
    """Of the mixtures.

    Args:
        features: see `features_of`.
        newest: own samples.
        n_own: components of the person's own mixture.
        n_everybody: components of everybody's.
        relevance: samples that everybody's mixture counts as.
        first: samples of each of the others.
    """

    features: Features = "gaps"
    newest: int = 50
    n_own: int = 2
    n_everybody: int = 1
    relevance: float = 16.0
    first: int = 10


def telltale(own: Repetitions, others: Sequence[Repetitions] | None) -> Scorer:
    """Ours: from a stored profile, as the runtime of `personhood/verify` does it."""
    # One other person is no background.
    known = fit_background([other.sequences for other in others]) if others is not None and len(others) > 1 else None
    matcher = match(unpack(pack(own.sequences)), known)
    return lambda asked: matcher.score(asked.sequences)


def aligned(settings: AlignedSettings = SETTINGS) -> Method:
    """The part of ours that is for a fixed text, whose constants are chosen."""

    def fit(own: Repetitions, others: Sequence[Repetitions] | None) -> Scorer:
        known = None if others is None else aligned_background([other.sequences for other in others], settings=settings)
        matcher = AlignedMatcher(unpack(pack(own.sequences)), known, settings=settings)
        return lambda asked: matcher.score(asked.sequences)

    return fit


def manhattan_scaled(own: Repetitions, _others: Sequence[Repetitions] | None) -> Scorer:
    """Killourhy and Maxion's best of 2009, on all columns of the file."""
    return _manhattan(own, lambda asked: asked.columns)


def manhattan_scaled_21(own: Repetitions, _others: Sequence[Repetitions] | None) -> Scorer:
    """The same on the independent columns alone."""
    return _manhattan(own, lambda asked: asked.independent)


def manhattan_recent(own: Repetitions, _others: Sequence[Repetitions] | None) -> Scorer:
    """The same on logarithms, recent samples weighing more (half-life 20), deviations cut at 5."""
    rows = features_of(own, "logs")
    weights = 0.5 ** (np.arange(len(rows))[::-1] / 20.0)
    weights /= weights.sum()
    middle = weights @ rows
    spread = weights @ np.abs(rows - middle) + 1e-9
    return lambda asked: -np.minimum(np.abs(features_of(asked, "logs") - middle) / spread, 5.0).sum(axis=1)


def mahalanobis_nn(own: Repetitions, _others: Sequence[Repetitions] | None) -> Scorer:
    """Distance to the nearest own sample. On the independent columns: the covariance of all is singular."""
    rows = own.independent
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    whitening = vectors / np.sqrt(np.maximum(values, 1e-12))
    known = rows @ whitening

    def score(asked: Repetitions) -> Floats:
        apart = (asked.independent @ whitening)[:, None, :] - known
        made: Floats = -np.sqrt((apart**2).sum(axis=2)).min(axis=1)
        return made

    return score


def one_class_svm(choice: SvmChoice = SvmChoice()) -> Method:
    """scikit-learn's, on standardised features."""

    def fit(own: Repetitions, _others: Sequence[Repetitions] | None) -> Scorer:
        from sklearn.svm import OneClassSVM

        rows = features_of(own[slice(-choice.newest, None)], choice.features)
        middle, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-9
        model = OneClassSVM(nu=choice.nu, gamma=choice.width / rows.shape[1]).fit((rows - middle) / spread)
        return lambda asked: np.asarray(
            model.decision_function((features_of(asked, choice.features) - middle) / spread), dtype=np.float64
        )

    return fit


def gmm_ubm(choice: MixtureChoice = MixtureChoice()) -> Method:
    """A mixture of everybody's, adapted to the person, over the mixture itself; without others, one of the person's own.

    References:
        Reynolds, Quatieri & Dunn, "Speaker verification using adapted Gaussian mixture models", 2000.
    """

    def fit(own: Repetitions, others: Sequence[Repetitions] | None) -> Scorer:
        rows = features_of(own[slice(-choice.newest, None)], choice.features)
        alike = rows
        if others is not None:
            alike = np.concatenate([features_of(other[slice(0, choice.first)], choice.features) for other in others])
        middle, spread = alike.mean(axis=0), alike.std(axis=0) + 1e-9

        def standard(asked: Repetitions) -> Floats:
            made: Floats = (features_of(asked, choice.features) - middle) / spread
            return made

        if others is None:
            alone = _mixture(choice.n_own, (rows - middle) / spread)
            return lambda asked: np.asarray(alone.score_samples(standard(asked)), dtype=np.float64)
        everybody = _mixture(choice.n_everybody, (alike - middle) / spread)
        adapted = _adapted(everybody, (rows - middle) / spread, choice.relevance)
        return lambda asked: np.asarray(
            adapted.score_samples(standard(asked)) - everybody.score_samples(standard(asked)), dtype=np.float64
        )

    return fit


def _mixture(n: int, rows: Floats) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    made = GaussianMixture(n, covariance_type="diag", reg_covar=_LEAST_VARIANCE, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # few rows: what it has then is what there is
        return made.fit(rows)


def _adapted(everybody: Any, rows: Floats, relevance: float) -> Any:
    """Weights, means and variances moved towards a person's rows, by how many of them each component has."""
    shares = everybody.predict_proba(rows)
    counts = shares.sum(axis=0)
    moved = (counts / (counts + relevance))[:, None]
    mean, square = ((shares.T @ power) / (counts[:, None] + 1e-9) for power in (rows, rows**2))
    made = copy.deepcopy(everybody)
    made.means_ = moved * mean + (1.0 - moved) * everybody.means_
    squares = moved * square + (1.0 - moved) * (everybody.covariances_ + everybody.means_**2)
    made.covariances_ = np.maximum(squares - made.means_**2, _LEAST_VARIANCE)
    made.precisions_cholesky_ = 1.0 / np.sqrt(made.covariances_)
    weights = moved[:, 0] * counts / counts.sum() + (1.0 - moved[:, 0]) * everybody.weights_
    made.weights_ = weights / weights.sum()
    return made


def features_of(asked: Repetitions, which: Features) -> Floats:
    """The independent columns in seconds; their logarithms; or the logarithms of holds beside the gaps, as ours has them."""
    if which == "seconds":
        return asked.independent
    if which == "logs":
        return np.log(np.maximum(asked.independent, 0.002))
    n_holds = (asked.independent.shape[1] + 1) // 2
    gaps = 1_000.0 * asked.columns[:, asked.independent.shape[1] :]
    return np.concatenate([np.log(np.maximum(asked.independent[:, :n_holds], 0.002)), np.arcsinh(gaps / 35.0)], axis=1)


def _manhattan(own: Repetitions, of: Callable[[Repetitions], Floats]) -> Scorer:
    rows = of(own)
    middle = rows.mean(axis=0)
    spread = np.abs(rows - middle).mean(axis=0) + 1e-9
    return lambda asked: -(np.abs(of(asked) - middle) / spread).sum(axis=1)


METHODS: Final[dict[str, Method]] = {
    "telltale": telltale,
    "manhattan_scaled": manhattan_scaled,
    "manhattan_scaled_21": manhattan_scaled_21,
    "mahalanobis_nn": mahalanobis_nn,
    "one_class_svm": one_class_svm(),
    "gmm_ubm": gmm_ubm(),
}
VARIANTS: Final[dict[str, Method]] = {"manhattan_recent": manhattan_recent}
TAKES_OTHERS: Final = frozenset({"telltale", "gmm_ubm"})
