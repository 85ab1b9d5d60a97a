"""Every device at once, and a version put in place, over the whole application without a socket."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from tests.serve.live.moves import begin
from tests.serve.rsgi_transport import RsgiTransport

from telltale.apps.eyenet import ANOMALY, APP
from telltale.contract.answer import Input
from telltale.contract.simulation import Simulation
from telltale.models.runtimes import load_runtime
from telltale.models.score_runtime import ScoreRuntime
from telltale.registry.api_keys import create_key
from telltale.registry.registry import Registry
from telltale.serve.edge import open_edge
from telltale.serve.guard.caller import OPERATOR
from telltale.serve.routes.application import make_application
from telltale.serve.routes.route_context import RouteContext
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.frames import ENTITY, TIME
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked
from telltale.train.version import train_version

NOW = datetime(2024, 12, 1, tzinfo=UTC)
COLUMNS = tuple(column.name for column in APP.events[0].columns)
DEVICES, DEPLOY = "/v1/eyenet/devices", "/v1/eyenet/deploy"
# What the gate said of versions 1, 2, 3.
OUTCOMES = ("pass", "pass", "fail")


class Client:
    """Requests to the whole application, without a socket."""

    def __init__(self, home: Path, **settings: Any) -> None:
        told: dict[str, Any] = {"apps": ("telltale.apps.eyenet:APP",), "flush_s": 0.05, **settings}
        self.edge = open_edge(ServeSettings(home=str(home), **told))
        self.edge.start()
        self.context = RouteContext(self.edge, OPERATOR)
        self._transport = RsgiTransport(make_application(self.edge))
        self._runner = asyncio.Runner()

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1:8000") as client:
                content = None if body is None else json.dumps(body).encode()
                kind = {} if body is None else {"content-type": "application/json"}
                return await client.request(method, path, content=content, headers=kind | headers)

        return self._runner.run(send())

    def devices(self, query: str = "") -> Any:
        answer = self.ask("GET", DEVICES + query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def predict(self, device_id: str) -> Any:
        answer = self.ask("POST", "/v1/eyenet/anomaly/predict", {"device_id": device_id})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def close(self) -> None:
        self.edge.close()
        self._runner.close()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A forest and two plain baselines."""
    folder = tmp_path_factory.mktemp("bundles")
    checked = check_simulated(APP, "sample", Simulation(days=1, seed=1))
    rows = rows_from_checked("simulated", checked, ANOMALY, where="test")
    return [
        train_version(
            APP,
            ANOMALY,
            rows,
            TrainingChoices(estimator=name, seed=number),
            directory=folder / str(number),
            progress=lambda *_: None,
        )
        for number, name in enumerate(("isolation_forest", "robust_z", "robust_z"), start=1)
    ]


@pytest.fixture(scope="module")
def told() -> pl.DataFrame:
    """Half an hour of five devices whom no training has seen; the last of them floods in its last minutes."""
    frame = check_simulated(APP, "sample", Simulation(days=1, seed=7)).frame
    frame = frame.filter(pl.col(TIME) < pl.col(TIME).min() + timedelta(minutes=30))
    worst = (pl.col(ENTITY) == frame[ENTITY].max()) & (pl.col(TIME) > pl.col(TIME).max() - timedelta(minutes=4))
    return frame.with_columns(
        pl.when(worst).then(pl.col(name) * 60).otherwise(pl.col(name)).alias(name) for name in COLUMNS
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bundles: Any, told: pl.DataFrame) -> Path:
    """Three versions, the first promoted; what devices told, and of one of them three rows only."""
    path = tmp_path_factory.mktemp("eyenet") / "home"
    folder = open_folder(path)
    registry = Registry(folder.state, folder.artifacts)
    for one, outcome in zip(bundles, OUTCOMES, strict=True):
        registry.register(
            "eyenet", "anomaly", bundle=one.directory, sha256=one.files.sha256, files=one.files.files,
            estimator=one.manifest.estimator, data_kind="simulated", outcome=outcome,  # type: ignore[arg-type]  # as listed
            metrics={}, facts={}, actor="test", now=NOW,
        )  # fmt: skip
    registry.promote("eyenet", "anomaly", 1, actor="test", reason="first", now=NOW)
    few = told.filter(pl.col(ENTITY) == told[ENTITY][0]).head(3).with_columns(pl.lit("new-1").alias(ENTITY))
    store = EventStore(folder.events)
    store.add("eyenet", "sample", pl.concat([told, few]), COLUMNS, source="test", now=NOW)
    folder.close()
    return path


