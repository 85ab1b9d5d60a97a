from types import ModuleType

import pytest

from telltale.home.apps import installed_apps
from telltale.testing import bundle_checks, runtime_checks
from telltale.testing.bundle_checks import RuntimeCheck
from telltale.testing.cases import cases
from telltale.testing.runtime_checks import RUNTIME_SUITES
from telltale.testing.trained_task import TrainedTask, trained_tasks, uncovered

CASES = [
    case
    for kind, checks in RUNTIME_SUITES.items()
    for case in cases(trained_tasks(installed_apps(), kind=kind), checks)
]


@pytest.mark.parametrize(("subject", "check"), CASES)
def test_trained_version_keeps_its_promise(subject: TrainedTask, check: RuntimeCheck) -> None:
    check(subject)


def test_every_task_and_estimator_is_covered() -> None:
    assert uncovered(installed_apps(), kinds=frozenset(RUNTIME_SUITES)) == []


@pytest.mark.parametrize("module", [runtime_checks, bundle_checks])
def test_every_runtime_check_is_listed_and_states_its_promise(module: ModuleType) -> None:
    written = {
        name: check
        for name, check in vars(module).items()
        if name.startswith("check_") and check.__module__ == module.__name__
    }

    assert set(written) <= {check.__name__ for checks in RUNTIME_SUITES.values() for check in checks}
    assert written
    assert all(check.__doc__ for check in written.values())
