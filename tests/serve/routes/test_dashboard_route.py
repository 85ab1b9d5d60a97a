from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from telltale.apps.helios import ANOMALY
from telltale.monitor.report.spark import spark_line
from telltale.serve.routes.dashboard_route import REFRESH_S
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder
from telltale.telemetry.backend.kept import Facts, source_folder, write_facts

PREDICT = "/v1/helios/anomaly/predict"


def test_the_page_shows_what_decides_how_good_it_is_and_what_was_asked_and_asks_for_itself_again(
    client: Any, row: dict[str, Any], settings: ServeSettings
) -> None:
    assert client.post(PREDICT, row).status_code == 200
    folder = open_folder(Path(settings.home))
    with folder.state.write() as connection:
        for number, precision in ((1, 0.5), (2, 0.75)):
            metrics = f'{{"{ANOMALY.targets[0].metric}": {precision}}}'
            connection.exec_driver_sql("UPDATE version SET metrics = ? WHERE number = ?", (metrics, number))
    folder.close()

    page = client.get("/dashboard")

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["refresh"] == str(REFRESH_S)
    assert "telltale: the last 24 hours" in page.text
    assert "helios/anomaly" in page.text
    assert "version 1 <small>" in page.text
    assert "50.00 % <small>" in page.text
    assert "gate: pass" in page.text
    assert "0.5 to 0.75" in page.text
    assert client.get("/v1/reports").json() == []  # nothing is stored for having been looked at


def test_a_backend_that_is_away_is_shown_with_since_when_and_why(client: Any, settings: ServeSettings) -> None:
    now = datetime.now(UTC)
    facts = Facts(
        app="helios",
        event="metrics",
        address="http://shop:8080/<metrics>",
        taken_at=now - timedelta(hours=5),
        failing_since=now - timedelta(hours=3),
        fault="it answered 503 & more",
    )
    assert "Backends" not in client.get("/dashboard").text
    write_facts(source_folder(Path(settings.home), "helios", "metrics", "http://shop:8080/metrics"), facts)

    page = client.get("/dashboard?app=helios&hours=1").text

    assert "http://shop:8080/&lt;metrics&gt;" in page
    assert "5.0 hours old" in page
    assert "away for 3.0 hours" in page
    assert "it answered 503 &amp; more" in page


@pytest.mark.parametrize(("query", "status"), [("app=nothing", 404), ("hours=0", 400), ("hours=much", 400)])
def test_what_cannot_be_shown_is_refused(client: Any, query: str, status: int) -> None:
    assert client.get(f"/dashboard?{query}").status_code == status


def test_a_line_fills_its_height_and_leaves_out_what_is_not_known() -> None:
    drawn = spark_line([0.25, None, float("nan"), 0.75, 0.5])

    assert 'points="4.0,24.0 103.0,4.0 136.0,14.0"' in drawn
    assert "0.25 to 0.75" in drawn
    assert "0.5 throughout" in spark_line([0.5])
    assert spark_line([]) == spark_line([None]) == ""
