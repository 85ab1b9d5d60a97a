from collections.abc import Sequence
from types import ModuleType

import pytest
from _pytest.mark.structures import ParameterSet

from telltale.home.apps import installed_apps
from telltale.models.estimators import estimator_named
from telltale.testing import (
    bundle_checks,
    next_checks,
    query_checks,
    row_checks,
    runtime_checks,
    similar_checks,
    stream_runtime_checks,
    verify_checks,
)
from telltale.testing.bundle_checks import RuntimeCheck
from telltale.testing.cases import cases
from telltale.testing.runtime_checks import RUNTIME_SUITES
from telltale.testing.stream_runtime_checks import STREAM_RUNTIME_CHECKS
from telltale.testing.trained_task import TrainedTask, trained_tasks, uncovered

# What a task's rows do not allow, whatever the model.
FIVE_AVERAGES = "five averages tell people apart in seven pairs of ten, and no model can know better (trap T-3)"
FURTHEST_METRIC = (
    "at one false alarm a device and week the furthest metric tells no fault of a network: it is the baseline"
)
LEAVES_ITS_COURSE = (
    "it tells rows that leave the course of those before; a fault of a device lasts, and soon is the course"
)
SUDDEN = "made-up incidents of a service begin at once: the last change tells them nearly as well as rows side by side"
# By task, or by task and estimator.
EXPECTED = {
    "personhood/averages": {
        "check_higher_score_is_more_likely_the_event": FIVE_AVERAGES,
        "check_better_than_trivial": FIVE_AVERAGES,
    },
    "eyenet/anomaly-window_polynomial": {"check_higher_score_is_more_likely_the_event": LEAVES_ITS_COURSE},
    "helios/anomaly-window_polynomial": {"check_better_than_trivial": SUDDEN},
    "helios/anomaly-one_class_svm": {"check_better_than_trivial": SUDDEN},
    "eyenet/anomaly-robust_z": {"check_higher_score_is_more_likely_the_event": FURTHEST_METRIC},
}
# Each of these takes seconds: a second training, or thousands of answers.
SLOW = (
    bundle_checks.check_same_seed_same_bundle_in_another_process,
    bundle_checks.check_training_another_never_moves_this_one,
    bundle_checks.check_answering_imports_no_training_library,
    row_checks.check_rows_are_answered_in_bounded_memory,
    runtime_checks.check_bounded,
    verify_checks.check_verified_in_bounded_memory,
    next_checks.check_followed_in_bounded_memory,
)


def cases_of(kind: str, checks: Sequence[RuntimeCheck]) -> list[ParameterSet]:
    subjects = trained_tasks(installed_apps(), kind=kind)
    expected = {
        name: {check: why for check, why in reasons.items() if check in {one.__name__ for one in checks}}
        for name in subjects
        for task, reasons in EXPECTED.items()
        if f"{name}-".startswith(f"{task}-")
    }
    adapting = {name: one for name, one in subjects.items() if estimator_named(one.estimator).traits.adapts}
    others = {name: one for name, one in subjects.items() if name not in adapting}
    return [
        *cases(others, checks, expected_failures={n: e for n, e in expected.items() if n in others}, slow=SLOW),
        *cases(adapting, STREAM_RUNTIME_CHECKS, slow=SLOW),
    ]


CASES = [case for kind, checks in RUNTIME_SUITES.items() for case in cases_of(kind, checks)]


@pytest.mark.parametrize(("subject", "check"), CASES)
def test_trained_version_keeps_its_promise(subject: TrainedTask, check: RuntimeCheck) -> None:
    check(subject)


def test_every_task_and_estimator_is_covered() -> None:
    assert uncovered(installed_apps(), kinds=frozenset(RUNTIME_SUITES)) == []


@pytest.mark.parametrize(
    "module",
    [
        runtime_checks,
        row_checks,
        query_checks,
        verify_checks,
        similar_checks,
        next_checks,
        stream_runtime_checks,
        bundle_checks,
    ],
)
def test_every_runtime_check_is_listed_and_states_its_promise(module: ModuleType) -> None:
    written = {
        name: check
        for name, check in vars(module).items()
        if name.startswith("check_") and check.__module__ == module.__name__
    }

    suites = (*RUNTIME_SUITES.values(), STREAM_RUNTIME_CHECKS)
    assert set(written) <= {check.__name__ for checks in suites for check in checks}
    assert written
    assert all(check.__doc__ for check in written.values())
