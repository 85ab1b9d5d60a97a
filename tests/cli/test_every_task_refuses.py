"""What every task, path and bundle does with what it must not take: said plainly, and nothing else happens."""
# ruff: noqa: PLR0917 - fixtures are given by name

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from tests.cli.conftest import few_rows
from tests.cli.damage import damage

from telltale.cli.example_bodies import example_body
from telltale.cli.serving import serve_settings, worker_of
from telltale.contract.app import App, Task
from telltale.contract.schema import EventSchema
from telltale.contract.simulation import Simulation
from telltale.home import open_home
from telltale.home.apps import installed_apps
from telltale.home.settings import read_settings
from telltale.serve.http.problems import PROBLEM_TYPE
from telltale.serve.live.live_task import ROW_KINDS
from telltale.serve.server import start_background
from telltale.telemetry.export import write_frame
from telltale.train.sources import simulated

pytestmark = [pytest.mark.slow, pytest.mark.server]

APPS = tuple(installed_apps().values())
TASKS = [(app, task) for app in APPS for task in app.tasks]
GUARDED = [(app, event) for app in APPS for event in app.events if event.forbidden]
GUARDED_TASKS = [(app, task) for app, task in TASKS if app.event(task.event).forbidden]
PRIVATE = "typed-in-confidence-0451"


def _name(value: object) -> str:
    return getattr(value, "name", str(value))


of_every_task = pytest.mark.parametrize(("app", "task"), TASKS, ids=_name)


