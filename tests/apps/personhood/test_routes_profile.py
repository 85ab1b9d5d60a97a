"""The routes of enrolment and verification, over a trained version and simulated typists, without a socket."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from tests.serve.rsgi_transport import RsgiTransport

from telltale.apps.personhood import APP, VERIFY
from telltale.contract.simulation import Simulation
from telltale.registry.api_keys import create_key
from telltale.registry.forget import forget
from telltale.registry.registry import Registry
from telltale.serve.edge import open_edge
from telltale.serve.routes.application import make_application
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked
from telltale.train.version import train_version

NOW = datetime(2024, 12, 1, tzinfo=UTC)
WHERE = "/v1/personhood"


class Client:
    """Requests to the whole application."""

    def __init__(self, home: Path, **settings: Any) -> None:
        told: dict[str, Any] = {"apps": ("telltale.apps.personhood:APP",), "flush_s": 0.05, **settings}
        self.edge = open_edge(ServeSettings(home=str(home), **told))
        self.edge.start()
        self._transport = RsgiTransport(make_application(self.edge))
        self._runner = asyncio.Runner()

    def request(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1:8000") as client:
                content = None if body is None else json.dumps(body).encode()
                kind = {} if body is None else {"content-type": "application/json"}
                return await client.request(
                    method, path if path == "/v1/forget" else WHERE + path, content=content, headers=kind | headers
                )

        return self._runner.run(send())

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        return self.request("POST", path, body, **headers)

    def close(self) -> None:
        self.edge.close()
        self._runner.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a version of `verify` is promoted."""
    scratch = tmp_path_factory.mktemp("verify")
    checked = check_simulated(APP, "session", Simulation(n_rows=900, seed=3))
    rows = rows_from_checked("simulated", checked, VERIFY, where="test")
    trained = train_version(
        APP,
        VERIFY,
        rows,
        TrainingChoices(estimator="profile_alone"),
        directory=scratch / "bundle",
        progress=lambda *_: None,
    )
    folder = open_folder(scratch / "home")
    registry = Registry(folder.state, folder.artifacts)
    registry.register(
        "personhood",
        "verify",
        bundle=trained.directory,
        sha256=trained.files.sha256,
        files=trained.files.files,
        estimator=trained.manifest.estimator,
        data_kind="simulated",
        outcome="pass",
        metrics={},
        facts={},
        actor="test",
        now=NOW,
    )
    registry.promote("personhood", "verify", 1, actor="test", reason="test", now=NOW)
    folder.close()
    return scratch / "home"


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[Client]:
    opened = Client(home)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def typed() -> dict[str, list[dict[str, Any]]]:
    """Genuine sessions of people that the version was not trained on, by person."""
    rows = APP.simulate("session", Simulation(days=14, seed=99, start=APP.start))
    genuine = rows.filter(pl.col("is_legitimate") == 1)
    found: dict[str, list[dict[str, Any]]] = {}
    names = ("presses_ms", "releases_ms", "classes", "corrections", "local_hour")
    for row in genuine.iter_rows(named=True):
        found.setdefault(row["user_id"], []).append({name: row[name] for name in names})
    return {who: sessions for who, sessions in found.items() if len(sessions) >= 8}


