from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.monitor.quality_home import register, trained_helios

from telltale.apps.helios import APP
from telltale.monitor.report.store import report_heads
from telltale.retrain.duties import Desk
from telltale.retrain.duty_list import DUTIES
from telltale.retrain.weekly_report import report_weekly
from telltale.storage.folder import open_folder

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = open_folder(tmp_path / "home")
    yield Desk(folder=folder, apps={"helios": APP})
    folder.close()


def test_the_week_that_is_over_is_reported_once(desk: Desk) -> None:
    register(desk.folder, trained_helios(), now=MONDAY)
    for day in (8, 9, 13):
        report_weekly(desk, MONDAY + timedelta(days=day, hours=3))
    report_weekly(desk, MONDAY + timedelta(days=14))

    ranges = [(head.time_range.since, head.time_range.until) for head in report_heads(desk.folder.state)]

    assert ranges == [
        (MONDAY + timedelta(days=7), MONDAY + timedelta(days=14)),
        (MONDAY, MONDAY + timedelta(days=7)),
    ]


def test_a_week_before_there_was_any_version_is_not_reported(desk: Desk) -> None:
    report_weekly(desk, MONDAY + timedelta(days=1))
    register(desk.folder, trained_helios(), now=MONDAY)
    report_weekly(desk, MONDAY + timedelta(days=1))

    assert report_heads(desk.folder.state) == []


def test_every_worker_looks_for_it() -> None:
    assert report_weekly in {duty.do for duty in DUTIES}