@pytest.fixture(autouse=True)
def _in_home(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELLTALE_HOME", str(own_home))


@pytest.fixture
def telltale(in_home: Any, own_home: Path) -> Any:
    """Runs a command with --json in the home that is served."""
    return partial(in_home, own_home)


@pytest.fixture(scope="module")
def server_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "server.log"


@pytest.fixture(scope="module")
def server(own_home: Path, server_log: Path) -> Iterator[httpx.Client]:
    settings = serve_settings({**read_settings(own_home), "TELLTALE_HOME": str(own_home), "MODEL_DIR": ""})
    with (
        server_log.open("wb") as log,
        start_background(settings, log_to=log) as running,
        httpx.Client(base_url=running.url, timeout=30) as client,
    ):
        yield client


@pytest.fixture
def is_problem(own_home: Path) -> Any:
    """Checks that an answer is a problem document of one of these states that tells nothing of the server's inside."""

    def check(answer: httpx.Response, *states: int) -> str:
        assert answer.status_code in states, f"{answer.status_code}: {answer.text[:500]}"
        assert answer.headers["content-type"] == PROBLEM_TYPE
        told = answer.json()
        assert told.keys() == {"type", "title", "status", "detail", "where", "mend", "instance"}
        assert told["status"] == answer.status_code
        assert told["detail"]
        assert told["mend"]
        _tells_nothing_internal(answer.text, own_home)
        return answer.text

    return check


def _tells_nothing_internal(text: str, home: Path) -> None:
    for internal in ("Traceback", ".py", "site-packages", str(home), "/tmp/", "0x7f", "msgspec", "sqlite"):  # noqa: S108
        assert internal not in text, text[:1000]


def _row(app: App, event: EventSchema, seed: int = 1) -> dict[str, Any]:
    row = simulated(app, event.name, Simulation(n_rows=3, seed=seed)).row(0, named=True)
    sent: dict[str, Any] = json.loads(json.dumps(row, default=str))
    return sent | {event.time: row[event.time].isoformat()}


def _n_logged(server: httpx.Client, app: App, task: Task) -> int:
    return len(server.get(f"/v1/predictions/{app.name}/{task.name}?limit=1000").json())


def _n_stored(telltale: Any, app: App, event: EventSchema) -> int:
    n: int = telltale("export", f"{app.name}/{event.name}", "-o", "all.ndjson")[1]["n"]
    return n


def _is_kept_anywhere(home: Path, *others: Path) -> list[str]:
    files = [path for path in (*home.rglob("*"), *others) if path.is_file()]
    return [path.name for path in files if PRIVATE.encode() in path.read_bytes()]


@pytest.mark.parametrize(("app", "event"), GUARDED, ids=_name)
def test_an_event_with_a_column_that_could_hold_content_is_refused_by_name_and_nothing_of_it_is_kept(
    server: httpx.Client, telltale: Any, own_home: Path, server_log: Path, is_problem: Any, app: App, event: EventSchema
) -> None:
    path, before = f"/v1/{app.name}/events/{event.name}", _n_stored(telltale, app, event)
    row = _row(app, event)
    names = [name for name in event.forbidden if event.column(name) is None]
    assert names

    for name in names:
        for written in (name, name.upper(), f" {name} "):
            told = is_problem(server.post(path, json=row | {written: PRIVATE}), 422)
            assert written in json.loads(told)["detail"]
    lines = "\n".join([json.dumps(row), json.dumps(row | {names[0]: [PRIVATE]})])
    assert names[0] in is_problem(server.post(path, content=lines), 422)
    for suffix in ("ndjson", "csv", "parquet"):
        frame = pl.DataFrame([{k: v for k, v in row.items() if not isinstance(v, list)} | {names[0]: PRIVATE}])
        write_frame(frame, Path(f"leak.{suffix}"))
        for command in ("validate", "ingest"):
            status, refused = telltale(command, f"{app.name}/{event.name}", f"leak.{suffix}")
            assert status == 2
            assert names[0] in refused["error"]["what"]

    assert _n_stored(telltale, app, event) == before
    assert _is_kept_anywhere(own_home, server_log) == []


@pytest.mark.parametrize(("app", "event"), GUARDED, ids=_name)
def test_a_row_set_aside_keeps_no_content_that_stood_beside_its_values(
    server: httpx.Client, telltale: Any, own_home: Path, server_log: Path, app: App, event: EventSchema
) -> None:
    row = _row(app, event)
    bad = {name: value for name, value in row.items() if name != event.time} | {event.time: "?", "remark": PRIVATE}
    good = row | {"remark": "none"}
    torn = json.dumps(row | {event.forbidden[0]: PRIVATE})[:-1]
    body = "\n".join([json.dumps(good), json.dumps(bad), torn])

    received = server.post(f"/v1/{app.name}/events/{event.name}", content=body)
    Path("rows.ndjson").write_text(body, encoding="utf-8")
    _, checked = telltale("ingest", f"{app.name}/{event.name}", "rows.ndjson")

    assert [one["line"] for one in received.json()["quarantined"]] == [2, 3]
    assert [one["line"] for one in checked["reasons"]] == [2, 3]
    assert PRIVATE not in json.dumps(checked)
    assert _is_kept_anywhere(own_home, server_log) == []


@pytest.mark.parametrize(("app", "task"), GUARDED_TASKS, ids=_name)
def test_a_question_with_a_column_that_could_hold_content_is_refused_by_name_and_not_logged(
    server: httpx.Client, own_home: Path, server_log: Path, is_problem: Any, app: App, task: Task
) -> None:
    event, body = app.event(task.event), example_body(app, task)
    path, before = f"/v1/{app.name}/{task.name}/predict", _n_logged(server, app, task)
    entity = event.entity or "entity"

    for name in event.forbidden:
        for asked in (
            body | {name: PRIVATE},
            body | {name.upper(): [PRIVATE]},
            body | {"more": {name: PRIVATE}},
            {"rows": [body | {name: PRIVATE}]},
            {"rows": [body], name: PRIVATE},
            {entity: "someone", name: PRIVATE},
            {name: PRIVATE},
        ):
            assert name in is_problem(server.post(path, json=asked), 422).lower()
    lines = [body, body | {event.forbidden[0]: PRIVATE}]
    first, second = server.post(f"{path}:batch", content="\n".join(map(json.dumps, lines))).text.splitlines()

    assert "prediction_id" in first
    assert json.loads(second)["error"]["status"] == 422
    assert event.forbidden[0] in second
    assert _n_logged(server, app, task) == before + 1
    assert _is_kept_anywhere(own_home, server_log) == []


def test_a_path_of_an_apps_own_refuses_content_too(server: httpx.Client, is_problem: Any) -> None:
    app = installed_apps()["personhood"]
    features = example_body(app, app.tasks[0])
    body: dict[str, Any] = {"did": "0x" + "0f" * 32, "features": features}
    assert server.post("/predict", json=body).status_code == 200
    long = server.post("/predict", content=b'{"pad": "' + b"x" * 2_000_000 + b'"}')
    is_problem(long, 413)
    assert long.headers["connection"] == "close"

    for leak in (body | {"keys": PRIVATE}, body | {"features": features | {"text": PRIVATE}}):
        assert "could hold content" in is_problem(server.post("/predict", json=leak), 422)


@of_every_task
def test_what_is_no_question_is_told_so_and_not_logged(
    server: httpx.Client, is_problem: Any, app: App, task: Task
) -> None:
    path, body = f"/v1/{app.name}/{task.name}/predict", example_body(app, task)
    before = _n_logged(server, app, task)
    column = next((name for name in body if isinstance(body[name], float)), next(iter(body)))

    for content in (b"", b" ", b"null", b"7", b'"text"', b"[]", b"{", b"\xff\xfe", b'{"rows": []}', b"[" * 100_000):
        is_problem(server.post(path, content=content), 400, 422)
    for value in ("NaN", "Infinity", "-Infinity", "1e999", "tru"):
        is_problem(server.post(path, content=f'{{"{column}": {value}}}'.encode()), 400, 422)
    for wrong in (True, {"a": 1}, [1.0], {"rows": 1}):
        told = is_problem(server.post(path, json=body | {column: wrong}), 400, 422)
        assert column in told
    long = server.post(path, content=b'{"pad": "' + b"x" * 2_000_000 + b'"}')
    is_problem(long, 413)
    assert long.headers["connection"] == "close"  # else the next request would meet a connection about to end
    is_problem(server.get(path), 405)
    is_problem(server.post(f"{path}/more", json=body), 404, 405)
    is_problem(server.post(f"/v1/{app.name}/nothing/predict", json=body), 404, 405)

    assert _n_logged(server, app, task) == before


@of_every_task
def test_a_batch_with_a_line_that_is_too_long_ends_with_the_reason(
    server: httpx.Client, own_home: Path, app: App, task: Task
) -> None:
    body = json.dumps(example_body(app, task)).encode()

    answer = server.post(
        f"/v1/{app.name}/{task.name}/predict:batch", content=body + b"\n" + b'{"pad": "' + b"x" * 2_000_000 + b'"}\n'
    )

    *_, last = answer.text.splitlines()
    assert json.loads(last)["error"]["status"] in {413, 422}
    _tells_nothing_internal(answer.text, own_home)


# Where other numbers are measured too, a value that is no number is a column of another kind, and left aside.
NAMED = [(app, event) for app in APPS for event in app.events if not event.more_numeric]


@pytest.mark.parametrize(("app", "event"), NAMED, ids=_name)
def test_what_is_no_event_is_told_so_and_not_stored(
    server: httpx.Client, telltale: Any, is_problem: Any, app: App, event: EventSchema
) -> None:
    path, row, before = f"/v1/{app.name}/events/{event.name}", _row(app, event), _n_stored(telltale, app, event)
    needed = next(column.name for column in event.columns if not column.nullable)

    for content in (b"", b" ", b"null", b"7", b'"text"', b"[]", b"{", b"\xff\xfe", b"[[]]", b"[" * 100_000, b"{}"):
        is_problem(server.post(path, content=content), 400, 422)
    for wrong in ({}, {"a": 1}, None):
        told = is_problem(server.post(path, json=row | {needed: wrong}), 422)
        assert needed in told
    text = json.dumps(row | {needed: float("nan")})
    assert needed in is_problem(server.post(path, content=text), 422)
    is_problem(server.post(path, content=b'{"pad": "' + b"x" * 2_000_000 + b'"}'), 413)
    is_problem(server.post(f"/v1/{app.name}/events/nothing", json=row), 404, 405)

    assert _n_stored(telltale, app, event) == before


@pytest.mark.parametrize(("app", "task"), [(a, t) for a, t in TASKS if t.kind in ROW_KINDS], ids=_name)
def test_an_entity_of_which_nothing_is_stored_is_answered_by_its_row_and_refused_without_one(
    server: httpx.Client, is_problem: Any, app: App, task: Task
) -> None:
    entity, path = app.event(task.event).entity or "entity", f"/v1/{app.name}/{task.name}/predict"

    answer = server.post(path, json=example_body(app, task) | {entity: "nobody-knows-it"})
    told = is_problem(server.post(path, json={entity: "nobody-knows-it"}), 422)

    assert answer.status_code == 200
    assert answer.json()["entity"] == "nobody-knows-it"
    assert "nobody-knows-it" in told or "missing" in told


@pytest.mark.parametrize(("app", "task"), [(a, t) for a, t in TASKS if t.kind == "rank"], ids=_name)
def test_orders_of_odd_length_and_for_strangers(server: httpx.Client, is_problem: Any, app: App, task: Task) -> None:
    path, body = f"/v1/{app.name}/{task.name}/predict", example_body(app, task)

    for top_k in (0, -1, -(2**63), 1_001, 2**62, 2**70, 1.5, "ten", None):
        assert "top_k" in is_problem(server.post(path, json=body | {"top_k": top_k}), 400, 422)
    everything = server.post(path, json=body | {"top_k": 1_000}).json()
    stranger = server.post(path, json={next(iter(body)): "nobody-knows-it"}).json()

    assert 0 < len(everything["items"]) <= 1_000
    assert stranger["source"] == "popular"
    unseen = server.post(path, json={"seen": ["no-such-item"] * 1_000}).json()
    assert unseen["source"] == "popular"
    assert unseen["items"]


@pytest.mark.parametrize(("app", "task"), [(a, t) for a, t in TASKS if t.kind == "forecast"], ids=_name)
def test_horizons_that_no_forecast_has_and_series_that_nobody_knows(
    server: httpx.Client, is_problem: Any, app: App, task: Task
) -> None:
    path, body = f"/v1/{app.name}/{task.name}/predict", example_body(app, task)

    for horizon in (-1, 0, 32, 2**62, 2**70, -(2**63), 2.5, "long"):
        assert "horizon" in is_problem(server.post(path, json=body | {"horizon": horizon}), 400, 422)
    assert "nobody-knows-it" in is_problem(server.post(path, json={next(iter(body)): "nobody-knows-it"}), 404)
    is_problem(server.post(path, json={}), 400, 404, 422)


@pytest.mark.parametrize(("app", "task"), [(a, t) for a, t in TASKS if t.kind in {"similar", "next"}], ids=_name)
def test_lists_of_odd_length_and_of_what_nobody_knows(
    server: httpx.Client, is_problem: Any, app: App, task: Task
) -> None:
    path, body = f"/v1/{app.name}/{task.name}/predict", example_body(app, task)

    for top_k in (0, -1, -(2**63), 1_001, 2**62, 2**70, 1.5, "ten", None):
        assert "top_k" in is_problem(server.post(path, json=body | {"top_k": top_k}), 400, 422)
    is_problem(server.post(path, json={}), 400, 404, 422)
    if task.kind == "similar":
        item = task.query_names.get("item", "item")
        assert "nobody-knows-it" in is_problem(server.post(path, json={item: "nobody-knows-it"}), 404)
    else:
        recent = task.query_names.get("recent", "recent")
        told = server.post(path, json={recent: ["nobody-knows-it"] * 1_000}).json()
        assert (told["items"], told["source"]) == ([], "none")


@pytest.mark.parametrize(("app", "task"), [(a, t) for a, t in TASKS if t.kind == "act"], ids=_name)
def test_actions_that_are_not_there_and_contexts_that_nobody_knows(
    server: httpx.Client, is_problem: Any, app: App, task: Task
) -> None:
    path, body = f"/v1/{app.name}/{task.name}/predict", example_body(app, task)
    assert task.acting is not None

    bare = {name: value for name, value in body.items() if name != "context"}
    assert server.post(path, json=bare).status_code == 200
    assert server.post(path, json=bare | body["context"]).status_code == 200
    for strange in ({"nobody_knows_it": 1.0}, {next(iter(body["context"])): "much"}):
        is_problem(server.post(path, json=body | {"context": strange}), 422)
    if task.acting.available:
        name = task.query_names["available"]
        for available in ([], ["a", "a"], [""], "a", [None], {"a": 1}):
            assert name in is_problem(server.post(path, json=body | {name: available}), 400, 422)
        assert server.post(path, json=body | {name: ["nobody-knows-it"]}).json()["propensity"] == 1.0


@of_every_task
def test_a_champion_with_a_damaged_file_is_not_taken_up_and_the_one_before_goes_on(
    server: httpx.Client, telltale: Any, own_home: Path, quickest: Any, app: App, task: Task
) -> None:
    address = f"{app.name}/{task.name}"
    number = telltale("train", address, "--estimator", quickest(task), *few_rows(task))[1]["version"]
    for file in (own_home / "artifacts" / app.name / task.name / str(number)).iterdir():
        damage(file, "torn")

    status, refused = telltale("promote", address, "--version", str(number), "--override", "--reason", "a test")
    body = {"version": number, "override": True, "reason": "a test"}
    by_http = server.post(f"/v1/versions/{address}/promote", json=body)
    health = server.get("/health")

    assert status == 3
    assert "is not what was registered" in refused["error"]["what"]
    _tells_nothing_internal(by_http.text + health.text, own_home)
    assert health.json()["versions"][address]["version"] == 1
    assert server.post(f"/v1/{address}/predict", json=example_body(app, task)).json()["version"] == 1
    if by_http.status_code == 200:
        assert f"version {number} cannot be loaded" in health.json()["faults"][address]
        assert server.post(f"/v1/versions/{address}/rollback", json={"reason": "it is broken"}).json()["number"] == 1


@of_every_task
def test_a_retraining_beside_a_damaged_champion_fails_and_tells_nothing_of_the_disk(
    server: httpx.Client, telltale: Any, own_home: Path, quickest: Any, app: App, task: Task
) -> None:
    address, event = f"{app.name}/{task.name}", f"{app.name}/{task.event}"
    telltale("simulate", event, "-o", "rows.ndjson", "--seed", "5", "--rows", "3000")
    telltale("ingest", event, "rows.ndjson")
    champion = own_home / "artifacts" / app.name / task.name / "1" / "arrays.safetensors"
    whole = champion.read_bytes()
    damage(champion, "torn")
    asked = server.post("/v1/jobs", json={"app": app.name, "task": task.name}).json()

    with open_home() as home:
        quick = replace(app, tasks=tuple(replace(one, estimators=(quickest(one),)) for one in app.tasks))
        (done,) = replace(worker_of(home), apps={app.name: quick}, apart=None).run_jobs()
    champion.write_bytes(whole)

    job = server.get(f"/v1/jobs/{asked['id']}")
    assert done.task == address
    assert job.json()["state"] in {"failed", "done"}
    assert job.json()["result"]["reason"]
    _tells_nothing_internal(job.text, own_home)
    _tells_nothing_internal(server.get(f"/v1/versions/{address}").text, own_home)
