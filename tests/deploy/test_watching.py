"""A running server watched by a real Prometheus: every panel shows something, and what is wrong reaches people."""

import json
import math
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.deploy.containers import REPOSITORY
from tests.deploy.watching import FOLDER, PREDICT, ROW, WINDOW, Prometheus, alertmanager, prometheus, wait_for
from tests.monitor.alarm.receiver import Receiver, receiving

from telltale.monitor.alarms import raise_alarm
from telltale.monitor.drift.decide import Drift, FeatureDrift
from telltale.monitor.drift.findings import Finding, keep_finding
from telltale.retrain.job_turns import begin_job, finish_job
from telltale.retrain.jobs import enqueue_job
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import Folder, open_folder
from telltale.telemetry.backend.kept import Facts, source_folder, write_facts

TASK = ("helios", "anomaly")
AVERAGES = {
    "typing_speed_wpm": 65,
    "avg_key_hold_time_ms": 120,
    "avg_transition_time_ms": 85,
    "error_rate_percent": 3,
    "activity_hour_preference": 14,
}
STRANGE = ROW | {"error_rate": 0.5}
DASHBOARDS = {
    path.name: json.loads(path.read_text()) for path in sorted((FOLDER / "grafana/dashboards").glob("*.json"))
}
# The rules as they are, with the times of this test; and with a limit of latency that any answer is above.
RULES = (FOLDER / "prometheus/telltale.rules.yml").read_text(encoding="utf-8")
QUICK_RULES = re.sub(r"\[(5|10)m\]", "[10s]", RULES.replace("for: 1m", "for: 0s")).replace("> 0.1", "> 1e-9")


@dataclass(frozen=True)
class Watched:
    """A server with what watches it; `at_first` is what panels showed when it had only answered."""

    folder: Folder
    url: str
    prometheus: Prometheus
    people: Receiver
    at_first: dict[str, list[Any]]


def panels() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Dashboard, panel and expression, with values for Grafana's variables."""
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                yield name, panel, filled(target["expr"])


def filled(expression: str) -> str:
    """As Grafana asks with everything chosen."""
    return re.sub(r"\$(app|task|metric)\b", ".*", expression.replace("$__rate_interval", WINDOW))


