"""What a version learns reaches the requests: told by feedback, learned by the worker, taken up by the server."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.serve.acting import APP

from telltale.contract.simulation import Simulation
from telltale.home import Home
from telltale.registry.learned import newest_learned
from telltale.retrain.duties import Desk
from telltale.retrain.learning import learn
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder

PREDICT = "/v1/house/where_to/predict"
ASKED = {"open_doors": ["north", "south"], "context": {"rain": 0.5}}
WHOSE = ("house", "where_to", 1)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    with Home(open_folder(tmp_path / "house"), {"house": APP}) as home:
        home.train("house/where_to", simulation=Simulation(seed=1))
        home.promote("house/where_to", "1", actor="test", reason="first", override=True)
    return tmp_path / "house"


@pytest.fixture
def client(open_client: Callable[..., Any], house: Path) -> Any:
    return open_client(ServeSettings(home=str(house), apps=("tests.serve.acting:APP",), flush_s=0.05))


@pytest.fixture
def work(house: Path) -> Any:
    """One turn of the worker's duty, in a home opened anew as another process would."""

    def turn() -> None:
        with Home(open_folder(house), {"house": APP}) as home:
            learn(Desk(folder=home.folder, apps=home.apps), datetime.now(UTC))

    return turn


def asked(client: Any, body: object = None) -> dict[str, Any]:
    answer = client.post(PREDICT, ASKED if body is None else body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def tell(client: Any, prediction_id: str, **outcome: float) -> Any:
    return client.post("/v1/feedback", {"prediction_id": prediction_id, "outcome": outcome})


def test_what_is_told_of_an_action_is_learned_and_changes_what_is_done(client: Any, work: Callable[[], None]) -> None:
    first = asked(client)
    assert first["n_learned"] == 0
    assert first["action"]["door"] in ASKED["open_doors"]
    for _ in range(60):
        answer = asked(client, ASKED)
        failed = answer["action"]["door"] == "north"
        assert tell(client, answer["prediction_id"], opened=0 if failed else 1, took_s=3.0).status_code == 200

    work()
    client.edge.versions.refresh()

    after = [asked(client) for _ in range(30)]
    assert {answer["n_learned"] for answer in after} == {60}
    assert sum(answer["action"]["door"] == "south" for answer in after) >= 24


def test_an_outcome_is_stored_as_the_event_that_it_completes_and_once(client: Any) -> None:
    answer = asked(client, {"open_doors": ["west"], "rain": 0.25})

    for _ in range(2):
        assert tell(client, answer["prediction_id"], opened=1, took_s=7.5).json() == {"accepted": 1}

    rows = client.edge.folder.events.fetch('SELECT entity, "values", source FROM event')
    ((door, values, source),) = rows
    assert (door, source) == ("west", "feedback")
    for told in ('"took_s":7.5', '"opened":1.0', '"rain":0.25', '"open_doors":["west"]', '"propensity":1.0'):
        assert told in values


@pytest.mark.parametrize(
    ("outcome", "named"),
    [
        ({"took_s": 2.0}, "opened"),
        ({"opened": 1, "rain": 0.1}, "rain"),
        ({"opened": 7}, "opened"),
        ({}, "opened"),
    ],
)
def test_an_outcome_that_does_not_fit_is_refused_and_nothing_is_stored(
    client: Any, outcome: dict[str, float], named: str
) -> None:
    answer = tell(client, asked(client)["prediction_id"], **outcome)

    assert answer.status_code == 422
    assert named in answer.text
    assert client.edge.folder.events.fetch("SELECT count(*) FROM event") == [(0,)]


def test_an_outcome_of_nothing_or_with_more_beside_it_is_refused(client: Any) -> None:
    known = asked(client)["prediction_id"]

    assert tell(client, "nobody-s", opened=1).status_code == 404
    assert client.post("/v1/feedback", {"prediction_id": known}).status_code == 422
    for body in (
        {"outcome": {"opened": 1}},
        {"prediction_id": known, "outcome": {"opened": 1}, "label": 1},
        {"prediction_id": known, "outcome": {"opened": 1}, "entity": "x"},
    ):
        assert client.post("/v1/feedback", body).status_code == 400, body


def test_a_step_that_did_harm_is_taken_back_over_http_and_the_server_follows(
    client: Any, work: Callable[[], None]
) -> None:
    for turn in range(2):
        answer = asked(client)
        tell(client, answer["prediction_id"], opened=1, took_s=1.0 + turn)
        work()
    client.edge.versions.refresh()
    path = "/v1/versions/house/where_to/1/learned"

    steps = client.get(path).json()
    made = client.post(f"{path}/revert", {"step": 1}).json()

    assert [step["n_rows"] for step in steps] == [2, 1]
    assert (made["number"], made["reason"]) == (3, "reverted to 1")
    assert asked(client)["n_learned"] == 1
    assert client.post(f"{path}/revert", {"step": 9}).status_code == 404
    assert client.get("/v1/versions/house/where_to/7/learned").status_code == 404


def test_a_server_that_starts_knows_what_was_learned_before(
    client: Any, work: Callable[[], None], open_client: Callable[..., Any], house: Path
) -> None:
    tell(client, asked(client)["prediction_id"], opened=1, took_s=1.0)
    work()

    other = open_client(ServeSettings(home=str(house), apps=("tests.serve.acting:APP",), flush_s=0.05))

    assert asked(other)["n_learned"] == 1


@pytest.mark.sqlite
def test_a_broken_step_leaves_what_was_learned_before_serving(client: Any, work: Callable[[], None]) -> None:
    tell(client, asked(client)["prediction_id"], opened=1, took_s=1.0)
    work()
    client.edge.versions.refresh()
    with client.edge.folder.events.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO learned SELECT app, task, version, 2, x'00', n_rows, upto_id, made_us, actor, reason FROM learned"
        )

    client.edge.versions.refresh()

    assert asked(client)["n_learned"] == 1


def test_steps_removed_are_made_again_from_what_is_stored(client: Any, work: Callable[[], None], house: Path) -> None:
    for _ in range(3):
        tell(client, asked(client)["prediction_id"], opened=1, took_s=1.0)
    work()
    client.edge.versions.refresh()
    with client.edge.folder.events.write() as connection:
        connection.exec_driver_sql("DELETE FROM learned")
    client.edge.versions.refresh()
    assert asked(client)["n_learned"] == 0

    work()
    client.edge.versions.refresh()

    assert asked(client)["n_learned"] == 3
    with Home(open_folder(house), {"house": APP}) as home:
        assert newest_learned(home.folder.events, WHOSE) is not None


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"open_doors": []}, 400, "open_doors"),
        ({"open_doors": ["north", "north"]}, 400, "open_doors"),
        ({"open_doors": ["north"], "wind": 1}, 422, "wind"),
        ({"open_doors": ["north"], "context": {"wind": 1}}, 422, "wind"),
        ({"open_doors": ["north"], "context": {"rain": 1}, "rain": 0.5}, 422, "rain"),
        ({"open_doors": ["north"], "diary": "dear"}, 422, "diary"),
        ({"open_doors": ["north"], "context": {"diary": 1}}, 422, "diary"),
        ({"open_doors": "north"}, 422, "open_doors"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(client: Any, body: object, status: int, named: str) -> None:
    answer = client.post(PREDICT, body)

    assert (answer.status_code, named in answer.text) == (status, True), answer.text
