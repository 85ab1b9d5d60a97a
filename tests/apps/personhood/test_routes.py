import asyncio
import json
from collections.abc import Callable, Iterator
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
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    """Requests to `/predict` of the whole application, with a version of `averages` promoted, without a socket."""
    scratch = tmp_path_factory.mktemp("personhood")
    checked = check_simulated(APP, "averages", Simulation(n_rows=2_000))
    rows = rows_from_checked("simulated", checked, AVERAGES, where="test")
    trained = train_version(
        APP,
        AVERAGES,
        rows,
        TrainingChoices(estimator="logistic_regression"),
        directory=scratch / "bundle",
        progress=lambda *_: None,
    )
    promote(scratch, trained)
    edge = open_edge(ServeSettings(home=str(scratch / "home"), apps=("telltale.apps.personhood:APP",), flush_s=0.05))
    edge.start()
    transport = RsgiTransport(make_application(edge))

    async def send(body: object) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            content = json.dumps(body).encode()
            return await client.post("/predict", content=content, headers={"content-type": "application/json"})

    with asyncio.Runner() as runner:
        yield lambda body: runner.run(send(body))
    edge.close()


def promote(scratch: Path, trained: Any) -> None:
    folder = open_folder(scratch / "home")
    registry = Registry(folder.state, folder.artifacts)
    registry.register(
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
    registry.promote("personhood", "averages", 1, actor="test", reason="first", now=NOW)
    folder.close()


def test_a_session_is_answered_under_the_promised_names(post: Post) -> None:
    reply = post({"did": DID, "features": PERSON})

    assert reply.status_code == 200
    answer = reply.json()
    assert set(answer) == {
        "did",
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
    assert answer["personhood_score"] == round(100 * answer["score"])


def test_the_whole_number_is_the_same_every_time_and_a_script_has_a_lower_one(post: Post) -> None:
    again = {post({"did": DID, "features": PERSON}).json()["personhood_score"] for _ in range(3)}
    script = post({"did": DID, "features": SCRIPT}).json()

    assert len(again) == 1
    assert script["personhood_score"] < min(again)
    assert not script["is_legitimate"]
    assert isinstance(script["personhood_score"], int)


@pytest.mark.parametrize("did", ["", "0x12", "0x" + "g" * 64, "1" * 66, "0x" + "1" * 65, 7, None])
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
