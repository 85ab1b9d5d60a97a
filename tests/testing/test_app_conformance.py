import pytest

from telltale.contract.app import App
from telltale.home.apps import installed_apps
from telltale.testing import app_checks
from telltale.testing.app_checks import APP_CHECKS, AppCheck
from telltale.testing.cases import cases


@pytest.mark.parametrize(
    ("app", "check"), cases(installed_apps(), APP_CHECKS, slow=(app_checks.check_simulator_is_seeded,))
)
def test_app_keeps_its_promise(app: App, check: AppCheck) -> None:
    check(app)


def test_every_app_check_is_listed_and_states_its_promise() -> None:
    written = {
        name: check
        for name, check in vars(app_checks).items()
        if name.startswith("check_") and check.__module__ == app_checks.__name__
    }

    assert set(written) == {check.__name__ for check in APP_CHECKS}
    assert all(check.__doc__ for check in written.values())
