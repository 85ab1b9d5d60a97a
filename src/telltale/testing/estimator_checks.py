"""What every estimator promises (`telltale.contract.estimator`), as checks that any estimator can be put through.

The checks make features of their own, see `samples.sample_features`; the runtime checks use a task's.
"""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Choice, Estimator, Features, Parameter, Parts, Scorer
from telltale.evaluate.ranking import auroc, average_precision
from telltale.models.bundle import load_bundle, save_bundle
from telltale.testing.processes import in_the_other_process
from telltale.testing.quick_parameters import check_parameters
from telltale.testing.refusals import assert_refused
from telltale.testing.samples import N_FEATURES, last_value_scores, sample_features, sample_manifest
from telltale.testing.streams import assert_bounded

EstimatorCheck = Callable[[Estimator], None]

_NO_ROWS = np.empty(0, dtype=np.uint64)
# How far above a trivial baseline's average precision a model's must be.
_CLEARLY = 0.1


def check_one_finite_score_per_row(estimator: Estimator) -> None:
    """A matrix of n rows gets n finite float64 scores, for n of 0 and 1 too, and wherever in float32 the values lie."""
    scorer = _fitted(estimator)
    rows = _sample(estimator, 1)[0]
    extremes = np.array([[3e38], [-3e38], [0.0], [1e-45]], dtype=np.float32).repeat(rows.shape[1], axis=1)

    for features in (rows[:0], rows[:1], rows, extremes):
        scores = scorer.score(features)

        assert scores.shape == (len(features),), f"{len(features)} rows got scores of shape {scores.shape}"
        assert scores.dtype == np.float64, f"scores are {scores.dtype}"
        assert np.isfinite(scores).all(), f"scores {scores[~np.isfinite(scores)][:3]} are not finite"


def check_inputs_are_not_mutated(estimator: Estimator) -> None:
    """Features, labels and parameters are as they were after fitting and scoring."""
    features, labels = _sample(estimator, 0)
    parameters = check_parameters(estimator)
    before = features.copy(), labels.copy(), parameters.copy()

    scorer = estimator.load(estimator.fit(features, labels=labels, parameters=parameters, seed=0))
    scorer.score(features)
    scorer.score_one(features[:1])

    assert np.array_equal(features, before[0]), "features were changed"
    assert np.array_equal(labels, before[1]), "labels were changed"
    assert parameters == before[2], "parameters were changed"


def check_score_is_row_wise(estimator: Estimator) -> None:
    """A row's score is the same alone, by the quick way for one row, in any batch and in any order."""
    scorer = _fitted(estimator)
    rows = _sample(estimator, 1)[0]
    together = scorer.score(rows)
    order = np.random.default_rng(0).permutation(len(rows))

    assert np.array_equal(scorer.score(rows[order]), together[order]), "order moves scores"
    assert np.array_equal(scorer.score(rows[:7]), together[:7]), "the batch's size moves scores"
    for i in range(0, len(rows), 17):
        one = rows[i : i + 1]
        assert scorer.score(one)[0] == together[i], (
            f"row {i} alone scores {scorer.score(one)[0]!r}, not {together[i]!r}"
        )
        assert scorer.score_one(one) == together[i], f"row {i} by score_one: {scorer.score_one(one)!r}"


def check_same_seed_same_scores(estimator: Estimator) -> None:
    """The same seed on the same rows gives the same parts, to the byte, whatever NumPy's global seed is."""
    np.random.seed(54321)  # noqa: NPY002 - as below
    first = parts_sha256(estimator, 3)
    np.random.seed(12345)  # noqa: NPY002 - the global state is what a fit must not read

    assert parts_sha256(estimator, 3) == first, "two fits with one seed differ"


def check_same_seed_same_scores_in_another_process(estimator: Estimator) -> None:
    """Another process, with another hash seed, fits the same parts."""
    assert in_the_other_process(parts_sha256, estimator, 3) == parts_sha256(estimator, 3), "another process differs"


def check_stored_scores_are_the_same(estimator: Estimator) -> None:
    """Parts that were saved and loaded give identical scores; they are an ONNX graph or finite float64 arrays."""
    rows, labels = _sample(estimator, 0)
    parts = estimator.fit(rows, labels=labels, parameters=check_parameters(estimator), seed=0)
    fresh = _sample(estimator, 1)[0]

    with tempfile.TemporaryDirectory() as name:
        save_bundle(Path(name), sample_manifest(estimator.name), parts, _NO_ROWS)
        loaded = load_bundle(Path(name)).parts

    assert parts.onnx is not None or parts.arrays, "nothing is stored"
    for key, array in parts.arrays.items():
        assert array.dtype == np.float64, f"array {key} is {array.dtype}"
        assert np.isfinite(array).all(), f"array {key} is not finite"
    assert np.array_equal(estimator.load(loaded).score(fresh), estimator.load(parts).score(fresh)), "scores differ"


def check_training_one_never_moves_another(estimator: Estimator) -> None:
    """A fitted scorer scores the same after another is fitted, and after the rows it was fitted on are overwritten."""
    rows, labels = _sample(estimator, 0)
    fresh = _sample(estimator, 1)[0]
    scorer = estimator.load(estimator.fit(rows, labels=labels, parameters=check_parameters(estimator), seed=0))
    before = scorer.score(fresh)

    rows *= -3.0
    other = estimator.load(estimator.fit(rows, labels=labels, parameters=check_parameters(estimator), seed=1))

    assert not np.array_equal(other.score(fresh), before), "fitted on other rows, and nothing changed"
    assert np.array_equal(scorer.score(fresh), before), "the first scorer moved"


