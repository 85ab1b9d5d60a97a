import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.errors import UsageError
from telltale.contract.verdict import Measured, Target, Verdict
from telltale.evaluate.gate import judge
from telltale.evaluate.intervals import rate, undefined

RECALL = Target(metric="recall", op=">=", limit=0.85, goal=0.871)
FALSE_ALARMS = Target(metric="false_positive_rate", op="<=", limit=0.15)


def judge_one(target: Target, k: int, n: int) -> Verdict:
    return judge((target,), {target.metric: rate(k, n)}, n=10 * n + 10, n_positive=n + 1)


@pytest.mark.parametrize(
    ("k", "n", "outcome"),
    [
        (90, 100, "pass"),
        (85, 100, "pass"),  # equal to the limit keeps it
        (84, 100, "fail"),
        (17, 20, "pass"),  # 20 rows: the figure decides, though its interval reaches below the limit
        (16, 20, "fail"),
        (18, 19, "not_enough_evidence"),  # above the limit, on too few rows
        (15, 19, "not_enough_evidence"),  # below the limit, on too few rows
        (5, 19, "fail"),  # too few rows, and so far below that the interval decides
        (0, 0, "not_enough_evidence"),
    ],
)
def test_recall_is_judged_by_the_figure_once_enough_rows_carry_it(k: int, n: int, outcome: str) -> None:
    assert judge_one(RECALL, k, n).outcome == outcome


@pytest.mark.parametrize(
    ("k", "n", "outcome"),
    [(1, 100, "pass"), (15, 100, "pass"), (16, 100, "fail"), (1, 10, "not_enough_evidence"), (9, 10, "fail")],
)
def test_a_ceiling_is_judged_from_the_other_side(k: int, n: int, outcome: str) -> None:
    assert judge_one(FALSE_ALARMS, k, n).outcome == outcome


def test_few_rows_pass_where_the_whole_interval_keeps_the_limit() -> None:
    lenient = Target(metric="recall", op=">=", limit=0.5)

    assert judge_one(lenient, 18, 18).outcome == "pass"


def test_one_missed_target_fails_whatever_the_others_say() -> None:
    metrics = {"recall": rate(10, 100), "false_positive_rate": undefined()}

    verdict = judge((RECALL, FALSE_ALARMS), metrics, n=100, n_positive=100)

    assert verdict.outcome == "fail"
    assert [result.met for result in verdict.targets] == [False, None]


def test_one_undecided_target_withholds_the_pass() -> None:
    metrics = {"recall": rate(10, 10), "false_positive_rate": rate(0, 1000)}

    verdict = judge((RECALL, FALSE_ALARMS), metrics, n=1010, n_positive=10)

    assert verdict.outcome == "not_enough_evidence"
    assert [result.met for result in verdict.targets] == [None, True]


def test_rows_without_labels_are_not_enough_evidence() -> None:
    verdict = judge((RECALL, FALSE_ALARMS), {}, n=2016, n_positive=0)

    assert verdict.outcome == "not_enough_evidence"
    assert verdict.n_positive == 0
    assert all(result.n == 0 and result.met is None for result in verdict.targets)


def test_rows_without_a_positive_never_pass_but_can_fail() -> None:
    def outcome(k: int) -> str:
        return judge((FALSE_ALARMS,), {"false_positive_rate": rate(k, 1000)}, n=1000, n_positive=0).outcome

    assert outcome(1) == "not_enough_evidence"
    assert outcome(400) == "fail"


def test_a_task_without_targets_is_not_passed() -> None:
    assert judge((), {"recall": rate(99, 100)}, n=1000, n_positive=100).outcome == "not_enough_evidence"


def test_a_target_on_an_unknown_figure_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'recal' is not known\. Known: precision, recall"):
        judge(
            (Target(metric="recal", op=">=", limit=0.5),),
            {"recall": rate(1, 1), "precision": rate(1, 1)},
            n=2,
            n_positive=1,
        )


def test_the_goal_is_carried_and_never_gated_on() -> None:
    verdict = judge_one(RECALL, 86, 100)

    assert verdict.outcome == "pass"
    assert verdict.targets[0].goal == 0.871


@given(k=st.integers(0, 60), n=st.integers(0, 60), limit=st.floats(0, 1))
def test_one_more_hit_never_makes_a_floor_harder_to_keep(k: int, n: int, limit: float) -> None:
    order = {"fail": 0, "not_enough_evidence": 1, "pass": 2}
    target = Target(metric="recall", op=">=", limit=limit)
    k = min(k, n)

    if k < n:
        assert order[judge_one(target, k, n).outcome] <= order[judge_one(target, k + 1, n).outcome]


def test_a_figure_that_is_not_finite_decides_nothing() -> None:
    broken = Measured(value=float("nan"), low=0.9, high=1.0, n=500)

    assert judge((RECALL,), {"recall": broken}, n=600, n_positive=500).outcome == "not_enough_evidence"
