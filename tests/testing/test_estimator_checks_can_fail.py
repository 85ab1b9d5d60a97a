"""A check that cannot fail checks nothing: each is put to an estimator with the fault that it is there to find."""

# ruff: noqa: ARG002 - faults look at less than they are given

import os
import random
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from telltale.contract.estimator import (
    Choice,
    Features,
    Parameter,
    Parameters,
    Parts,
    Scorer,
    Scores,
    Tell,
    silent,
)
from telltale.contract.kinds import Kind
from telltale.models.robust_z import ESTIMATOR as SOUND
from telltale.testing import estimator_checks as checks
from telltale.testing.estimator_checks import ESTIMATOR_CHECKS, EstimatorCheck


class Faulty:
    """Robust z, with one thing after another wrong."""

    name = "faulty"
    kind: Kind = "score"
    traits = SOUND.traits
    defaults: Mapping[str, Parameter] = SOUND.defaults
    search_space: Mapping[str, Choice] = SOUND.search_space
    grid: Mapping[str, tuple[Parameter, ...]] = SOUND.grid

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        return SOUND.fit(features, labels=labels, parameters=parameters, seed=seed)

    def load(self, parts: Parts) -> Scorer:
        return FaultyScorer(SOUND.load(parts), self.change)

    def change(self, scores: Scores, features: Features) -> Scores:
        return scores


class FaultyScorer:
    def __init__(self, sound: Scorer, change: Callable[[Scores, Features], Scores]) -> None:
        self._sound = sound
        self._change = change

    def score(self, features: Features) -> Scores:
        return self._change(self._sound.score(features), features)

    def score_one(self, features: Features) -> float:
        return float(self.score(features)[0])


class GivesInfinity(Faulty):
    def change(self, scores: Scores, features: Features) -> Scores:
        return np.where(scores > 1e9, np.inf, scores)


class GivesFloat32(Faulty):
    def change(self, scores: Scores, features: Features) -> Scores:
        return scores.astype(np.float32)


class ChangesFeatures(Faulty):
    def change(self, scores: Scores, features: Features) -> Scores:
        features *= 2
        return scores


class RanksWithinTheBatch(Faulty):
    def change(self, scores: Scores, features: Features) -> Scores:
        return scores - scores.mean() if len(scores) else scores


class ReadsTheGlobalSeed(Faulty):
    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        return Parts(
            arrays={
                "centre": np.asarray(np.random.normal(size=features.shape[1])),  # noqa: NPY002 - the fault
                "spread": np.ones(features.shape[1]),
                "is_signed": np.ones(features.shape[1]),
            }
        )


class DependsOnTheProcess(Faulty):
    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        rng = random.Random(os.getpid())
        n = features.shape[1]
        return Parts(arrays={"centre": np.full(n, rng.random()), "spread": np.ones(n), "is_signed": np.ones(n)})


class KeepsNothing(Faulty):
    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        self.parts = super().fit(features, labels=labels, parameters=parameters, seed=seed)
        return Parts()

    def load(self, parts: Parts) -> Scorer:
        return SOUND.load(self.parts)


class SharesItsState(Faulty):
    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        self.centre = float(features.mean())
        return super().fit(features, labels=labels, parameters=parameters, seed=seed)

    def change(self, scores: Scores, features: Features) -> Scores:
        return scores + self.centre


class IsUpsideDown(Faulty):
    def change(self, scores: Scores, features: Features) -> Scores:
        return -scores


class IsConstant(Faulty):
    def change(self, scores: Scores, features: Features) -> Scores:
        return np.ones(len(scores))


class Leaks(Faulty):
    def __init__(self) -> None:
        self.kept: list[object] = []

    def change(self, scores: Scores, features: Features) -> Scores:
        self.kept.append(features.copy())
        return scores


class Slows(Faulty):
    def __init__(self) -> None:
        self.n = 0

    def change(self, scores: Scores, features: Features) -> Scores:
        self.n += 1
        sum(range(self.n))
        return scores


class TakesAnyParts(Faulty):
    def load(self, parts: Parts) -> Scorer:
        return FaultyScorer(
            SOUND.load(Parts(arrays={"centre": np.zeros(5), "spread": np.ones(5), "is_signed": np.ones(5)})),
            self.change,
        )


class TunesTheUnknown(Faulty):
    grid: Mapping[str, tuple[Parameter, ...]] = {"width": (1.0, 2.0)}


@pytest.mark.parametrize(
    ("faulty", "check"),
    [
        (GivesInfinity, checks.check_one_finite_score_per_row),
        (GivesFloat32, checks.check_one_finite_score_per_row),
        (ChangesFeatures, checks.check_inputs_are_not_mutated),
        (RanksWithinTheBatch, checks.check_score_is_row_wise),
        (ReadsTheGlobalSeed, checks.check_same_seed_same_scores),
        (DependsOnTheProcess, checks.check_same_seed_same_scores_in_another_process),
        (KeepsNothing, checks.check_stored_scores_are_the_same),
        (SharesItsState, checks.check_training_one_never_moves_another),
        (IsUpsideDown, checks.check_higher_score_is_more_likely_the_event),
        (IsConstant, checks.check_better_than_trivial),
        (IsConstant, checks.check_a_feature_that_never_moved_is_seen_when_it_does),
        (Leaks, checks.check_bounded),
        (Slows, checks.check_bounded),
        (TakesAnyParts, checks.check_wrong_parts_are_refused_by_name),
        (TunesTheUnknown, checks.check_whatever_tuning_may_choose_can_be_fitted),
    ],
    ids=lambda value: value.__name__,
)
def test_check_finds_its_fault(faulty: type[Faulty], check: EstimatorCheck) -> None:
    with pytest.raises(AssertionError):
        check(faulty())


@pytest.mark.parametrize("check", ESTIMATOR_CHECKS, ids=lambda check: check.__name__)
def test_check_passes_the_same_estimator_without_a_fault(check: EstimatorCheck) -> None:
    check(Faulty())
