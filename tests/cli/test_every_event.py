"""Every event of every installed app, by the commands a person types: made up, checked, stored, written out, answered."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from telltale.contract.app import App, Task
from telltale.contract.schema import EventSchema
from telltale.home.apps import installed_apps
from telltale.telemetry.files import read_rows

pytestmark = pytest.mark.slow

EVENTS = [(app, event) for app in installed_apps().values() for event in app.events]
READ = [(app, task) for app in installed_apps().values() for task in app.tasks]
N_ROWS = 240


def _event_name(value: object) -> str:
    return getattr(value, "name", str(value))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def telltale(in_home: Any, tmp_path: Path) -> Any:
    """Runs a command with --json in a home of its own."""
    return partial(in_home, tmp_path / "home")


def file_of(schema: EventSchema, name: str = "rows") -> str:
    has_lists = any(column.dtype in {"floats", "strs"} for column in schema.columns)
    return f"{name}.{'ndjson' if has_lists else 'csv'}"


def rows_of(schema: EventSchema) -> int:
    """Few, and as many as the event asks of a file."""
    return max(N_ROWS, 0 if schema.demands is None else schema.demands.least_rows)


@pytest.mark.parametrize(("app", "event"), EVENTS, ids=_event_name)
def test_made_up_rows_are_whole_are_stored_once_and_come_back_from_every_format(
    telltale: Any, app: App, event: EventSchema
) -> None:
    address, file, n = f"{app.name}/{event.name}", file_of(event), rows_of(event)

    assert telltale("simulate", address, "-o", file, "--rows", str(n))[1]["n"] == n
    status, checked = telltale("validate", address, file)
    assert (status, checked["accepted"], checked["quarantined"]) == (0, n, 0), checked

    status, first = telltale("ingest", address, file)
    assert (status, first["stored"], first["already_stored"], first["quarantined"]) == (0, n, 0, 0)
    status, second = telltale("ingest", address, file)
    assert (status, second["stored"], second["already_stored"], second["quarantined"]) == (0, 0, n, 0)

    for suffix in ("csv", "ndjson", "parquet"):
        out = f"out.{suffix}"
        assert telltale("export", address, "-o", out)[1]["n"] == n
        status, again = telltale("validate", address, out)
        assert (status, again["accepted"], again["quarantined"]) == (0, n, 0), (suffix, again)
        assert again["columns"] == first["columns"]
        assert telltale("ingest", address, out)[1]["already_stored"] == n, f"{suffix} is not what was stored"


@pytest.mark.parametrize(("app", "event"), EVENTS, ids=_event_name)
def test_a_row_that_lacks_a_value_or_has_a_wrong_one_costs_no_other_row(
    telltale: Any, app: App, event: EventSchema
) -> None:
    address = f"{app.name}/{event.name}"
    telltale("simulate", address, "-o", "rows.ndjson", "--rows", "60")
    lines = Path("rows.ndjson").read_text(encoding="utf-8").splitlines()
    declared = [column.name for column in event.columns if not column.nullable or event.any_numeric]
    measured = [name for name, value in json.loads(lines[0]).items() if isinstance(value, float)]
    needed = next(iter(measured if event.more_numeric else declared))
    lacking = {name: value for name, value in json.loads(lines[3]).items() if name != needed}
    wrong = json.loads(lines[5]) | {needed: {"not": "a value"}}
    timeless = json.loads(lines[7]) | {event.time: "yesterday"}
    lines[3], lines[5], lines[7] = map(json.dumps, (lacking, wrong, timeless))
    Path("broken.ndjson").write_text("\n".join([*lines, "{"]), encoding="utf-8")

    status, checked = telltale("validate", address, "broken.ndjson")

    assert status == 1
    assert [row["line"] for row in checked["reasons"]] == [4, 6, 8, 61], checked["reasons"]
    assert needed in checked["reasons"][0]["reason"]
    assert needed in checked["reasons"][1]["reason"]
    assert event.time in checked["reasons"][2]["reason"]
    _, stored = telltale("ingest", address, "broken.ndjson")
    assert (stored["stored"], stored["quarantined"]) == (57, 4)


@pytest.mark.parametrize(("app", "task"), READ, ids=_event_name)
def test_a_file_of_what_a_task_reads_is_answered_by_its_champion(
    own_home: Path, in_home: Any, tmp_path: Path, app: App, task: Task
) -> None:
    address, event = f"{app.name}/{task.name}", app.event(task.event)
    file, n = file_of(event), rows_of(event)
    n = 2_000 if task.verification is not None else n  # somebody must have rows enough to be enrolled by
    in_home(own_home, "simulate", f"{app.name}/{event.name}", "-o", file, "--rows", str(n), "--seed", "9")

    status, told = in_home(own_home, "score", address, "--data", file, "-o", "answers.csv")

    assert (status, told["n"], told["n_quarantined"]) == (0, n, 0)
    answers = pl.read_csv("answers.csv")
    assert answers.height == told["n_answers"] > 0
    assert answers["version"].unique().to_list() == [f"{address}@1"]
    if task.kind in {"score", "choose", "segment"}:
        assert answers.height == n
        assert {"entity", "time", "version"} < set(answers.columns)
    else:
        assert event.entity is not None
        assert set(answers["entity"].cast(pl.String)) <= set(read_rows(Path(file)).frame[event.entity].cast(pl.String))