@pytest.fixture
def sessions(typed: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Of one person."""
    return typed[min(typed)]


def enrol(client: Client, user_id: str, sessions: list[dict[str, Any]]) -> dict[str, Any]:
    answer = client.post("/enrol", {"user_id": user_id, "sessions": sessions})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_person_is_enrolled_session_by_session_and_told_how_many_more(client: Client, sessions: Any) -> None:
    first = enrol(client, "ada", sessions[:1])
    early = client.post("/verify", {"user_id": "ada", "session": sessions[5]})
    ready = enrol(client, "ada", sessions[1:3])

    n_keys = len(sessions[0]["presses_ms"])
    assert first == {
        "user_id": "ada", "profile": 1, "n_samples": 1, "n_keys": n_keys, "is_ready": False, "n_more": 2
    }  # fmt: skip
    assert early.status_code == 422
    assert early.json()["type"] == "urn:telltale:not-enough-data"
    assert "2" in early.json()["mend"]
    assert (ready["profile"], ready["n_samples"], ready["is_ready"], ready["n_more"]) == (2, 3, True, 0)


def test_the_person_is_accepted_and_others_score_lower(client: Client, typed: Any) -> None:
    people = sorted(typed)
    enrol(client, "bob", typed[people[1]][:5])

    own = [client.post("/verify", {"user_id": "bob", "session": one}).json() for one in typed[people[1]][5:8]]
    others = [client.post("/verify", {"user_id": "bob", "session": typed[who][6]}).json() for who in people[2:14]]

    assert min(one["score"] for one in own) > sorted(one["score"] for one in others)[6]
    assert all(one["is_legitimate"] == (one["score"] >= one["threshold"]) for one in (*own, *others))
    assert all(isinstance(one["confidence"], int) and 0 <= one["confidence"] <= 100 for one in (*own, *others))
    assert own[0]["n_samples"] == 5
    assert own[0]["model_version"] == 1
    assert set(own[0]["averages"]) == {
        "typing_speed_wpm", "avg_key_hold_time_ms", "avg_transition_time_ms", "error_rate_percent",
        "activity_hour_preference",
    }  # fmt: skip


def test_a_session_that_is_enrolled_already_is_refused_as_a_replay(client: Client, sessions: Any) -> None:
    enrol(client, "eve", sessions[:4])

    again = client.post("/verify", {"user_id": "eve", "session": sessions[2]}).json()

    assert again["replayed"]
    assert not again["is_legitimate"]


def test_what_was_accepted_and_confirmed_joins_the_profile_and_can_be_taken_back(client: Client, typed: Any) -> None:
    who = sorted(typed)[3]
    enrol(client, "kim", typed[who][:4])
    answers = [client.post("/verify", {"user_id": "kim", "session": one}).json() for one in typed[who][4:8]]
    accepted = next(one for one in answers if one["is_legitimate"])

    joined = client.post("/confirm", {"prediction_id": accepted["prediction_id"]})
    twice = client.post("/confirm", {"prediction_id": accepted["prediction_id"]})
    back = client.post("/revert", {"user_id": "kim", "profile": 1})
    nothing = client.post("/revert", {"user_id": "kim", "profile": 77})
    huge = client.post("/revert", {"user_id": "kim", "profile": 2**80})

    assert (joined.json()["profile"], joined.json()["n_samples"]) == (2, 5)
    assert twice.status_code == 409
    assert (back.json()["profile"], back.json()["n_samples"]) == (3, 4)
    assert nothing.status_code == 404
    assert huge.status_code == 422


def test_what_was_refused_cannot_be_confirmed(client: Client, typed: Any) -> None:
    who, other = sorted(typed)[4], sorted(typed)[9]
    enrol(client, "lee", typed[who][:5])
    fast = typed[other][0]
    script = fast | {
        "presses_ms": [20.0 * place for place in range(len(fast["presses_ms"]))],
        "releases_ms": [20.0 * place + 1 for place in range(len(fast["presses_ms"]))],
    }
    refused = client.post("/verify", {"user_id": "lee", "session": script}).json()

    answer = client.post("/confirm", {"prediction_id": refused["prediction_id"]})
    unknown = client.post("/confirm", {"prediction_id": "0-0"})

    assert not refused["is_legitimate"]
    assert answer.status_code == 409
    assert "enrol" in answer.json()["mend"]
    assert unknown.status_code == 404


def test_a_profile_is_shown_as_quartiles_with_its_history(client: Client, sessions: Any) -> None:
    enrol(client, "mia", sessions[:3])
    enrol(client, "mia", sessions[3:4])

    shown = client.request("GET", "/profile?user_id=mia").json()

    assert (shown["user_id"], shown["profile"], shown["n_samples"]) == ("mia", 2, 4)
    assert shown["n_keys"] == sum(one["n"] for one in shown["holds"]) == sum(len(s["presses_ms"]) for s in sessions[:4])
    assert sum(one["n"] for one in shown["gaps"]) == shown["n_keys"] - 4
    assert all(one["low"] <= one["median"] <= one["high"] for one in (*shown["holds"], *shown["gaps"]))
    assert {one["class"] for one in shown["holds"]} <= {"letter", "digit", "space", "correction", "other"}
    assert {"from", "to"} <= set(shown["gaps"][0])
    assert [(one["profile"], one["n_samples"], one["reason"]) for one in shown["history"]] == [
        (2, 4, "enrolled"),
        (1, 3, "enrolled"),
    ]


def test_of_nobody_there_is_no_profile(client: Client) -> None:
    answer = client.request("GET", "/profile?user_id=nobody")

    assert answer.status_code == 404
    assert "enrol" in answer.json()["mend"]


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"presses_ms": [0.0], "releases_ms": [1.0], "classes": ["letter"]}, 422, "Type 9 keys more"),
        ({"classes": ["letter"]}, 422, "1 classes"),
        ({"corrections": 500}, 422, "corrections is 500"),
        ({"local_hour": 24}, 422, "local_hour"),
        ({"keys": ["a"]}, 422, "keys"),
        ({"text": "secret"}, 422, "text"),
        ({"other": 1}, 422, "other"),
    ],
)
def test_a_session_that_cannot_be_is_refused(
    client: Client, sessions: Any, change: dict[str, Any], status: int, words: str
) -> None:
    session = sessions[0] | {"corrections": sessions[0]["classes"].count("correction")} | change

    for path, body in (("/enrol", {"sessions": [session]}), ("/verify", {"session": session})):
        answer = client.post(path, {"user_id": "zoe", **body})
        assert answer.status_code == status
        assert words in answer.text
        assert "secret" not in answer.text


def test_with_keys_enrolling_takes_operate_and_verifying_takes_predict(home: Path, sessions: Any) -> None:
    client = Client(home, operator_key="s3cret")
    asked = {
        "/enrol": {"user_id": "key", "sessions": sessions[:3]},
        "/verify": {"user_id": "key", "session": sessions[4]},
        "/confirm": {"prediction_id": "0-0"},
        "/revert": {"user_id": "key", "profile": 1},
    }

    without = [client.post(path, body).status_code for path, body in asked.items()]
    without.append(client.request("GET", "/profile?user_id=key").status_code)
    with_one = [client.post(path, body, **{"x-api-key": "s3cret"}).status_code for path, body in asked.items()]
    client.close()

    assert without == [401] * 5
    assert with_one == [200, 200, 404, 409]


def test_a_key_that_may_predict_may_not_change_who_is_accepted(home: Path, sessions: Any, tmp_path: Path) -> None:
    own = shutil.copytree(home, tmp_path / "home")  # where a key was made, one is asked for ever after
    folder = open_folder(own)
    secret = create_key(folder.state, "page", ["predict"], actor="test", now=NOW).secret
    folder.close()
    client = Client(own)
    key = {"x-api-key": secret}

    refused = [
        client.post("/enrol", {"user_id": "key", "sessions": sessions[:3]}, **key),
        client.post("/confirm", {"prediction_id": "0-0"}, **key),
        client.post("/revert", {"user_id": "key", "profile": 1}, **key),
        client.request("GET", "/profile?user_id=key", **key),
        client.request("POST", "/v1/forget", {"entity": "key"}, **key),
    ]
    asked = client.post("/verify", {"user_id": "nobody", "session": sessions[4]}, **key)
    client.close()

    assert [one.status_code for one in refused] == [403] * 5
    assert asked.status_code == 422


def test_after_forgetting_nobody_is_enrolled_and_nothing_of_them_is_served(home: Path, sessions: Any) -> None:
    client = Client(home)
    enrol(client, "somebody-to-be-forgotten", sessions[:3])
    client.post("/verify", {"user_id": "somebody-to-be-forgotten", "session": sessions[4]})

    told = client.request("POST", "/v1/forget", {"entity": "somebody-to-be-forgotten"})
    verified = client.post("/verify", {"user_id": "somebody-to-be-forgotten", "session": sessions[5]})
    client.close()

    assert told.status_code == 200, told.text
    assert told.json()["removed"]["profile"] == 1
    assert told.json()["removed"]["prediction"] == 1
    assert verified.status_code == 422
    folder = open_folder(home)
    again = forget(folder, "somebody-to-be-forgotten", actor="test", now=NOW)
    folder.close()
    assert set(again.removed.values()) == {0}
