"""`telltale report`, and spans of time as people type them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.monitor.quality_home import START, answer, register, scored_helios, trained_helios

from telltale.cli import main
from telltale.contract.errors import UsageError
from telltale.storage.folder import open_folder
from telltale.telemetry.durations import duration, since

Command = Callable[..., tuple[int, dict[str, Any]]]
NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
SPAN = ("--since", "2026-03-02", "--until", "2026-03-09")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = open_folder(tmp_path / "home")
    register(folder, trained_helios())
    answer(folder, scored_helios(trained_helios(), seed=1))
    folder.close()
    return tmp_path / "home"


def test_a_report_is_stored_and_a_stored_one_is_shown_again(in_home: Command, home: Path) -> None:
    status, made = in_home(home, "report", *SPAN)

    assert status == 0
    assert made["summary"]["avg_latency"] > 0
    assert datetime.fromisoformat(made["time_range"]["since"]) == START
    assert len(made["details"]["tasks"]) > 3
    assert in_home(home, "report", "--stored", str(made["id"])) == (0, made)
    assert [head["id"] for head in in_home(home, "report", "--list")[1]["reports"]] == [made["id"]]
    only = in_home(home, "report", "helios", "helios/anomaly", *SPAN)[1]
    assert [task["app"] for task in only["details"]["tasks"]] == ["helios"]


def test_people_see_what_matters_both_figures_and_where_the_page_is(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TELLTALE_HOME", str(home))
    page = tmp_path / "pages" / "report.html"

    assert main(["report", "helios", *SPAN, "-o", str(page)]) == 0

    told = capsys.readouterr().out
    assert "No alarm, no missed target, no drift." in told
    assert "realised (95 %)" in told
    assert told.rstrip().splitlines()[-1].startswith("Next: open")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert main(["report", "--list"]) == 0
    assert "2026-03-02 00:00" in capsys.readouterr().out


def test_an_unknown_task_and_a_range_that_is_none_are_refused(in_home: Command, home: Path) -> None:
    assert in_home(home, "report", "nothing")[1]["error"]["what"] == "'nothing' is not known"
    assert in_home(home, "report", "--since", "yesterday")[0] == 2
    assert in_home(home, "report", "--since", "2026-03-02", "--until", "2026-03-01")[0] == 2
    assert in_home(home, "report", "--stored", "9")[0] == 2


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90m", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
        ("1d12h", timedelta(days=1.5)),
        (" 2W ", timedelta(days=14)),
        ("0.5h", timedelta(minutes=30)),
    ],
)
def test_spans_are_read_as_people_type_them(text: str, span: timedelta) -> None:
    assert duration(text) == span
    assert since(text, now=NOW) == NOW - span


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "0m", "1y", "7 d", "99999w"])
def test_what_is_no_span_is_refused_with_the_units(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no span of time.*24h; units: w \(weeks\), d \(days\)"):
        duration(text)


def test_a_moment_without_a_zone_is_utc_and_one_with_a_zone_is_turned_into_it() -> None:
    assert since("2026-03-01", now=NOW) == datetime(2026, 3, 1, tzinfo=UTC)
    assert since("2026-03-01T01:00:00+01:00", now=NOW).isoformat() == "2026-03-01T00:00:00+00:00"
    with pytest.raises(UsageError, match="ISO 8601"):
        since("yesterday", now=NOW)