@pytest.fixture(scope="module")
def client(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    own = tmp_path_factory.mktemp("served") / "home"  # the home itself is never open: it is copied for other tests
    shutil.copytree(home, own)
    opened = Client(own)
    yield opened
    opened.close()


@pytest.fixture
def fresh(home: Path, tmp_path: Path) -> Iterator[Client]:
    """For tests that move versions."""
    shutil.copytree(home, tmp_path / "home")
    opened = Client(tmp_path / "home")
    yield opened
    opened.close()


def test_each_device_scores_what_it_scores_when_it_is_asked_for_alone(client: Client, told: pl.DataFrame) -> None:
    found = client.devices()

    assert {one["device_id"] for one in found["devices"]} == set(told[ENTITY])
    assert found["n_devices"] == 5
    for one in found["devices"]:
        alone = client.predict(one["device_id"])
        assert one["score"] == pytest.approx(alone["score"], rel=1e-5)
        assert one.get("reasons", []) == [
            reason | {"value": pytest.approx(reason["value"])} for reason in alone.get("reasons", ())
        ]
        for name in ("decision", "threshold", "context", "timestamp", "version"):
            assert one[name] == alone[name]


def test_the_worst_comes_first_with_its_reasons(client: Client, told: pl.DataFrame) -> None:
    found = client.devices()

    scores = [one["score"] for one in found["devices"]]
    worst = found["devices"][0]
    assert scores == sorted(scores, reverse=True)
    assert (worst["device_id"], worst["decision"]) == (told[ENTITY].max(), True)
    assert worst["reasons"]
    assert found["n_anomalous"] == sum(one["decision"] for one in found["devices"]) < 5


def test_a_device_with_too_few_rows_is_not_guessed_at_but_told_how_many_it_lacks(client: Client) -> None:
    found = client.devices()
    refused = client.ask("POST", "/v1/eyenet/anomaly/predict", {"device_id": "new-1"}).json()

    assert found["n_not_enough"] == 1
    [waiting] = found["not_enough_data"]
    assert (waiting["device_id"], waiting["n_rows"]) == ("new-1", 3)
    assert f"the window needs {waiting['n_rows'] + waiting['n_more']}" in refused["detail"]


def test_lists_are_sorted_as_asked_and_cut_while_the_numbers_are_of_all(client: Client, told: pl.DataFrame) -> None:
    names = client.devices("?sort=name&limit=2")
    times = client.devices("?sort=time")

    assert [one["device_id"] for one in names["devices"]] == sorted(set(told[ENTITY]))[:2]
    assert names["n_devices"] == 5
    stamps = [one["timestamp"] for one in times["devices"]]
    assert stamps == sorted(stamps, reverse=True)


def test_since_a_moment_only_devices_that_told_something_are_looked_at(fresh: Client, told: pl.DataFrame) -> None:
    later = told.select(pl.col(TIME).max() + timedelta(minutes=1)).item()
    row = told.tail(1).with_columns(pl.lit(later).cast(told[TIME].dtype).alias(TIME))
    EventStore(fresh.edge.folder.events).add("eyenet", "sample", row, COLUMNS, source="test", now=NOW)

    found = fresh.devices(f"?changed_since={later:%Y-%m-%dT%H:%M:%SZ}")

    assert [one["device_id"] for one in found["devices"]] == [row[ENTITY][0]]
    assert found["n_not_enough"] == 0


@pytest.mark.parametrize(
    ("query", "words"),
    [("?changed_since=soon", "ISO 8601"), ("?limit=0", "limit"), ("?sort=size", "sort"), ("?colour=red", "colour")],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(client: Client, query: str, words: str) -> None:
    refused = client.ask("GET", DEVICES + query)

    assert refused.status_code in {400, 422}
    assert words in refused.text


def test_a_look_over_all_devices_is_not_kept_in_the_log(fresh: Client) -> None:
    fresh.devices()
    fresh.predict("db-1")
    fresh.edge.log.flush()

    assert fresh.edge.folder.events.fetch("SELECT entity FROM prediction") == [("db-1",)]


def test_during_a_release_a_device_is_decided_by_the_version_that_its_own_requests_are_decided_by(
    home: Path, tmp_path: Path
) -> None:
    shutil.copytree(home, tmp_path / "home")
    begin(tmp_path / "home", 2, (50,), task="eyenet/anomaly")
    client = Client(tmp_path / "home")
    store = EventStore(client.edge.folder.events)
    row = store.frame("eyenet", APP.events[0], entity="db-1")
    more = [row.with_columns(pl.lit(f"more-{number}").alias(ENTITY)) for number in range(30)]
    store.add("eyenet", "sample", pl.concat(more), COLUMNS, source="test", now=NOW)

    found = client.devices()["devices"]
    alone = {one["device_id"]: client.predict(one["device_id"]) for one in found}
    client.close()

    assert {one["version"] for one in found} == {1, 2}
    for one in found:
        assert one["version"] == alone[one["device_id"]]["version"]
        assert one["score"] == pytest.approx(alone[one["device_id"]]["score"], rel=1e-5)


def test_with_keys_looking_takes_one_that_reads_and_deploying_one_that_operates(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "home")
    folder = open_folder(tmp_path / "home")
    keys = {
        scope: create_key(folder.state, scope, [scope], actor="test", now=NOW).secret
        for scope in ("predict", "read", "operate")
    }
    folder.close()
    client = Client(tmp_path / "home")

    def statuses(**headers: str) -> tuple[int, int]:
        looked = client.ask("GET", DEVICES, **headers)
        return looked.status_code, client.ask("POST", DEPLOY, {"version": 2}, **headers).status_code

    without = statuses()
    found = {scope: statuses(**{"x-api-key": secret}) for scope, secret in keys.items()}
    client.close()

    assert without == (401, 401)
    assert found["predict"] == (403, 403)
    assert found["read"] == (200, 403)
    assert found["operate"][1] == 200


def test_many_devices_in_one_frame_score_as_each_does_alone(bundles: Any, told: pl.DataFrame) -> None:
    for bundle in bundles[:2]:
        runtime = load_runtime(bundle.directory)
        assert isinstance(runtime, ScoreRuntime)
        windows = told.group_by(ENTITY, maintain_order=True).tail(runtime.history + 1)
        windows = windows.filter(
            (pl.col(ENTITY) != "db-1") | (pl.col(TIME) > pl.col(TIME).max() - timedelta(minutes=3))
        )
        inputs = [
            Input(
                rows=own.select(runtime.columns).rows(),
                times=(own[TIME].dt.epoch("us") / 1e6).to_list(),
                entity=str(own[ENTITY][0]),
            )
            for own in windows.partition_by(ENTITY, maintain_order=True)
        ]

        for one, alone in zip(runtime.answer_last(windows), runtime.answer(inputs), strict=True):
            assert one.score == pytest.approx(alone.score, rel=1e-5)
            assert (one.decision, one.context) == (alone.decision, alone.context)
        assert runtime.answer_last(windows.clear()) == []


def test_a_version_that_is_deployed_decides_at_once(fresh: Client) -> None:
    answer = fresh.ask("POST", DEPLOY, {"version": 2})

    assert answer.status_code == 200, answer.text
    assert answer.json() == {"status": "success", "message": "version 2 serves in place of version 1", "version": 2}
    assert {one["version"] for one in fresh.devices()["devices"]} == {2}
    champion = fresh.context.registry.champion("eyenet", "anomaly")
    assert champion is not None
    assert champion.number == 2


@pytest.mark.parametrize(
    ("body", "status", "kind", "words"),
    [
        ({"version": 3}, 409, "urn:telltale:gate", "gate"),
        ({"version": 3, "override": True}, 400, "urn:telltale:usage", "reason"),
        ({"version": 9}, 404, "urn:telltale:not-found", "9"),
        ({"version": 1}, 409, "urn:telltale:conflict", "champion"),
        ({"number": 1}, 422, "urn:telltale:schema", "version"),
    ],
)
def test_what_cannot_be_deployed_is_told_and_the_version_before_goes_on(
    client: Client, body: object, status: int, kind: str, words: str
) -> None:
    answer = client.ask("POST", DEPLOY, body)

    assert (answer.status_code, answer.json()["type"]) == (status, kind), answer.text
    assert words in answer.text
    assert client.predict("db-1")["version"] == 1


def test_a_damaged_version_is_found_before_it_is_promoted(fresh: Client) -> None:
    file = next(fresh.edge.folder.path.glob("artifacts/eyenet/anomaly/2/arrays.safetensors"))
    file.chmod(0o600)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    answer = fresh.ask("POST", DEPLOY, {"version": 2})

    assert (answer.status_code, answer.json()["type"]) == (500, "urn:telltale:bundle")
    assert "arrays.safetensors" in answer.json()["detail"]
    assert [move.number for move in fresh.context.registry.history("eyenet", "anomaly")][-1] == 1
    assert fresh.predict("db-1")["version"] == 1


def test_one_that_its_gate_refused_serves_where_somebody_says_why(fresh: Client) -> None:
    answer = fresh.ask("POST", DEPLOY, {"version": 3, "override": True, "reason": "the other one is worse"})

    assert answer.json()["status"] == "success"
    last = fresh.context.registry.history("eyenet", "anomaly")[-1]
    assert (last.number, last.reason) == (3, "the other one is worse")
