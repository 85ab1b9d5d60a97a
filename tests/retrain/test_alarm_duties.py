from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.monitor.planted import plant_events, plant_predictions

from telltale.apps.helios import APP
from telltale.monitor.alarm.messages import Sink
from telltale.retrain.alarm_duties import deliver_alarms, watch_days, watch_service
from telltale.retrain.duties import Desk
from telltale.retrain.duty_list import DUTIES
from telltale.storage.folder import open_folder

NOW = datetime(2024, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def desk(tmp_path: Path, told: list[str]) -> Iterator[Desk]:
    folder = open_folder(tmp_path / "home")
    sink = Sink(name="list", send=lambda message: told.append(f"{message.alarm.name} {message.change}"))
    yield Desk(folder=folder, apps={"helios": APP}, alarm_sinks=(sink,))
    folder.close()


def test_what_one_duty_raises_another_tells(desk: Desk, told: list[str]) -> None:
    plant_predictions(desk.folder.events, [200.0] * 100, now=NOW)
    plant_events(desk.folder.events, [NOW - timedelta(minutes=n) for n in range(20, 1_000)])

    for minutes in range(0, 20, 5):
        now = NOW + timedelta(minutes=minutes)
        watch_service(desk, now)
        watch_days(desk, now)
        deliver_alarms(desk, now)

    assert told == ["latency_high raised", "collector_failed raised", "latency_high resolved"]


def test_a_worker_has_these_duties() -> None:
    assert {duty.do for duty in DUTIES} >= {watch_service, watch_days, deliver_alarms}
