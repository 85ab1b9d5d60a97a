"""A real Prometheus as a source, from its counters to a version that the gate lets pass."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.telemetry.prometheus_server import openmetrics, prometheus_server, service_metrics

from telltale.apps.helios import APP as HELIOS
from telltale.cli import main
from telltale.contract.simulation import Simulation
from telltale.home import open_home
from telltale.home.apps import find_event
from telltale.home.backend import declared_source
from telltale.home.pulls import pull_before_training
from telltale.home.settings import read_settings
from telltale.telemetry.retries import ONCE

pytestmark = pytest.mark.server

SOURCES = Path(__file__).parents[2] / "examples" / "sources" / "prometheus.toml"
BEGIN = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=8)
END = BEGIN + timedelta(days=7)
SPAN = f"since={BEGIN:%Y-%m-%dT%H:%M:%SZ}&until={END:%Y-%m-%dT%H:%M:%SZ}"
PASSWORD = "kept-to-itself"  # noqa: S105 - of a server that ends with the test
WEB = "basic_auth_users:\n  anna: $2b$04$iV1vNbxI7.YEXa37mkeiFeqXuTK5ldl/.DwbJruvkyJ1Jp9sArV8m\n"  # of PASSWORD


@pytest.fixture(scope="module")
def weeks() -> dict[str, pl.DataFrame]:
    made = {
        job: HELIOS.simulate("metrics", Simulation(days=7, seed=seed, start=BEGIN))
        for seed, job in enumerate(["api", "web"])
    }
    return {job: frame.sort("timestamp") for job, frame in made.items()}


@pytest.fixture(scope="module")
def address(weeks: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    lines = [line for job, frame in weeks.items() for line in service_metrics(frame, job=job, begin=BEGIN)]
    with prometheus_server(tmp_path_factory.mktemp("prometheus"), openmetrics([*lines, *_odd_series()])) as found:
        yield f"prometheus+{found}"


def _odd_series() -> list[str]:
    """Two devices, one of which falls silent; a share that is 0/0 now and then; one that is infinite."""
    lines = []
    for name in ("ifHCInOctets", "ifHCOutOctets", "ifHCInUcastPkts", "ifHCOutUcastPkts"):
        for device, n_minutes in (("sw1", 120), ("sw2", 60)):
            lines += [
                f'{name}{{instance="{device}"}} {600 * minute} {BEGIN.timestamp() + 60 * minute:.0f}'
                for minute in range(n_minutes)
            ]
    for name, of in (("requests", 2), ("broken", 3)):
        lines += [f"{name} {float(minute % of > 0)} {BEGIN.timestamp() + 60 * minute:.0f}" for minute in range(60)]
    return lines


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("telltale.home.pulls.PATIENCE", ONCE)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, object]:
    capsys.readouterr()
    found = main([*arguments, "--json"])
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    assert found == status, document
    return document


def fault(capsys: pytest.CaptureFixture[str], event: str, address: str) -> str:
    error = told(capsys, "ingest", event, address, status=2)["error"]
    assert isinstance(error, dict)
    return f"{error['where']}: {error['what']}. {error['mend']}"


def stored(event: str) -> pl.DataFrame:
    with open_home() as home:
        app, schema = find_event(home.apps, event)
        return home.events.frame(app.name, schema).sort("@entity", "@time")


@pytest.fixture
def declared(address: str, here: Path) -> Path:
    text = SOURCES.read_text().replace("prometheus+http://localhost:9090", address).replace("since=7d", "since=10d")
    (here / "sources.toml").write_text(text)
    (here / ".env").write_text("API_SOURCES=sources.toml\n")
    return here


@pytest.mark.slow
def test_a_week_of_two_services_is_read_trained_on_and_passes_the_gate(
    declared: Path, weeks: dict[str, pl.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    first = told(capsys, "ingest", "helios/metrics")
    again = told(capsys, "ingest", "helios/metrics")
    version = told(capsys, "train", "helios/anomaly")

    assert (first["quarantined"], first["stored"]) == (0, 2 * 2_016)
    assert (again["stored"], again["read"]) == (0, again["already_stored"])
    assert again["read"] == 26  # of each service the hour that may come late, and its end
    assert (version["data_kind"], version["verdict"]) == ("store", "pass")
    rows = stored("helios/metrics").filter(pl.col("@entity") == "api")
    ours = weeks["api"]
    # The row of the simulator covers the five minutes before it; ours, which PromQL looks back for, as well.
    assert np.corrcoef(rows["event_count"], ours["event_count"])[0, 1] > 0.99
    assert np.median(np.abs(rows["p95_latency_ms"] / ours["p95_latency_ms"] - 1.0)) < 0.15


def test_before_it_retrains_the_worker_reads_what_is_new(declared: Path) -> None:
    with open_home() as home:
        source = declared_source(home.apps, home.apps["helios"], "metrics", read_settings(declared))
        fresh = pull_before_training(home.folder, source)

        assert fresh is not None
        assert not fresh.is_stale
        assert len(home.events.frame("helios", home.apps["helios"].event("metrics"))) == 2 * 2_016


def test_devices_are_told_apart_by_the_label_that_was_named(declared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "ingest", "eyenet/sample")  # the blackbox exporter has nothing there: latency may be null

    rows = stored("eyenet/sample")
    per_device = dict(rows["@entity"].value_counts().iter_rows())
    assert per_device["sw1"] - per_device["sw2"] == 60
    assert max(rows.filter(pl.col("@entity") == "sw2")["@time"].to_list()) <= BEGIN + timedelta(
        minutes=63
    )  # it fell silent
    assert rows["bytes_in"].median() == pytest.approx(600.0)


def test_more_points_than_a_server_gives_at_once_are_asked_for_in_parts(
    address: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = f"{address}?query=load=sum by (job) (http_requests_total)&step=30s&{SPAN}"

    found = told(capsys, "ingest", "helios/metrics", asked)

    assert (found["pages"], found["stored"]) == (3, 2 * (7 * 2_880 + 1))


def test_no_number_is_no_value_and_an_infinite_one_is_set_aside(
    address: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    until = f"{BEGIN + timedelta(minutes=59):%Y-%m-%dT%H:%M:%SZ}"
    span = f"step=1m&since={BEGIN:%Y-%m-%dT%H:%M:%SZ}&until={until}"

    absent = told(capsys, "ingest", "helios/metrics", f"{address}?query=share=requests/requests&{span}")
    infinite = told(capsys, "ingest", "helios/metrics", f"{address}?query=share=1/broken&{span}")

    assert (absent["read"], absent["accepted"]) == (30, 30)
    assert (infinite["read"], infinite["quarantined"]) == (60, 20)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "event_count=rate(x[5m",
            r"event_count: it answered 400 Bad Request \(1:10: parse error: .*Mend the expression",
        ),
        (
            "event_count=missing_total",
            "event_count: 'missing_total' has no value from .* Look at the expression in the page",
        ),
        (
            "event_count=http_requests_total",
            r"labels \['code', 'instance', 'job'\]\. Say which .*: entity=job in the address",
        ),
        (
            "event_count=http_requests_total&entity=job",
            r"two series are both 'api': http_requests_total\{code=.*sum by \(job\)",
        ),
        ("event_count=sum(http_requests_total)&entity=job", "has no label 'job'"),
        (
            "event_count=sum by (job) (http_requests_total)&query=load=sum(http_requests_total)",
            "not of the same entities: event_count by job, load by nothing",
        ),
    ],
)
def test_what_is_wrong_with_a_query_is_told_with_its_column(
    address: str, here: Path, capsys: pytest.CaptureFixture[str], query: str, message: str
) -> None:
    assert re.search(message, fault(capsys, "helios/metrics", f"{address}?query={query}&{SPAN}"))


def test_a_path_without_a_prometheus_and_a_since_of_the_command_are_told(
    address: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "There is no Prometheus; check the path" in fault(capsys, "helios/metrics", f"{address}/api?query=a=up")
    error = told(capsys, "ingest", "helios/metrics", f"{address}?query=a=up", "--since", "from", status=2)["error"]
    assert "since=7d in the address" in str(error)


def test_a_server_that_wants_a_key_is_told_that_of_the_settings_and_no_other_is(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = openmetrics([f"load 1 {BEGIN.timestamp() + 60 * minute:.0f}" for minute in range(60)])
    (here / "server").mkdir()
    with prometheus_server(here / "server", lines, web=WEB) as server:
        asked = f"prometheus+{server}?query=load=load&{SPAN}"
        monkeypatch.setenv("PROMETHEUS_TOKEN", f"anna:{PASSWORD}")
        refused = fault(capsys, "helios/metrics", asked)
        monkeypatch.setenv("PROMETHEUS_URL", server)
        found = told(capsys, "ingest", "helios/metrics", asked)
    stale = told(capsys, "ingest", "helios/metrics", asked)

    assert "401 Unauthorized" in refused
    assert "PROMETHEUS_TOKEN" in refused
    assert found["stored"] in {64, 65}  # the last value holds for five minutes, as in every graph
    assert (stale["is_stale"], stale["already_stored"]) == (True, found["stored"])
