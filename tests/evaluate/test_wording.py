import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.verdict import Measured, Target
from telltale.evaluate.gate import judge
from telltale.evaluate.intervals import rate
from telltale.evaluate.metrics import detection_metrics
from telltale.evaluate.wording import count_text, figure_name, figure_text, verdict_sentence

RECALL = Target(metric="recall", op=">=", limit=0.85)


@given(value=st.one_of(st.floats(0.845, 0.8499), st.floats(0.8501, 0.855)))
def test_a_figure_off_its_limit_by_a_row_in_thousands_never_reads_as_the_limit(value: float) -> None:
    assert figure_text("recall", value) != figure_text("recall", 0.85)


def test_every_figure_has_a_name_and_a_unit_for_its_count() -> None:
    metrics = detection_metrics(np.array([0, 1], dtype=np.int8), np.array([0.0, 1.0]), 0.5).metrics

    names = {figure_name(name) for name in metrics}

    assert len(names) == len(metrics)
    assert all("_" not in name for name in names)
    assert {name for name in metrics if count_text(name, 3) == "3 rows"} == {"accuracy"}


def test_too_little_evidence_names_the_figure_and_its_count() -> None:
    verdict = judge((RECALL,), {"recall": rate(9, 10)}, n=100, n_positive=10)

    assert verdict_sentence(verdict) == "Recall rests on 10 positive: too few to decide. Judge on more labelled rows."


def test_a_task_that_knows_no_labels_is_not_asked_for_them() -> None:
    asked = (Target(metric="regret", op="<=", limit=0.05),)
    few = judge(asked, {"regret": Measured(value=0.05, low=0.01, high=0.09, n=5)}, n=5, n_positive=None)

    assert verdict_sentence(few) == "Regret rests on 5 rows: too few to decide. Judge on more rows."
    assert verdict_sentence(judge(asked, {}, n=0, n_positive=None)).startswith("No row can be judged on")


def test_labelled_rows_without_a_positive_are_told_from_rows_without_labels() -> None:
    labelled = judge((RECALL,), {"recall": rate(0, 0)}, n=100, n_positive=0)
    unlabelled = judge((RECALL,), {}, n=0, n_positive=0)

    assert verdict_sentence(labelled).startswith("None of the 100 labelled rows is positive")
    assert verdict_sentence(unlabelled).startswith("No row has a label")


def test_a_pass_says_on_how_many_rows() -> None:
    verdict = judge((RECALL,), {"recall": rate(90, 100)}, n=2_016, n_positive=100)

    assert verdict_sentence(verdict) == "Every target is met on 2,016 rows."


def test_a_task_that_asks_for_nothing_says_so() -> None:
    assert "nothing to pass" in verdict_sentence(judge((), {}, n=10, n_positive=2))
