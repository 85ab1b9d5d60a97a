"""What the `freetext` benchmark sets beside ours: scaled Manhattan, and Gaussian mixtures adapted from a background."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from benchmarks.freetext_cases import stretches
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.mixed_channels import channels_of
from telltale.models.verification.mixed_features import Layout

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]
Sequences = Sequence[TimedSequence]
Vector = Callable[[TimedSequence], Floats]
Vectors = Callable[[TimedSequence], tuple[Floats, Groups]]  # rows of a sequence, and which mixture each is of
Scorer = Callable[[Sequences], Floats]  # one score per sequence, higher = more likely theirs
Enrol = Callable[[Sequences], Scorer]
Method = Callable[[Sequence[Sequences]], Enrol]  # from the background

_SEED: Final = 0
_N_CLASSES: Final = 5
_LEAST_ROWS: Final = 10  # of the background, for a mixture of its own


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A baseline with one setting."""

    name: str
    setting: str
    method: Method


def manhattans(*, is_one_text: bool, quick: bool) -> Iterator[Choice]:
    """Scaled Manhattan: times in ms or their logarithms; where texts differ, means, quartiles or ours, of pieces of some length."""
    if is_one_text:
        for is_log in (False, True):
            yield _manhattan(f"{_unit(is_log)}, place by place", _always(partial(_aligned, is_log=is_log)), None)
        return
    for n_keys in (50,) if quick else (25, 50, 100):
        pieces = f"pieces of {n_keys} keys"
        for is_log, shares in product((False, True), ((), (0.25, 0.5, 0.75))):
            what = "quartiles" if shares else "means and deviations"
            vector = partial(_by_class, is_log=is_log, shares=shares)
            yield _manhattan(f"{_unit(is_log)}, {what}, {pieces}", _always(vector), n_keys)
        yield _manhattan(f"the values that ours compares, {pieces}", _ours, n_keys)


def _always(vector: Vector) -> Callable[[Sequences], Vector]:
    return lambda _enrolled: vector


def _ours(enrolled: Sequences) -> Vector:
    layout = Layout(channels_of(enrolled))

    def vector(one: TimedSequence) -> Floats:
        found = layout.describe([one])
        return np.where(found.counts[0] > 0, found.values[0], np.nan)

    return vector


def _manhattan(setting: str, vector_of: Callable[[Sequences], Vector], n_keys: int | None) -> Choice:
    def enrol(enrolled: Sequences) -> Scorer:
        vector = vector_of(enrolled)
        pieces = [piece for one in enrolled for piece in stretches(one, n_keys)]
        rows = np.stack([vector(piece) for piece in (pieces if len(pieces) > 1 else enrolled)])
        known = np.isfinite(rows)
        n = known.sum(axis=0)
        middle = np.where(known, rows, 0.0).sum(axis=0) / np.maximum(n, 1)
        spread = np.where(known, np.abs(rows - middle), 0.0).sum(axis=0) / np.maximum(n, 1)
        usable = (n >= 2) & (spread > 0)

        def score(sequences: Sequences) -> Floats:
            found = []
            for one in sequences:
                apart = np.abs(vector(one) - middle)[usable] / spread[usable]
                apart = apart[np.isfinite(apart)]
                found.append(-float(apart.mean()) if len(apart) else -np.inf)
            scores = np.array(found)
            worst = scores[np.isfinite(scores)].min(initial=0.0)
            return np.where(np.isfinite(scores), scores, worst)

        return score

    return Choice(name="manhattan_scaled", setting=setting, method=lambda _background: enrol)


