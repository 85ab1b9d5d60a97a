"""Tasks that verify: a background from people, a threshold from others among them, judged on people seen in neither."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import polars as pl
from msgspec.structs import replace

from telltale.contract.app import Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Parts, Verifier, VerifyEstimator
from telltale.contract.sequence import TimedSequence
from telltale.evaluate.gate import judge
from telltale.evaluate.metrics import detection_metrics
from telltale.evaluate.verification_metrics import verification_metrics
from telltale.models.manifest import OperatingPoint
from telltale.models.verification.confidence import CONFIDENCE, fit_confidence
from telltale.models.verification.trials import Person, people_of
from telltale.models.verify_runtime import VerifyRuntime
from telltale.train.attacks import attack_metrics
from telltale.train.calibration import calibrate
from telltale.train.fitted import FitRequest, Fitted, Judged, Tried
from telltale.train.search import refuse_search
from telltale.train.split import N_FOLDS
from telltale.train.threshold import threshold_from_labels

_LEAST_PEOPLE: Final = 8
# Where nobody is labelled an impostor: so many of each other person's first own trials, of so many other people.
_CROSSED_TRIALS: Final = 2
_CROSSED_PEOPLE: Final = 20


def fit_verify(request: FitRequest) -> Fitted:
    """Fit a background on everybody, and set the threshold with people whom the background of the others has not seen.

    Raises:
        NotEnoughDataError: too few people with enough rows of their own.
        UsageError: a search is asked for; there is nothing to choose.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        return _fit(request)


def judge_verify(task: Task, runtime: VerifyRuntime, frame: pl.DataFrame) -> Judged:
    """What the gate says, on people whom neither background nor threshold has seen; what attackers achieve stands beside it."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        return _judge(task, runtime, frame)


def _fit(request: FitRequest) -> Fitted:
    # On one thread: matrices are small, and threads that wait for each other cost ten times what they compute.
    refuse_search(request)
    task, estimator = request.task, request.estimator
    assert task.verification is not None, f"{task.name} does not say what it compares"
    found: VerifyEstimator = estimator  # type: ignore[assignment]  # the task's kind is its own
    people = people_of(request.frame, task.verification)
    if len(people) < _LEAST_PEOPLE:
        raise NotEnoughDataError(
            f"{len(people)} people with {task.verification.least_samples} rows of their own or more",
            where="train",
            mend=f"Give rows of at least {_LEAST_PEOPLE} people.",
        )

    def fit(group: Sequence[Person]) -> Parts:
        own = [(*person.enrolled, *person.genuine) for person in group]
        return found.fit(own, parameters=request.parameters, seed=request.choices.seed, tell=request.tell)

    parts_of_all: list[Tried] = []
    for fold in range(N_FOLDS):
        request.progress("model", fold, N_FOLDS + 1)
        out = people[fold::N_FOLDS]
        fold_parts = fit([person for place, person in enumerate(people) if place % N_FOLDS != fold])
        parts_of_all.append(tried(found.load(fold_parts), out))
    parts = fit(people)
    request.progress("model", N_FOLDS + 1, N_FOLDS + 1)
    left_out = _together(parts_of_all)
    if not left_out.is_both:
        raise NotEnoughDataError(
            "no row is left to verify once the first of each person are enrolled",
            where="train",
            mend=f"Give more than {task.verification.least_samples} rows of each person.",
        )
    threshold = threshold_from_labels(
        left_out.labels, left_out.scores, task.targets, rng=np.random.default_rng(request.choices.seed)
    )
    n_positive = int((left_out.labels == 1).sum())
    confidence = fit_confidence(left_out.scores, left_out.labels)
    return Fitted(
        parts=replace(parts, arrays={**parts.arrays, CONFIDENCE: confidence}),
        parameters=request.parameters,
        threshold=threshold,
        operating_point=OperatingPoint(method="labels", n=len(left_out.labels), n_positive=n_positive),
    )


def _judge(task: Task, runtime: VerifyRuntime, frame: pl.DataFrame) -> Judged:
    people = people_of(frame, runtime.verification) if not frame.is_empty() else []
    found = tried(runtime.verifier, people)
    if not found.is_both:
        return Judged(verdict=judge(task.targets, {}, n=0, n_positive=0), metrics={})
    threshold = runtime.threshold
    result = detection_metrics(found.labels, found.scores, threshold)
    metrics = {**verification_metrics(found.labels, found.scores, threshold, found.entities)}
    metrics |= attack_metrics(runtime, people, task.attacks)
    verdict = judge(task.targets, metrics, n=result.counts.n, n_positive=result.counts.n_positive)
    calibration = calibrate(found.labels, found.scores, threshold)
    return Judged(verdict=verdict, metrics=metrics, result=result, calibration=calibration, tried=found)


def tried(verifier: Verifier, people: Sequence[Person]) -> Tried:
    """Every person's trials, scored with their own enrolled sequences.

    Where no trial of anybody is labelled an impostor's, other people stand in, who type as they do and do not try to
    pass for anybody: two trials of each of twenty others.
    """
    has_impostors = any((~person.is_genuine).any() for person in people)
    scores, labels, entities = [], [], []
    for place, person in enumerate(people):
        others = [] if has_impostors else list(_others(people, place))
        sequences = [*person.trials, *others]
        if not sequences:
            continue
        scores.append(verifier.matcher(person.enrolled).score(sequences))
        labels.append(np.concatenate([person.is_genuine, np.zeros(len(others), dtype=np.bool_)]))
        entities += [person.entity] * len(sequences)
    return Tried(
        scores=np.concatenate(scores) if scores else np.zeros(0),
        labels=np.concatenate(labels).astype(np.int8) if labels else np.zeros(0, dtype=np.int8),
        entities=tuple(entities),
    )


def _others(people: Sequence[Person], place: int) -> Iterator[TimedSequence]:
    for step in range(1, min(_CROSSED_PEOPLE, len(people) - 1) + 1):
        yield from people[(place + step) % len(people)].genuine[:_CROSSED_TRIALS]


def _together(parts: Sequence[Tried]) -> Tried:
    return Tried(
        scores=np.concatenate([part.scores for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        entities=tuple(entity for part in parts for entity in part.entities),
    )
