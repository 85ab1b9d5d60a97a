from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import numpy as np
import pytest
from tests.monitor.planted import plant_minute
from tests.monitor.quality_home import START, Scored, answer, label, register, scored_helios, trained_helios

from telltale.apps.helios import ANOMALY, APP
from telltale.contract.errors import NotFoundError, UsageError
from telltale.monitor.alarms import raise_alarm, resolve_alarm
from telltale.monitor.drift.decide import Drift, FeatureDrift
from telltale.monitor.drift.findings import Finding, keep_finding
from telltale.monitor.report.document import Report, TaskReport
from telltale.monitor.report.gather import make_report
from telltale.monitor.report.matters import what_matters
from telltale.monitor.report.page import report_page
from telltale.monitor.report.store import keep_report, read_report, report_heads
from telltale.registry.registry import Registry
from telltale.registry.releases import Releases
from telltale.storage.folder import Folder, open_folder

DAY = timedelta(days=1)
END = START + 7 * DAY


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    opened = open_folder(tmp_path / "home")
    for _ in range(2):
        register(opened, trained_helios(), now=START - DAY)
    Registry(opened.state, opened.artifacts).promote(
        "helios", "anomaly", 1, actor="ann", reason="first", now=START - DAY
    )
    yield opened
    opened.close()


@pytest.fixture
def week(folder: Folder) -> Folder:
    """Three days of version 1, a day and a half of a bad version 2, and version 1 again."""
    registry = Registry(folder.state, folder.artifacts)
    rows = scored_helios(trained_helios(), seed=1)
    label(folder, answer(folder, rows), rows.labels, at=START + 3 * DAY)
    registry.promote("helios", "anomaly", 2, actor="worker", reason="looked better", now=START + 3 * DAY)
    rows = scored_helios(trained_helios(), seed=2, days=1.5)
    ids = answer(folder, rows, version=2, start=START + 3 * DAY)
    label(folder, ids, 1 - rows.labels, at=START + 4.5 * DAY)
    registry.rollback("helios", "anomaly", actor="controller", reason="precision <fell>", now=START + 4.5 * DAY)
    find(folder, START + DAY, psi=0.1, drifted=False)
    find(folder, START + 2 * DAY, psi=0.3, drifted=True)
    return folder


def find(folder: Folder, at: datetime, *, psi: float, drifted: bool) -> None:
    features = tuple(
        FeatureDrift(name=name, drifted=drifted, n=288, n_missing=0, psi=psi) for name in ("event_count", "score")
    )
    drift = Drift(drifted=drifted, level=0.05, features=features, n_rows=288, n_reference=2_000)
    keep_finding(folder.events, Finding(app="helios", task="anomaly", version=1, at=at, drifted=drifted, drift=drift))


def raise_and_resolve(folder: Folder, since: datetime, until: datetime | None, *, app: str = "helios") -> None:
    task = "anomaly" if app else ""
    raise_alarm(folder.state, "latency_high", app=app, task=task, what="slow", mend="look", now=since)
    if until is not None:
        resolve_alarm(folder.state, "latency_high", app=app, task=task, now=until)


def make(folder: Folder, *, since: datetime = START, until: datetime = END) -> Report:
    registry = Registry(folder.state, folder.artifacts)
    return make_report(folder, registry, [(APP, ANOMALY)], since=since, until=until, now=END)


def of_task(report: Report) -> TaskReport:
    (task,) = report.details.tasks
    return task


def test_a_report_has_the_fields_that_were_asked_for(week: Folder) -> None:
    document = msgspec.json.decode(msgspec.json.encode(make(week)))

    assert {"timestamp", "time_range", "summary", "details"} <= document.keys()
    assert document["summary"].keys() == {"avg_latency", "p95_latency", "avg_drift", "alert_count"}
    assert document["time_range"] == {"since": "2026-03-02T00:00:00Z", "until": "2026-03-09T00:00:00Z"}


def test_latency_volume_and_drift_are_those_of_the_range(week: Folder) -> None:
    plant_minute(week.events, at=START + DAY, n_answered=0, n_failed=5)
    report = make(week)
    task = of_task(report)

    assert report.summary.avg_latency == pytest.approx(7.0, abs=0.1)  # 4 to 10 ms
    assert report.summary.p95_latency == 10.0
    assert report.summary.avg_drift == pytest.approx(0.2)
    assert (task.service.n, task.service.n_failed) == (1_296 + 5, 5)
    assert sum(bucket.n for bucket in task.buckets) == 1_296 + 5
    assert [bucket.at for bucket in task.buckets][:2] == [START, START + timedelta(hours=3)]
    assert sum(bucket.n for bucket in of_task(make(week, until=START + DAY)).buckets) == 288


def test_quality_stands_realised_and_estimated_per_version(week: Folder) -> None:
    first, second = of_task(make(week)).versions

    assert (first.version, second.version) == (1, 2)
    assert first.quality.realised["precision"].low > second.quality.realised["precision"].high
    assert first.quality.estimated.keys() == second.quality.estimated.keys() == first.quality.realised.keys()


