"""Tasks that find what is alike: an index of everything there is, judged by what a search through everything finds."""

from typing import Final

import numpy as np
import polars as pl

from telltale.contract.app import Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.learners import Described, Fingerprints, SimilarEstimator
from telltale.evaluate.gate import judge
from telltale.evaluate.similar_metrics import TOP, Searched, similar_metrics
from telltale.models.similar_runtime import SimilarRuntime
from telltale.models.similarity.rows import things_told
from telltale.train.fitted import FitRequest, Fitted, Judged
from telltale.train.search import refuse_search

_LEAST_THINGS: Final = 2
# A search through a million takes half a second.
_MOST_QUESTIONS: Final = 400


def fit_similar(request: FitRequest) -> Fitted:
    """Index what is there after all rows.

    Raises:
        NotEnoughDataError: fewer than two things are there.
        UsageError: a search is asked for; there is nothing to search by.
    """
    refuse_search(request)
    similarity = request.task.similarity
    assert similarity is not None, f"{request.task.name} does not say what it compares"
    estimator: SimilarEstimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own
    things = things_told(request.frame, similarity).there
    if len(things.names) < _LEAST_THINGS:
        raise NotEnoughDataError(
            f"{len(things.names)} values of {similarity.item} that are not removed have {similarity.fingerprints} or figures",
            where="train",
            mend="At least two must, or nothing can be like anything.",
        )
    request.progress("model", 0, 1)
    parts = estimator.fit(things, parameters=request.parameters, seed=request.choices.seed, tell=request.tell)
    request.progress("model", 1, 1)
    return Fitted(parts=parts, parameters=request.parameters)


def judge_similar(task: Task, runtime: SimilarRuntime, frame: pl.DataFrame) -> Judged:
    """What the gate says of an index, by things that came later: what it finds of what there is to be found.

    How true a similarity is, is seen on later things among themselves, of which the whole sets are at hand: they are
    added as live rows would be, and compared with each other's.
    """
    assert task.similarity is not None, f"{task.name} does not say what it compares"
    things = things_told(frame, task.similarity).there
    asked = _evenly(np.flatnonzero(np.diff(things.starts) > 0))
    index, later = runtime.index, runtime.learn(frame).index
    questions: list[Searched] = []
    errors: list[float] = []
    numbers = {name: number for number, name in enumerate(things.names)}
    unknown = np.full(things.figures.shape[1], np.nan)
    for number in asked:
        name, own = things.names[number], fingerprints_of(things, number)
        questions.append(
            Searched(
                found=index.find(own, unknown, top_k=TOP, without=name),
                exhaustive=index.exhaustive(own, top_k=TOP, without=name),
            )
        )
        among = later.find(own, unknown, top_k=TOP, without=name)
        errors += [
            abs(told - jaccard(own, fingerprints_of(things, numbers[other])))
            for other, told in zip(among.names, among.similarities, strict=True)
            if among.source == "fingerprints" and other in numbers
        ]
    metrics = similar_metrics(questions, errors) if questions else {}
    return Judged(verdict=judge(task.targets, metrics, n=len(questions), n_positive=None), metrics=metrics)


def fingerprints_of(things: Described, number: int) -> Fingerprints:
    """Those of one of them."""
    return things.fingerprints[things.starts[number] : things.starts[number + 1]]


def jaccard(one: Fingerprints, other: Fingerprints) -> float:
    """What two sets have in common, over what they have together; 0 of two empty ones.

    >>> jaccard(np.array([1, 2, 3]), np.array([3, 4]))
    0.25
    """
    n_shared = len(np.intersect1d(one, other))
    n_together = len(np.union1d(one, other))
    return n_shared / n_together if n_together else 0.0


def _evenly(numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[int]:
    """At most so many of them, evenly spread."""
    if len(numbers) <= _MOST_QUESTIONS:
        return list(map(int, numbers))
    return list(map(int, numbers[np.linspace(0, len(numbers) - 1, _MOST_QUESTIONS).round().astype(np.int64)]))
