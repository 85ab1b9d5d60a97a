import asyncio
import hashlib
import json
import secrets
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serve.rsgi_transport import RsgiTransport

from telltale.apps.personhood import APP, AVERAGES
from telltale.contract.simulation import Simulation
from telltale.registry.registry import Registry
from telltale.serve.edge import open_edge
from telltale.serve.routes.application import make_application
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked
from telltale.train.version import train_version

NOW = datetime(2024, 12, 1, tzinfo=UTC)
DID = "0x" + "0123456789abcdef" * 4
PERSON = {
    "typing_speed_wpm": 65,
    "avg_key_hold_time_ms": 120,
    "avg_transition_time_ms": 185,
    "error_rate_percent": 3,
    "activity_hour_preference": 14,
}
SCRIPT = PERSON | {
    "typing_speed_wpm": 900,
    "avg_key_hold_time_ms": 1,
    "avg_transition_time_ms": 13,
    "error_rate_percent": 0,
}

Post = Callable[[object], httpx.Response]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a version of `averages` is promoted, and a second one is registered that decides otherwise."""
    scratch = tmp_path_factory.mktemp("personhood")
    checked = check_simulated(APP, "averages", Simulation(n_rows=2_000))
    rows = rows_from_checked("simulated", checked, AVERAGES, where="test")
    for number, seed in ((1, 0), (2, 1)):
        trained = train_version(
            APP,
            AVERAGES,
            rows,
            TrainingChoices(estimator="logistic_regression", seed=seed, parameters={"lambda_reg": 10.0**-number}),
            directory=scratch / str(number),
            progress=lambda *_: None,
        )
        register(scratch, trained)
    promote(scratch / "home", 1)
    return scratch / "home"


class Client:
    """Requests to `/predict` of the whole application, without a socket."""

    def __init__(self, home: Path, **settings: Any) -> None:
        told: dict[str, Any] = {"apps": ("telltale.apps.personhood:APP",), "flush_s": 0.05, **settings}
        self.edge = open_edge(ServeSettings(home=str(home), **told))
        self.edge.start()
        self._transport = RsgiTransport(make_application(self.edge))
        self._runner = asyncio.Runner()

    def post(self, *bodies: object, path: str = "/predict") -> list[httpx.Response]:
        """All at once."""

        async def send() -> list[httpx.Response]:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1:8000") as client:
                kind = {"content-type": "application/json"}
                encoded = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
                return await asyncio.gather(*(client.post(path, content=one, headers=kind) for one in encoded))

        return self._runner.run(send())

    def close(self) -> None:
        self.edge.close()
        self._runner.close()


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[Client]:
    opened = Client(home)
    yield opened
    opened.close()


@pytest.fixture
def post(client: Client) -> Post:
    """One request, its answer."""
    return lambda body: client.post(body)[0]


@pytest.fixture
def did() -> str:
    """Of somebody nobody asked for yet."""
    return f"0x{secrets.token_hex(32)}"


def register(scratch: Path, trained: Any) -> None:
    folder = open_folder(scratch / "home")
    Registry(folder.state, folder.artifacts).register(
        "personhood",
        "averages",
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
    folder.close()


def promote(home: Path, number: int) -> None:
    folder = open_folder(home)
    registry = Registry(folder.state, folder.artifacts)
    registry.promote("personhood", "averages", number, actor="test", reason="test", now=NOW)
    folder.close()


def test_a_session_is_answered_under_the_promised_names(post: Post) -> None:
    reply = post({"did": DID, "features": PERSON})

    assert reply.status_code == 200
    answer = reply.json()
    assert set(answer) == {
        "did",
        "pattern_hash",
        "confidence",
        "score",
        "personhood_score",
        "is_legitimate",
        "threshold",
        "model_version",
        "prediction_id",
    }
    assert answer["did"] == DID
    assert answer["model_version"] == 1
    assert answer["is_legitimate"] == (answer["score"] >= answer["threshold"])
    assert answer["confidence"] == answer["personhood_score"] == round(100 * answer["score"])
    assert isinstance(answer["confidence"], int)


def test_a_script_has_a_lower_confidence_than_a_person(client: Client, did: str) -> None:
    person, script = (one.json() for one in client.post(*({"did": did, "features": one} for one in (PERSON, SCRIPT))))

    assert script["confidence"] < person["confidence"]
    assert not script["is_legitimate"]
    assert script["pattern_hash"] != person["pattern_hash"]


def test_asked_again_the_answer_is_the_same_to_the_last_character(client: Client, did: str) -> None:
    first = client.post({"did": did, "features": PERSON})[0]
    again = client.post(*[{"did": did, "features": PERSON}] * 3)

    assert {one.content for one in again} == {first.content}


def test_asked_again_under_another_champion_the_answer_is_that_of_the_first(home: Path, did: str) -> None:
    client = Client(home)
    asked = {"did": did, "features": PERSON | {"avg_key_hold_time_ms": 60}}
    first = client.post(asked)[0]
    promote(home, 2)
    client.edge.versions.refresh()

    again, other = client.post(asked, asked | {"did": f"0x{secrets.token_hex(32)}"})
    client.close()
    restarted = Client(home)
    later = restarted.post(asked)[0]
    restarted.close()
    promote(home, 1)

    assert again.content == later.content == first.content
    assert (first.json()["model_version"], other.json()["model_version"]) == (1, 2)
    assert first.json()["score"] != other.json()["score"]


def test_many_who_ask_first_at_once_get_one_answer_and_one_prediction_is_logged(home: Path, did: str) -> None:
    clients = [Client(home) for _ in range(2)]
    asked = [{"did": did, "features": PERSON}] * 100

    answers = clients[0].post(*asked)
    with ThreadPoolExecutor(2) as threads:  # another question, by two processes' worth of servers at once
        other = [{"did": did, "features": SCRIPT}] * 100
        both = [one for answered in threads.map(lambda client: client.post(*other), clients) for one in answered]
    for client in clients:
        client.close()

    assert len({one.content for one in answers}) == 1
    assert len({one.content for one in both}) == 1
    assert {one.status_code for one in (*answers, *both)} == {200}
    folder = open_folder(home)
    n_first = folder.events.fetch("SELECT count(*) FROM prediction WHERE id = ?", (answers[0].json()["prediction_id"],))
    n_all = folder.events.fetch("SELECT count(*) FROM prediction WHERE entity = ?", (did,))
    folder.close()
    assert n_first == [(1,)]
    assert n_all[0][0] in {2, 3}  # of two servers that answer first at once, one's answer is told by both


def test_what_was_told_is_on_disk_before_it_is_told(home: Path, client: Client, did: str) -> None:
    answer = client.post({"did": did, "features": PERSON})[0]

    folder = open_folder(home)
    kept = folder.events.fetch("SELECT confidence, answer FROM confidence WHERE entity = ?", (did,))
    folder.close()
    assert [(number, json.loads(text)["sent"]) for number, text in kept] == [
        (answer.json()["confidence"], answer.json())
    ]


def test_without_room_on_the_disk_nothing_is_told_and_later_it_is_answered(home: Path, did: str) -> None:
    client = Client(home, flush_s=60.0)

    def limit_pages(n: int | None) -> None:
        with client.edge.folder.events.write() as connection:
            n = n or connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {n}")

    limit_pages(None)
    many = [{"did": f"0x{secrets.token_hex(32)}", "features": PERSON} for _ in range(60)]
    refused = client.post(*many, *[{"did": did, "features": PERSON}] * 2)[-2:]
    limit_pages(2**31)

    answered = client.post({"did": did, "features": PERSON})[0]
    client.close()

    assert {one.status_code for one in refused} == {503}
    assert refused[0].headers["retry-after"]
    assert answered.status_code == 200


def test_a_hash_of_the_askers_own_names_the_answer(client: Client, did: str) -> None:
    own = f"0x{secrets.token_hex(32)}"

    first, again = (client.post({"did": did, "features": PERSON, "pattern_hash": own})[0] for _ in range(2))

    assert first.json()["pattern_hash"] == own
    assert again.content == first.content


def test_a_hash_that_came_with_other_values_is_refused(client: Client, did: str) -> None:
    asked = {"did": did, "features": PERSON, "pattern_hash": f"0x{secrets.token_hex(32)}"}
    first = client.post(asked)[0]

    other, again = client.post(asked | {"features": SCRIPT}, asked)

    assert other.status_code == 409
    assert "Send the values that it was first sent with" in other.json()["mend"]
    assert again.content == first.content


def test_two_with_one_hash_and_different_values_at_once_get_one_answer_and_one_refusal(
    client: Client, did: str
) -> None:
    asked = {"did": did, "pattern_hash": f"0x{secrets.token_hex(32)}"}

    answers = client.post(*(asked | {"features": one} for one in (PERSON, SCRIPT)))

    assert sorted(one.status_code for one in answers) == [200, 409]


def test_a_did_in_capitals_is_the_same_did(client: Client, did: str) -> None:
    small, large = client.post(*({"did": one, "features": PERSON} for one in (did, f"0x{did[2:].upper()}")))

    assert small.content == large.content


def test_values_that_are_the_same_number_are_the_same_pattern(client: Client, did: str) -> None:
    whole, broken, minus = client.post(
        {"did": did, "features": PERSON | {"error_rate_percent": 0}},
        {"did": did, "features": PERSON | {"error_rate_percent": 0.0}},
        b'{"did": "%b", "features": %b}'
        % (did.encode(), json.dumps(PERSON | {"error_rate_percent": 0}).replace(": 0,", ": -0.0,").encode()),
    )

    assert whole.content == broken.content == minus.content


def test_the_pattern_is_the_hash_that_the_documentation_says(client: Client, did: str) -> None:
    answer = client.post({"did": did, "features": PERSON})[0].json()

    packed = b"".join(struct.pack(">d", float(value)) for value in PERSON.values())
    assert answer["pattern_hash"] == f"0x{hashlib.sha256(packed).hexdigest()}"


def test_a_field_that_could_hold_content_is_refused_by_name(post: Post, did: str) -> None:
    reply = post({"did": did, "features": PERSON, "keys": "secret"})

    assert reply.status_code == 422
    assert "keys" in reply.text
    assert "secret" not in reply.text


@pytest.mark.parametrize("pattern", ["", "0x12", "0x" + "g" * 64, "1" * 66, 7])
def test_what_is_no_hash_is_refused(post: Post, did: str, pattern: object) -> None:
    reply = post({"did": did, "features": PERSON, "pattern_hash": pattern})

    assert reply.status_code == 422
    assert "pattern_hash" in reply.text


@pytest.mark.parametrize(
    "did",
    [
        *("", "0x12", "0x" + "g" * 64, "1" * 66, "0x" + "1" * 65, "0x" + "1" * 63, "0X" + "1" * 64, " 0x" + "1" * 64),
        *("0x" + "1" * 64 + "\n", "did:0x" + "1" * 64, "0x" + "\u0661" * 64, 7, None, ["0x" + "1" * 64]),
    ],
)
def test_what_is_no_did_is_refused(post: Post, did: object) -> None:
    reply = post({"did": did, "features": PERSON})

    assert reply.status_code == 422
    assert "did" in reply.text


@pytest.mark.parametrize(
    ("name", "value"), [("typing_speed_wpm", None), ("avg_key_hold_time_ms", "long"), ("activity_hour_preference", 24)]
)
def test_a_feature_that_cannot_be_is_refused_by_name(post: Post, name: str, value: object) -> None:
    reply = post({"did": DID, "features": PERSON | {name: value}})

    assert reply.status_code == 422
    assert name in reply.text


def test_a_feature_that_is_missing_is_refused_by_name(post: Post) -> None:
    features = {name: value for name, value in PERSON.items() if name != "error_rate_percent"}

    reply = post({"did": DID, "features": features})

    assert reply.status_code == 422
    assert "error_rate_percent" in reply.text