def mixtures(*, is_one_text: bool, quick: bool) -> Iterator[Choice]:
    """GMM-UBM: so many components, so strong a prior in the adaptation; where texts differ, of acts all alike or of each pair
    of classes, with or without the hold before.
    """  # noqa: D205 - one sentence
    sizes = ((1, 2, 4, 8) if is_one_text else (8, 32))[: 1 if quick else None]
    relevances = (4.0,) if quick else (1.0, 4.0, 16.0)
    if is_one_text:
        for n in sizes:
            yield from _mixtures(f"{n} components, place by place", _Fits(_whole, n, "diag"), relevances)
        return
    for n, by_pair, with_before in product(sizes, (False, True), (False, True)):
        if quick and by_pair != with_before:
            continue
        what = (
            f"{'by pair of classes' if by_pair else 'all acts'}, {'with' if with_before else 'without'} the hold before"
        )
        vectors = partial(_acts, by_pair=by_pair, with_before=with_before)
        each = max(n // 4, 1) if by_pair else n
        yield from _mixtures(f"{each} components, {what}", _Fits(vectors, each, "full"), relevances)


def _mixtures(setting: str, fits: "_Fits", relevances: Sequence[float]) -> Iterator[Choice]:
    for relevance in relevances:
        yield Choice(
            name="gmm_ubm",
            setting=f"{setting}, relevance {relevance:g}",
            method=partial(_adapt, fits, relevance=relevance),
        )


@dataclass(frozen=True, kw_only=True)
class _Universal:
    """Mixtures of a background, one for each group of vectors that it has enough of."""

    vectors: Vectors
    middle: Floats
    spread: Floats
    models: dict[int, GaussianMixture]

    def rows(self, sequences: Sequences) -> tuple[Floats, Groups, Groups]:
        values, groups, owner = _together(sequences, self.vectors)
        return (values - self.middle) / self.spread, groups, owner


class _Fits:
    """Mixtures of some size, fitted once for each background: how strongly they are adapted changes nothing in them."""

    def __init__(self, vectors: Vectors, n_components: int, covariance: str) -> None:
        self._vectors, self._n_components, self._covariance = vectors, n_components, covariance
        self._known: list[tuple[Sequence[Sequences], _Universal]] = []

    def of(self, background: Sequence[Sequences]) -> _Universal:
        for known, fitted in self._known:
            if known is background:
                return fitted
        rows, groups, _ = _together([one for own in background for one in own], self._vectors)
        middle, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
        models = {
            int(group): _fit((rows[groups == group] - middle) / spread, self._n_components, self._covariance)
            for group in np.unique(groups)
            if (groups == group).sum() >= max(_LEAST_ROWS, 2 * self._n_components)
        }
        made = _Universal(vectors=self._vectors, middle=middle, spread=spread, models=models)
        self._known.append((background, made))
        return made


def _adapt(fits: _Fits, background: Sequence[Sequences], *, relevance: float) -> Enrol:
    universal = fits.of(background)

    def enrol(enrolled: Sequences) -> Scorer:
        own, whose, _ = universal.rows(enrolled)
        adapted = {group: _adapted(model, own[whose == group], relevance) for group, model in universal.models.items()}

        def score(sequences: Sequences) -> Floats:
            """Mean over vectors of the log likelihood ratio."""
            values, groups, owner = universal.rows(sequences)
            total, n = np.zeros(len(sequences)), np.zeros(len(sequences))
            for group, model in universal.models.items():
                at = groups == group
                if not at.any():
                    continue
                ratio = adapted[group].score_samples(values[at]) - model.score_samples(values[at])
                total += np.bincount(owner[at], ratio, len(sequences))
                n += np.bincount(owner[at], minlength=len(sequences))
            return total / np.maximum(n, 1.0)

        return score

    return enrol


def _fit(rows: Floats, n_components: int, covariance: str) -> GaussianMixture:
    return GaussianMixture(
        n_components, covariance_type=covariance, reg_covar=1e-3, max_iter=60, tol=1e-3, random_state=_SEED
    ).fit(rows)


def _adapted(model: GaussianMixture, rows: Floats, relevance: float) -> GaussianMixture:
    """Means moved towards the person's own (Reynolds, Quatieri & Dunn 2000); weights and covariances stay."""
    made = GaussianMixture(model.n_components, covariance_type=model.covariance_type)
    made.weights_, made.covariances_ = model.weights_, model.covariances_
    made.precisions_cholesky_ = model.precisions_cholesky_
    made.means_ = model.means_
    if len(rows):
        shares = model.predict_proba(rows)
        made.means_ = (shares.T @ rows + relevance * model.means_) / (shares.sum(axis=0) + relevance)[:, None]
    return made


def _together(sequences: Sequences, vectors: Vectors) -> tuple[Floats, Groups, Groups]:
    """The vectors of all sequences, the group of each, and the place of its sequence."""
    found = [vectors(one) for one in sequences]
    owner = np.repeat(np.arange(len(found)), [len(groups) for _, groups in found])
    return np.concatenate([values for values, _ in found]), np.concatenate([groups for _, groups in found]), owner


def _times(one: TimedSequence, *, is_log: bool) -> tuple[Floats, Floats]:
    lasted, since = one.lasted_ms.astype(np.float64), one.since_ms[1:].astype(np.float64)
    if not is_log:
        return np.minimum(lasted, 2_000.0), np.minimum(since, 5_000.0)
    return np.log(np.clip(lasted, 10.0, 2_000.0)), np.log(np.clip(since, 10.0, 5_000.0))


def _aligned(one: TimedSequence, *, is_log: bool) -> Floats:
    return np.concatenate(_times(one, is_log=is_log))


def _whole(one: TimedSequence) -> tuple[Floats, Groups]:
    return _aligned(one, is_log=True)[None], np.zeros(1, dtype=np.int64)


def _acts(one: TimedSequence, *, by_pair: bool, with_before: bool) -> tuple[Floats, Groups]:
    lasted, since = _times(one, is_log=True)
    kinds = one.kinds.astype(np.int64)
    rows = np.stack([lasted[1:], since, *([lasted[:-1]] if with_before else [])], axis=1)
    return rows, kinds[:-1] * _N_CLASSES + kinds[1:] if by_pair else np.zeros(len(rows), dtype=np.int64)


def _by_class(one: TimedSequence, *, is_log: bool, shares: tuple[float, ...]) -> Floats:
    """Of holds by class and of gaps by pair of classes, means and deviations or quantiles; NaN where there are none."""
    lasted, since = _times(one, is_log=is_log)
    kinds = one.kinds.astype(np.int64)
    pairs = kinds[:-1] * _N_CLASSES + kinds[1:]
    groups = [lasted[kinds == kind] for kind in range(_N_CLASSES)]
    groups += [since[pairs == pair] for pair in range(_N_CLASSES**2)]
    n = len(shares) or 2
    return np.concatenate([_summary(group, shares) if len(group) else np.full(n, np.nan) for group in groups])


def _summary(values: Floats, shares: tuple[float, ...]) -> Floats:
    return np.quantile(values, shares) if shares else np.array([values.mean(), values.std()])


def _unit(is_log: bool) -> str:
    return "logarithms" if is_log else "ms"
