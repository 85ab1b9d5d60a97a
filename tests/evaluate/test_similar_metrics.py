import math

import pytest

from telltale.contract.learners import Found
from telltale.evaluate.similar_metrics import Searched, recall_of, similar_metrics


def found(*similarities: float) -> Found:
    names = tuple(f"{place}-{of}" for place, of in enumerate(similarities))
    return Found(names=names, similarities=similarities, source="fingerprints" if similarities else "none")


@pytest.mark.parametrize(
    ("told", "whole", "recall"),
    [
        ((0.9, 0.8), (0.9, 0.8), 1.0),
        ((0.9, 0.4), (0.9, 0.8, 0.7, 0.6), 0.25),
        ((), (0.9,), 0.0),
        ((0.9,), (0.4, 0.3), None),
        ((), (), None),
        ((0.9,) * 5, (0.9,) * 5, 1.0),  # of equally similar things any will do
        ((0.8, 0.7, 0.7, 0.7, 0.7), (0.9, 0.8, 0.7, 0.7, 0.7), 0.8),  # the best is missed, whatever stands for it
        ((0.8, 0.7, 0.6, 0.6, 0.5), (0.8, 0.7, 0.6, 0.6, 0.6), 0.8),
    ],
)
def test_recall_is_of_what_is_alike_by_half_among_the_five_most_similar(
    told: tuple[float, ...], whole: tuple[float, ...], recall: float | None
) -> None:
    assert recall_of(Searched(found=found(*told), exhaustive=found(*whole))) == recall


def test_recall_in_a_range_counts_what_lies_in_it() -> None:
    question = Searched(found=found(0.95, 0.62), exhaustive=found(0.95, 0.65, 0.62))

    assert recall_of(question, least=0.6, most=0.7) == 0.5
    assert recall_of(question, least=0.9, most=1.0) == 1.0
    assert recall_of(question, least=0.7, most=0.8) is None


def test_what_is_found_by_figures_is_no_recall() -> None:
    by_figures = Found(names=("a",), similarities=(0.9,), source="figures")

    assert recall_of(Searched(found=by_figures, exhaustive=found(0.9))) == 0.0


def test_figures_have_intervals_and_counts() -> None:
    questions = [Searched(found=found(0.9), exhaustive=found(0.9, 0.8))] * 10
    questions += [Searched(found=found(0.9), exhaustive=found(0.9))] * 20
    questions += [Searched(found=found(), exhaustive=found(0.2))] * 10

    metrics = similar_metrics(questions, [0.01, 0.03])

    assert metrics["recall_5"].value == pytest.approx(25 / 30)
    assert metrics["recall_5"].n == 30
    assert metrics["recall_5"].low < metrics["recall_5"].value < metrics["recall_5"].high
    assert metrics["similarity_error"].value == pytest.approx(0.02)
    assert metrics["alike_share"].value == 0.75


def test_nothing_asked_is_nothing_measured() -> None:
    metrics = similar_metrics([], [])

    assert all(math.isnan(of.value) and of.n == 0 for of in metrics.values())