def test_who_decided_and_why_is_told_in_order(week: Folder) -> None:
    task = of_task(make(week))

    assert (task.champion_before, task.champion) == (1, 1)
    assert [(move.number, move.action) for move in task.timeline if move.role_to == "champion"] == [
        (2, "promote"),
        (1, "rollback"),
    ]
    assert of_task(make(week, until=START + 4 * DAY)).champion == 2


def test_alarms_count_that_lasted_at_any_time_of_the_range(folder: Folder) -> None:
    raise_and_resolve(folder, START - 2 * DAY, START - DAY)
    raise_and_resolve(folder, START - DAY / 2, START + DAY)
    raise_and_resolve(folder, START + 2 * DAY, None)
    raise_and_resolve(folder, START + 3 * DAY, START + 4 * DAY, app="")

    report = make(folder)

    assert report.summary.alert_count == 3
    assert len(of_task(report).alarms) == 2
    assert len(report.details.alarms) == 1


def test_what_matters_comes_first_and_nothing_is_said_of_a_quiet_week(week: Folder) -> None:
    raise_and_resolve(week, START + 6 * DAY, None)

    told = what_matters(make(week))

    assert [matter.weight for matter in told] == sorted((matter.weight for matter in told), key="bad open good".index)
    whole = " ".join(matter.what for matter in told)
    assert "1 alarm still lasts: latency_high (helios/anomaly)" in whole
    assert "taken back to version 1 on 06 March" in whole
    assert "drift of event_count, score" in whole
    quiet = what_matters(make(week, until=START + DAY))
    assert [(matter.weight, matter.what) for matter in quiet] == [("good", "No alarm, no missed target, no drift.")]


def test_a_missed_target_of_the_version_that_decides_is_told_with_its_interval(folder: Folder) -> None:
    rows = Scored(scores=np.full(60, 0.9), labels=np.zeros(60, dtype=np.int8))
    label(folder, answer(folder, rows), rows.labels, at=END)

    told = what_matters(make(folder))

    assert told[0].weight == "bad"
    assert told[0].what == ("helios/anomaly: precision of version 1 is 0.00 % (0.0 – 6.0 %), asked is ≥ 95 %.")


def test_the_page_is_whole_and_needs_nothing_beside_it(week: Folder) -> None:
    raise_and_resolve(week, START + DAY, START + 2 * DAY)
    report = keep_report(week.state, make(week), actor="ann")

    page = report_page(report)

    assert page == report_page(report)
    for foreign in ("<script", "<img", "<link", "http://", "https://", "url(", "@import"):
        assert foreign not in page
    assert "precision &lt;fell&gt;" in page
    assert "<fell>" not in page
    drawings = [part.partition("</svg>")[0] for part in page.split("<svg")[1:]]
    assert len(drawings) > 3
    for drawing in drawings:
        ET.fromstring(f"<svg{drawing}</svg>")  # noqa: S314 - ours; raises where it is not well-formed
        assert "nan" not in drawing
    for told in (
        "requests per 3 hours",
        "latency, ms",
        "drift, mean PSI",
        "answers by score",
        "version 2 decided from",
    ):
        assert told in page


def test_releases_and_more_alarms_than_fit_are_on_the_axis_of_time(folder: Folder) -> None:
    answer(folder, scored_helios(trained_helios(), seed=1))
    releases = Releases(folder.state, folder.artifacts)
    begun = releases.begin("helios", "anomaly", 2, steps=(0,), actor="ann", reason="look", now=START + DAY)
    releases.stop(begun, actor="ann", reason="seen enough", now=START + 4 * DAY)
    for minute in range(7):
        at = START + DAY + timedelta(minutes=minute)
        raise_and_resolve(folder, at, at + timedelta(seconds=30))
    raise_and_resolve(folder, START + 2 * DAY, None, app="")

    page = report_page(make(folder))

    assert page.count('class="alarm warning"') + page.count('class="alarm critical"') == 5
    assert "and 3 more alarms, in the table below" in page
    assert "version 2 against 1, shadow: seen enough" in page
    assert "Alarms of the server" in page


def test_a_report_of_nothing_is_a_page_too(folder: Folder) -> None:
    assert "Nothing was asked of, and nothing was done to: helios/anomaly." in report_page(make(folder))


def test_reports_are_kept_and_read_back_as_they_were(week: Folder) -> None:
    kept = keep_report(week.state, make(week), actor="ann")
    again = keep_report(week.state, make(week), actor="ann")

    assert kept.id is not None
    assert read_report(week.state, kept.id) == kept
    assert [(head.id, head.actor, head.summary) for head in report_heads(week.state)] == [
        (again.id, "ann", again.summary),
        (kept.id, "ann", kept.summary),
    ]
    with pytest.raises(NotFoundError, match="no report 99"):
        read_report(week.state, 99)


@pytest.mark.parametrize("until", [START, START - DAY, START + 4_000 * DAY])
def test_a_range_that_is_none_is_refused_with_the_mend(folder: Folder, until: datetime) -> None:
    with pytest.raises(UsageError, match="Give a beginning that is before the end"):
        make(folder, until=until)