@pytest.fixture(scope="module")
def watched(trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    home = open_folder(shutil.copytree(trained_home, folder / "home"))
    with ExitStack() as stack:
        stack.callback(home.close)
        apps = tuple(f"telltale.apps.{name}:APP" for name in ("helios", "personhood", "storefront"))
        settings = ServeSettings(home=str(home.path), apps=apps)
        people = stack.enter_context(receiving())
        alerts_to = stack.enter_context(alertmanager(folder, people=f"{people.url}/people"))
        server = stack.enter_context(start_background(settings))
        seen = stack.enter_context(prometheus(folder, server=server.url, alerts_to=alerts_to, rules=QUICK_RULES))
        wait_for(
            lambda: _asked(server.url) and _rises(seen, "telltale_predictions_total"), what="answers in Prometheus"
        )
        at_first = {expression: seen.ask(expression) for _, _, expression in panels()}
        _let_happen(home, server.url)
        wait_for(lambda: _failed(server.url) and _rises(seen, "telltale_failures_total"), what="failures in Prometheus")
        yield Watched(home, server.url, seen, people, at_first)


def _let_happen(folder: Folder, url: str) -> None:
    """All that a panel may show: labels, drift, alarms, jobs, a backend."""
    now, of = datetime.now(UTC), {"app": TASK[0], "task": TASK[1]}
    for row, label in ((STRANGE, 1), (STRANGE, 0), (ROW, 0), (ROW, 1)):
        told = httpx.post(url + PREDICT, json=row).json()
        said = {"prediction_id": told["prediction_id"], "label": label}
        assert httpx.post(f"{url}/v1/feedback", json=said).status_code == 200
    feature = FeatureDrift(name="error_rate", drifted=True, shift=1.4, psi=0.5, n=500, n_missing=0)
    drift = Drift(drifted=True, level=0.01, features=(feature,), n_rows=500, n_reference=2000)
    keep_finding(folder.events, Finding(**of, version=1, at=now, drifted=True, drift=drift))
    for name in ("drift", "relay_failing", "predictions_dropped"):
        raise_alarm(folder.state, name, **of, what="it was seen", mend="Look.", now=now)
    job = begin_job(folder.state, *TASK, actor="t", reason="r", owner="w", now=now)
    finish_job(folder.state, job.id, ended="failed", result={"reason": "out of memory"}, owner="w", now=now)
    enqueue_job(folder.state, *TASK, actor="t", reason="r", now=now)
    facts = Facts(app="storefront", event="order", address="http://shop/orders", taken_at=now, failing_since=now)
    write_facts(source_folder(folder.path, "storefront", "order", "http://shop/orders"), facts)


def _asked(url: str) -> bool:
    """A few requests that are answered."""
    return all(httpx.post(url + PREDICT, json=ROW).status_code == 200 for _ in range(5))


def _failed(url: str) -> bool:
    """As many that no version answers, which is our own fault, and one of a path of an app."""
    statuses = {httpx.post(f"{url}/v1/personhood/averages/predict", json=AVERAGES).status_code for _ in range(5)}
    return statuses == {503} and _asked(url) and httpx.get(f"{url}/scheduler/status").is_success


def _rises(seen: Prometheus, counter: str) -> bool:
    """Whether Prometheus has seen a counter rise."""
    return bool(seen.ask(f"sum(increase({counter}[{WINDOW}])) > 5"))


@pytest.mark.slow
@pytest.mark.server
def test_every_panel_shows_something_and_says_when_it_would_not(watched: Watched) -> None:
    empty = [(name, panel["title"]) for name, panel, expression in panels() if not watched.prometheus.ask(expression)]
    unsaid = [
        (name, panel["title"])
        for name, panel, expression in panels()
        if not watched.at_first[expression] and "Empty" not in panel["description"]
    ]
    no_number = [
        panel["title"]
        for _, panel, expression in panels()
        if all(math.isnan(float(sample["value"][1])) for sample in watched.at_first[expression])
        and watched.at_first[expression]
    ]

    assert empty == []
    assert unsaid == []
    assert no_number == []


@pytest.mark.slow
@pytest.mark.server
def test_choices_and_marks_of_dashboards_are_found(watched: Watched) -> None:
    for dashboard in DASHBOARDS.values():
        for variable in dashboard["templating"]["list"]:
            series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]
            assert watched.prometheus.label_values(filled(series), label), variable
        for mark in dashboard["annotations"]["list"]:
            # A minute ago it was not there yet.
            (found,) = watched.prometheus.ask(mark["expr"])
            assert found["metric"] == {"app": "helios", "task": "anomaly", "version": "1"}


@pytest.mark.slow
@pytest.mark.server
def test_what_is_wrong_reaches_people_with_the_section_of_the_runbook(watched: Watched) -> None:
    runbooks = (REPOSITORY / "docs/runbooks.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^#+ (\S+)$", runbooks, re.MULTILINE))

    def told() -> dict[str, dict[str, Any]]:
        alerts = [alert for body in watched.people.bodies for alert in json.loads(body)["alerts"]]
        return {f"{alert['labels']['alertname']} {alert['labels'].get('name', '')}".strip(): alert for alert in alerts}

    asked = {
        "TelltaleLatencyMeanHigh",  # B-31: latency, here above a limit of 1 ns
        "TelltaleErrorRateHigh",  # B-31: half of the requests failed
        "TelltaleAlarm drift",  # B-31: model drift
        "TelltaleAlarm relay_failing",  # B-31: off-chain worker failures
        "TelltaleCriticalAlarm predictions_dropped",
    }
    wait_for(lambda: asked <= set(told()), what=f"of {asked} came {set(told())}")

    assert told()["TelltaleErrorRateHigh"]["labels"]["severity"] == "critical"
    for name in asked:
        page, _, section = told()[name]["annotations"]["runbook"].partition("#")
        assert (page, section in headings) == ("docs/runbooks.md", True), told()[name]


def test_every_rule_names_a_section_of_the_runbook_that_there_is() -> None:
    runbooks = (REPOSITORY / "docs/runbooks.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^#+ (\S+)$", runbooks, re.MULTILINE))
    rules = RULES.split("- alert: ")[1:]
    named = [re.findall(r'runbook: "docs/runbooks\.md#(.+)"', rule) for rule in rules]

    assert all(len(sections) == 1 for sections in named), [rule.splitlines()[0] for rule in rules]
    assert {section for (section,) in named} - {"{{ $labels.name }}"} <= headings
