from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.monitor.drift.watched import LIVE, answer_stream, make_champion, stream, train_alarm
from tests.serve.shop import APP as SHOP

from telltale.monitor.alarms import active_alarms
from telltale.monitor.drift.findings import newest_findings
from telltale.retrain.drift_duties import check_drift, replay_sample, summarise_predictions
from telltale.retrain.duties import Desk
from telltale.retrain.duty_list import DUTIES
from telltale.storage.folder import open_folder
from telltale.train.version import Trained

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def alarm(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_alarm(tmp_path_factory.mktemp("alarm") / "bundle")


@pytest.fixture
def desk(tmp_path: Path, alarm: Trained) -> Iterator[Desk]:
    folder = open_folder(tmp_path / "home")
    make_champion(folder, alarm)
    yield Desk(folder=folder, apps={"shop": SHOP})
    folder.close()


def names(desk: Desk) -> list[str]:
    return [alarm.name for alarm in active_alarms(desk.folder.state)]


def test_a_worker_looks_for_drift_and_replays_of_itself() -> None:
    assert {summarise_predictions, check_drift, replay_sample} <= {duty.do for duty in DUTIES}


def test_a_drifting_stream_raises_one_alarm_however_many_workers_look(desk: Desk, alarm: Trained) -> None:
    answer_stream(desk.folder.events, alarm, stream(LIVE, hours=24, load_shift=1.0))
    for hour in range(20, 25):
        now = LIVE + hour * HOUR
        for _ in range(2):
            summarise_predictions(desk, now)
            check_drift(desk, now)

    assert names(desk) == ["drift"]
    assert len(newest_findings(desk.folder.events, "shop", "alarm")) == 5
    assert desk.folder.events.fetch("SELECT sum(n_rows) FROM drift_window") == [(23 * 24,)]


def test_an_answer_that_does_not_come_out_again_raises_an_alarm_that_names_it(desk: Desk, alarm: Trained) -> None:
    answer_stream(desk.folder.events, alarm, stream(LIVE, hours=2))
    replay_sample(desk, LIVE + 2 * HOUR)
    assert names(desk) == []
    with desk.folder.events.write() as connection:
        connection.exec_driver_sql("UPDATE prediction SET score = score + 0.01 WHERE id = 'alarm-1-sw-1-1705276800'")

    replay_sample(desk, LIVE + 2 * HOUR)

    (alarm_now,) = active_alarms(desk.folder.state)
    assert alarm_now.name == "replay_differs"
    assert "1 of 48 logged requests otherwise: alarm-1-sw-1-1705276800" in alarm_now.what
    replay_sample(desk, LIVE + 2 * DAY)  # it is not among the last day's any more
    assert names(desk) == []