def check_higher_score_is_more_likely_the_event(estimator: Estimator) -> None:
    """Rows of incidents score higher than normal ones, however much is labelled: all, half, or nothing, if it can do without."""
    rows, labels = _sample(estimator, 0)
    half = np.where(np.arange(len(labels)) % 2 == 0, labels, np.int8(-1))
    unlabelled = () if estimator.traits.needs_labels else (np.full_like(labels, -1), None)

    for known in (labels, half, *unlabelled):
        scorer = estimator.load(estimator.fit(rows, labels=known, parameters=check_parameters(estimator), seed=0))
        fresh, truth = _sample(estimator, 1)
        area = auroc(truth, scorer.score(fresh))
        assert area > 0.8, f"an incident outscores a normal row in {area:.0%} of pairs"


def check_better_than_trivial(estimator: Estimator) -> None:
    """It ranks incidents clearly better than a constant and than the last change; unlabelled, if it can do without."""
    fresh, truth = _sample(estimator, 1)

    found = average_precision(truth, _fitted(estimator).score(fresh))

    last_values = last_value_scores(fresh[:, -N_FEATURES:])
    for baseline, scores in (("a constant", np.zeros(len(fresh))), ("the last value", last_values)):
        trivial = average_precision(truth, scores)
        assert found > trivial + _CLEARLY, f"average precision {found:.3f}; {baseline}: {trivial:.3f}"


def check_a_feature_that_never_moved_is_seen_when_it_does(estimator: Estimator) -> None:
    """A feature that is constant in training raises the score once it moves."""
    rows, labels = _sample(estimator, 0)
    rows[:, ::N_FEATURES] = 0.25
    known = labels if estimator.traits.needs_labels else None
    scorer = estimator.load(estimator.fit(rows, labels=known, parameters=check_parameters(estimator), seed=0))
    still = np.median(rows, axis=0, keepdims=True)
    moved = still.copy()
    moved[0, ::N_FEATURES] = 5.0

    assert scorer.score_one(moved) > scorer.score_one(still), "the move is not seen"


def check_bounded(estimator: Estimator) -> None:
    """Memory and latency stay flat on a long stream of single rows."""
    rows = _sample(estimator, 1)[0]

    assert_bounded(_fitted(estimator).score_one, [rows[i : i + 1] for i in range(len(rows))])


def check_wrong_parts_are_refused_by_name(estimator: Estimator) -> None:
    """Parts that are empty, or of something else, raise BundleError, which names the fault and the mend."""
    other = np.zeros(3)
    for parts in (Parts(), Parts(onnx=b"not a graph"), Parts(onnx=b""), Parts(arrays={"something_else": other})):
        assert_refused(BundleError, "", estimator.load, parts)


def check_whatever_tuning_may_choose_can_be_fitted(estimator: Estimator) -> None:
    """Tuning varies only known parameters, has the defaults in reach, and every end of every range can be fitted."""
    defaults = estimator.defaults
    rows, labels = _sample(estimator, 0)
    unknown = (estimator.search_space.keys() | estimator.grid.keys()) - defaults.keys()
    assert not unknown, f"{sorted(unknown)} are no parameters; there are {sorted(defaults)}"
    for name, choice in estimator.search_space.items():
        assert choice.low <= float(defaults[name]) <= choice.high, f"the default of {name} is out of its range"

    tried: list[tuple[str, Parameter]] = [(name, end) for name, c in estimator.search_space.items() for end in _ends(c)]
    tried += [(name, value) for name, values in estimator.grid.items() for value in values]
    for name, value in tried:
        parts = estimator.fit(rows, labels=labels, parameters={**check_parameters(estimator), name: value}, seed=0)
        assert np.isfinite(estimator.load(parts).score(rows)).all(), f"{name} = {value}: scores are not finite"


ESTIMATOR_CHECKS: Final[tuple[EstimatorCheck, ...]] = (
    check_one_finite_score_per_row,
    check_inputs_are_not_mutated,
    check_score_is_row_wise,
    check_same_seed_same_scores,
    check_same_seed_same_scores_in_another_process,
    check_stored_scores_are_the_same,
    check_training_one_never_moves_another,
    check_higher_score_is_more_likely_the_event,
    check_better_than_trivial,
    check_a_feature_that_never_moved_is_seen_when_it_does,
    check_bounded,
    check_wrong_parts_are_refused_by_name,
    check_whatever_tuning_may_choose_can_be_fitted,
)


def parts_sha256(estimator: Estimator, seed: int) -> str:
    """The hash of what a fit with this seed stores; a function of the module, so that another process can run it."""
    rows, labels = _sample(estimator, 0)
    parts = estimator.fit(rows, labels=labels, parameters=check_parameters(estimator), seed=seed)
    digest = hashlib.sha256(parts.onnx or b"")
    for name in sorted(parts.arrays):
        digest.update(name.encode() + parts.arrays[name].tobytes())
    return digest.hexdigest()


def _sample(estimator: Estimator, seed: int) -> tuple[Features, NDArray[np.int8]]:
    """Sample rows, or as many of them side by side as the estimator reads, the first one standing in before it."""
    rows, labels = sample_features(seed)
    sequence = int(check_parameters(estimator).get("sequence", 1))
    places = np.maximum(np.arange(len(rows))[:, None] + np.arange(1 - sequence, 1), 0)
    return rows[places].reshape(len(rows), -1), labels


def _fitted(estimator: Estimator) -> Scorer:
    """Fitted without labels, if it can do without."""
    rows, labels = _sample(estimator, 0)
    known = labels if estimator.traits.needs_labels else None
    return estimator.load(estimator.fit(rows, labels=known, parameters=check_parameters(estimator), seed=0))


def _ends(choice: Choice) -> tuple[Parameter, Parameter]:
    return (int(choice.low), int(choice.high)) if choice.kind == "int" else (choice.low, choice.high)
