"""Every task of every installed app, the whole way by the same commands and the same paths."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.cli.conftest import few_rows

from telltale.cli import main
from telltale.cli.example_bodies import example_body
from telltale.cli.serving import serve_settings, worker_of
from telltale.contract.app import App, Task
from telltale.contract.kinds import SCORING_KINDS
from telltale.contract.simulation import Simulation
from telltale.contract.split import LastOfEach
from telltale.evaluate.wording import figure_name
from telltale.home import open_home
from telltale.home.apps import installed_apps
from telltale.home.settings import read_settings
from telltale.serve.live.live_task import ROW_KINDS
from telltale.serve.server import start_background
from telltale.telemetry.export import event_columns
from telltale.telemetry.frames import LABEL
from telltale.train.sources import check_simulated

pytestmark = [pytest.mark.slow, pytest.mark.server]

TASKS = [(app, task) for app in installed_apps().values() for task in app.tasks]
DECIDES_ROWS = [(app, task) for app, task in TASKS if task.kind in ROW_KINDS]
OTHERS = [(app, task) for app, task in TASKS if task.kind not in SCORING_KINDS]
_N_STORED = 3_000


def _name(value: object) -> str:
    return getattr(value, "name", str(value))


of_every_task = pytest.mark.parametrize(("app", "task"), TASKS, ids=_name)


@pytest.fixture(autouse=True)
def _in_home(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELLTALE_HOME", str(own_home))


@pytest.fixture(scope="module")
def server(own_home: Path) -> Iterator[httpx.Client]:
    """One server for all apps, on the home that the commands work on."""
    settings = serve_settings({**read_settings(own_home), "TELLTALE_HOME": str(own_home), "MODEL_DIR": ""})
    with start_background(settings) as running, httpx.Client(base_url=running.url, timeout=30) as client:
        yield client


@pytest.fixture
def telltale(in_home: Any, own_home: Path) -> Any:
    """Runs a command with --json in the home that is served."""
    return partial(in_home, own_home)


def _told(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def _later_rows(app: App, task: Task, n: int) -> list[dict[str, Any]]:
    """Rows of a year later, as a client sends them: without labels."""
    schema = app.event(task.event)
    frame = check_simulated(app, task.event, Simulation(n_rows=n, seed=77), days_later=371.0).frame
    rows = event_columns(frame.drop(LABEL, strict=False), schema).to_dicts()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def _body(value: object) -> bytes:
    return json.dumps(value, default=str).encode()


@of_every_task
def test_a_version_is_listed_and_judged_on_rows_it_has_not_seen(telltale: Any, app: App, task: Task) -> None:
    address = f"{app.name}/{task.name}"

    listed = telltale("versions", address)[1]["versions"]
    assert listed[-1]["number"] == 1
    status, told = telltale("evaluate", address, "--version", "1")

    assert status == (1 if told["verdict"] == "fail" else 0)
    assert (told["app"], told["task"], told["kind"]) == (app.name, task.name, task.kind)
    assert {target.metric for target in task.targets} <= told["metrics"].keys()
    assert [target["name"] for target in told["targets"]] == [target.metric for target in task.targets]
    assert (told["prevalence"] is None) == (task.kind not in SCORING_KINDS)
    assert (told["counts"] is None) == (task.kind not in SCORING_KINDS)


@pytest.mark.parametrize(("app", "task"), OTHERS, ids=_name)
def test_what_is_not_judged_by_labels_has_no_prevalence_anywhere(
    capsys: pytest.CaptureFixture[str], app: App, task: Task
) -> None:
    address = f"{app.name}/{task.name}"

    main(["evaluate", address, "--version", "1", "-o", "evaluation"])
    evaluated = capsys.readouterr().out
    main(["versions", address])
    listed = capsys.readouterr().out

    report = Path("evaluation/report.html").read_text(encoding="utf-8")
    document = json.loads(Path("evaluation/evaluation.json").read_text(encoding="utf-8"))
    for told in (evaluated, report):
        assert "Judged on" in told
        assert "revalence" not in told
        assert "positive" not in told
    assert document["prevalence"] is None
    assert "recision" not in listed or any(target.metric == "precision" for target in task.targets)
    assert figure_name(task.targets[0].metric) in listed


@of_every_task
def test_one_question_and_the_same_in_a_batch_have_one_answer_that_is_logged(
    server: httpx.Client, app: App, task: Task
) -> None:
    path, body = f"/v1/{app.name}/{task.name}/predict", example_body(app, task)

    alone = _told(server.post(path, content=_body(body)))
    batch = server.post(f"{path}:batch", content=_body(body) + b"\n\n" + _body(body) + b"\n{broken\n")
    *together, broken = [json.loads(line) for line in batch.text.splitlines()]

    assert {"prediction_id", "app", "task", "entity", "version", "role"} <= alone.keys()
    assert (alone["app"], alone["task"], alone["role"]) == (app.name, task.name, "champion")
    assert len(together) == 2
    assert len({alone["prediction_id"], *(one["prediction_id"] for one in together)}) == 3
    for one in together:
        same = one.keys() - {"prediction_id", "time", "timestamp"}
        if "timestamp" not in body:  # without a time of its own each is of the moment it came in
            same -= {"score", "anomaly_score", "reasons"}
        if task.kind == "act":  # what is done is drawn
            same -= {"action", "propensity", "expected"}
        assert {name: one[name] for name in same} == {name: alone[name] for name in same}
    assert (broken["line"], broken["error"]["status"]) == (4, 400)

    logged = _told(server.get(f"/v1/predictions/{alone['prediction_id']}"))
    assert (logged["app"], logged["task"], logged["version"]) == (app.name, task.name, alone["version"])
    if task.kind in SCORING_KINDS:
        assert (logged["score"], logged["decision"]) == (alone["score"], alone["decision"])
    else:
        assert {name: alone[name] for name in logged["answer"]} == logged["answer"]
    newest = _told(server.get(f"/v1/predictions/{app.name}/{task.name}?limit=3"))
    assert alone["prediction_id"] in {one["prediction_id"] for one in newest}


@pytest.mark.parametrize(("app", "task"), DECIDES_ROWS, ids=_name)
def test_rows_are_answered_as_they_are_stored_and_only_stored_once(server: httpx.Client, app: App, task: Task) -> None:
    rows = _later_rows(app, task, 24)
    path = f"/v1/{app.name}/events/{task.event}"
    body = b"\n".join(map(_body, rows))

    received = _told(server.post(f"{path}?score=true", content=body))
    again = _told(server.post(path, content=body))

    assert (received["accepted"], received["already_stored"], received["quarantined"]) == (24, 0, [])
    answers = [one for one in received["predictions"] if one["task"] == task.name]
    assert len(answers) == 24
    assert (again["accepted"], again["already_stored"]) == (0, 24)
    logged = _told(server.get(f"/v1/predictions/{answers[-1]['prediction_id']}"))
    assert logged["entity"] == answers[-1]["entity"]


@of_every_task
def test_what_turned_out_to_be_true_can_be_said_of_any_answer(server: httpx.Client, app: App, task: Task) -> None:
    answer = _told(server.post(f"/v1/{app.name}/{task.name}/predict", content=_body(example_body(app, task))))

    kept = _told(server.post("/v1/feedback", content=_body({"prediction_id": answer["prediction_id"], "label": 1})))

    assert kept == {"accepted": 1}


@of_every_task
def test_a_second_version_serves_until_it_is_rolled_back(
    server: httpx.Client, telltale: Any, quickest: Any, app: App, task: Task
) -> None:
    address, body = f"{app.name}/{task.name}", _body(example_body(app, task))
    before = _served(server, app, task)
    _, trained = telltale("train", address, "--estimator", quickest(task), "--seed", "3", *few_rows(task))
    number = trained["version"]

    telltale("promote", address, "--version", str(number), "--override", "--reason", "a test")
    moved = _told(server.post(f"/v1/versions/{address}/rollback", content=_body({"reason": "it was better before"})))

    assert moved["number"] == before
    assert _served(server, app, task) == before
    assert _told(server.post(f"/v1/{address}/predict", content=body))["version"] == before
    moves = telltale("history", address)[1]["moves"]
    assert {before, number} <= {move["number"] for move in moves}
    assert moves[-1]["reason"] == "it was better before"


def _served(server: httpx.Client, app: App, task: Task) -> int:
    number: int = _told(server.get("/health"))["versions"][f"{app.name}/{task.name}"]["version"]
    return number


@of_every_task
def test_a_job_trains_on_stored_events_and_promotes_or_says_why_not(
    server: httpx.Client, telltale: Any, quickest: Any, app: App, task: Task
) -> None:
    address = f"{app.name}/{task.name}"
    n = [] if isinstance(task.split, LastOfEach) else ["--rows", str(_N_STORED)]
    telltale("simulate", f"{app.name}/{task.event}", "-o", "rows.ndjson", "--seed", "5", *n)
    stored = telltale("ingest", f"{app.name}/{task.event}", "rows.ndjson")[1]
    assert stored["stored"] + stored["already_stored"] >= task.minimum_rows
    assert stored["quarantined"] == 0
    before = _served(server, app, task)

    asked = _told(server.post("/v1/jobs", content=_body({"app": app.name, "task": task.name})), 202)
    with open_home() as home:
        # A network takes longer to train than a test may.
        quick = replace(app, tasks=tuple(replace(one, estimators=(quickest(one),)) for one in app.tasks))
        done = replace(worker_of(home), apps={app.name: quick}, apart=None).run_jobs()

    assert [(one.task, one.action in {"promote", "keep"}) for one in done] == [(address, True)], done
    job = _told(server.get(f"/v1/jobs/{asked['id']}"))
    assert job["state"] == "done"
    assert job["result"]["version"] == done[0].version
    assert job["result"]["reason"]
    listed = {one["number"]: one for one in telltale("versions", address)[1]["versions"]}
    assert listed[done[0].version]["data_kind"] == "store"
    wanted = done[0].version if done[0].action == "promote" else before
    assert listed[wanted]["role"] == "champion"


@of_every_task
def test_the_same_rows_are_not_trained_on_twice_by_a_schedule(
    telltale: Any, quickest: Any, app: App, task: Task
) -> None:
    telltale("simulate", f"{app.name}/{task.event}", "-o", "rows.ndjson", "--seed", "5", "--rows", "3000")
    telltale("ingest", f"{app.name}/{task.event}", "rows.ndjson")
    with open_home() as home:
        quick = replace(app, tasks=tuple(replace(one, estimators=(quickest(one),)) for one in app.tasks))
        worker = replace(worker_of(home), apps={app.name: quick}, apart=None)
        first = worker.retrain(quick, quick.task(task.name))
        second = worker.retrain(quick, quick.task(task.name), unless_same=True)

    assert first.version is not None
    assert second.action == "skip"
    assert f"version {first.version}" in second.reason


@of_every_task
def test_stored_rows_are_answered_from_a_file_of_them(telltale: Any, app: App, task: Task) -> None:
    event = f"{app.name}/{task.event}"
    telltale("simulate", event, "-o", "rows.ndjson", "--seed", "6", "--rows", "300")
    telltale("ingest", event, "rows.ndjson")
    telltale("export", event, "-o", "stored.parquet")

    status, told = telltale("score", f"{app.name}/{task.name}", "--data", "stored.parquet", "-o", "out.csv")

    assert status == 0
    with Path("out.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == told["n_answers"] > 0
