"""`telltale schedule` and `telltale jobs`: what is asked for by hand, and how it is listed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from telltale.cli import main

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        status = main(arguments)
        return status, capsys.readouterr().out

    return call


def documents(run: Run, *arguments: str) -> Any:
    return msgspec.json.decode(run(*arguments, "--json")[1])


def test_a_run_with_a_priority_is_left_to_the_worker_which_does_the_most_urgent_first(run: Run) -> None:
    (first,) = documents(run, "schedule", "run", "helios/anomaly", "--priority", "3")["jobs"]
    (second,) = documents(run, "schedule", "run", "pakit/compression", "--priority", "20")["jobs"]

    assert [(job["state"], job["priority"], job["actor"]) for job in (first, second)] == [
        ("queued", 3, "cli"),
        ("queued", 20, "cli"),
    ]
    (again,) = documents(run, "schedule", "run", "helios/anomaly", "--priority", "30")["jobs"]
    assert (again["id"], again["priority"]) == (first["id"], 30)
    status, told = run("jobs")
    assert status == 0
    assert "priority" in told.splitlines()[0]
    assert told.splitlines()[-1].startswith("Next: telltale work")


def test_a_run_in_a_process_of_its_own_says_how_it_went_and_what_to_do_next(run: Run) -> None:
    status, told = run("schedule", "run", "helios/anomaly")

    assert status == 1
    assert "helios/anomaly: skip: 0 events are stored; 500 are needed." in told
    assert told.splitlines()[-1] == "Next: telltale versions helios/anomaly lists what there is now"
    (job,) = documents(run, "jobs")["jobs"]
    assert (job["state"], job["attempt"], job["priority"]) == ("skipped", 1, 10)


def test_a_schedule_may_be_an_interval(run: Run) -> None:
    assert run("schedule", "set", "helios/anomaly", "every 6h") == (0, "helios/anomaly: every 6h.\n")

    listed = {item["schedule"]["app"]: item for item in documents(run, "schedule", "list")["schedules"]}
    assert listed["helios"]["next_at"][11:] in {"00:00:00Z", "06:00:00Z", "12:00:00Z", "18:00:00Z"}
