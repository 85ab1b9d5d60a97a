from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import pytest

from telltale.contract.app import App
from telltale.contract.errors import UsageError
from telltale.home.apps import installed_apps
from telltale.testing.cases import cases
from telltale.testing.trained_task import uncovered

HELIOS = installed_apps()["helios"]


class Odd:
    expected_failures: ClassVar = {"check_is_even": "one is odd"}


def check_is_even(subject: object) -> None:
    """An object is even."""
    assert not isinstance(subject, Odd)


def check_is_an_object(subject: object) -> None:
    """An object is one."""
    assert isinstance(subject, object)


CHECKS: list[Callable[[object], None]] = [check_is_even, check_is_an_object]


def test_ids_read_subject_then_check() -> None:
    assert [case.id for case in cases({"plain": object()}, CHECKS)] == [
        "plain-check_is_even",
        "plain-check_is_an_object",
    ]


def test_an_expected_failure_is_a_strict_xfail_with_its_reason() -> None:
    plain = cases({"plain": object()}, CHECKS, expected_failures={"plain": {"check_is_even": "cannot be told"}})
    odd = cases({"odd": Odd()}, CHECKS)

    for case, reason in ((plain[0], "cannot be told"), (odd[0], "one is odd")):
        (mark,) = case.marks
        assert isinstance(mark, pytest.MarkDecorator)
        assert mark.name == "xfail"
        assert mark.kwargs == {"strict": True, "reason": reason}
    assert not plain[1].marks
    assert not odd[1].marks


@pytest.mark.parametrize(("subject", "check"), cases({"plain": object()}, CHECKS))
def test_cases_parametrise_one_function(subject: object, check: Callable[[object], None]) -> None:
    check(subject)


@pytest.mark.parametrize(
    ("expected", "named"),
    [
        ({"nobody": {"check_is_even": "why"}}, "nobody"),
        ({"plain": {"check_is_odd": "why"}}, "check_is_odd"),
        ({"plain": {"check_is_even": " "}}, "no reason"),
    ],
)
def test_an_expected_failure_that_cannot_be_meant_is_refused(expected: dict[str, dict[str, str]], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        cases({"plain": object()}, CHECKS, expected_failures=expected)


def test_what_no_suite_reaches_is_named() -> None:
    task = HELIOS.tasks[0]
    strange = replace(HELIOS, tasks=(replace(task, kind="rank"),))
    lazy = replace(HELIOS, tasks=(replace(task, estimators=("robust_z",), other_estimators=()),))
    idle = replace(HELIOS, tasks=())

    def missed(app: App) -> str:
        return "; ".join(uncovered({"helios": app}, kinds=frozenset({"score"})))

    assert "task" not in missed(HELIOS).replace("no task uses it", "")
    assert "estimator ease: no task uses it" in missed(HELIOS)
    assert "helios/anomaly: no suite for tasks of kind 'rank'" in missed(strange)
    assert "estimator isolation_forest: no task uses it" in missed(lazy)
    assert "estimator isolation_forest: no task uses it" not in missed(HELIOS)
    assert "app helios: has no task" in missed(idle)
    with pytest.raises(UsageError, match="no app"):
        uncovered({}, kinds=frozenset({"score"}))
