import pytest

from telltale.contract.errors import UsageError
from telltale.home.apps import find_app, find_event, find_task, installed_apps


def test_helios_is_installed_and_found_by_address() -> None:
    apps = installed_apps()

    assert find_app(apps, "helios").name == "helios"
    assert find_task(apps, "helios/anomaly")[1].name == "anomaly"
    assert find_event(apps, "helios/metrics")[1].name == "metrics"


def test_the_only_task_or_event_is_meant_where_just_the_app_is_named() -> None:
    apps = installed_apps()

    assert find_task(apps, "helios") == find_task(apps, "helios/anomaly")
    assert find_event(apps, "helios") == find_event(apps, "helios/metrics")


@pytest.mark.parametrize("address", ["helios/nothing", "nowhere/anomaly", "", "/anomaly"])
def test_an_unknown_address_is_refused_with_what_is_known(address: str) -> None:
    with pytest.raises(UsageError, match=r"Known: (anomaly|eyenet, helios)"):
        find_task(installed_apps(), address)
