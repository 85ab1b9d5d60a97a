"""Two versions on the same traffic: each answer is the whole answer of one of them, whatever way it was asked for."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.serve.live.moves import begin, promote
from tests.serve.predict.arrow_streams import KIND, answers, stream, table_of

from telltale.serve.settings import ServeSettings
from telltale.train.version import Trained

PREDICT = "/v1/helios/anomaly/predict"
Row = dict[str, Any]
Register = Callable[[Path, Trained], None]
_NAMES = [f"service-{number}" for number in range(40)]


def _known(answer: Row) -> Row:
    """What depends on the version alone."""
    return {name: value for name, value in answer.items() if name not in {"prediction_id", "role"}}


def _rows(row: Row) -> list[Row]:
    start = datetime(2024, 1, 3, 14, 30, tzinfo=UTC)
    return [
        row
        | {
            "service": name,
            "event_count": 1000 + 37 * at,
            "error_rate": 0.4 if at % 5 == 0 else 0.01,
            "timestamp": (start + timedelta(hours=at)).isoformat(),
        }
        for at, name in enumerate(_NAMES)
    ]


def _single(client: Any, rows: Sequence[Row]) -> list[Row]:
    return [client.post(PREDICT, row).json() for row in rows]


def _explained(client: Any, rows: Sequence[Row]) -> list[Row]:
    return [client.post(PREDICT, row | {"explain": True}).json() for row in rows]


def _windows(client: Any, rows: Sequence[Row]) -> list[Row]:
    return [client.post(PREDICT, {"rows": [row, row, row | {"event_count": 5}]}).json() for row in rows]


def _batch(client: Any, rows: Sequence[Row]) -> list[Row]:
    body = "\n".join(json.dumps(row) for row in rows).encode()
    return [json.loads(line) for line in client.post(f"{PREDICT}:batch", body).text.splitlines()]


def _stored(client: Any, rows: Sequence[Row]) -> list[Row]:
    return [client.post(PREDICT, {"service": row["service"]}).json() for row in rows]


def _events(client: Any, rows: Sequence[Row]) -> list[Row]:
    told = [client.post("/v1/helios/events?score=true", row | {"timestamp": _later(row)}) for row in rows]
    return [prediction for answer in told for prediction in answer.json()["predictions"]]


def _later(row: Row) -> str:
    return (datetime.fromisoformat(row["timestamp"]) + timedelta(days=30)).isoformat()


_WAYS = [_single, _explained, _windows, _batch, _stored, _events]


def _store(client: Any, row: Row) -> None:
    start = datetime(2024, 1, 3, tzinfo=UTC)
    for name in _NAMES:
        rows = [
            row
            | {"service": name, "timestamp": (start + timedelta(minutes=5 * at)).isoformat(), "event_count": 900 + at}
            for at in range(40)
        ]
        assert client.post("/v1/helios/events", rows).status_code == 200


@pytest.fixture
def versions(home: Path, register: Register, narrow: Trained) -> None:
    register(home, narrow)


@pytest.mark.parametrize("way", _WAYS, ids=lambda way: way.__name__.strip("_"))
@pytest.mark.parametrize("rival", [2, 3])
@pytest.mark.usefixtures("versions")
def test_each_answer_is_what_its_version_gives_alone(
    client: Any, home: Path, row: Row, way: Callable[[Any, Sequence[Row]], list[Row]], rival: int
) -> None:
    _store(client, row)
    rows = _rows(row)
    alone = {}
    for version in (rival, 1):
        if version != client.edge.place("helios", "anomaly").required().served.version:
            promote(home, version)
            client.edge.versions.refresh()
        alone[version] = [_known(answer) for answer in way(client, rows)]
    begin(home, rival, (50,))
    client.edge.versions.refresh()

    told = way(client, rows)

    assert {answer["version"] for answer in told} == {1, rival}
    assert {(answer["version"], answer["role"]) for answer in told} == {(1, "champion"), (rival, "challenger")}
    for at, answer in enumerate(told):
        assert _known(answer) == alone[answer["version"]][at]
    client.edge.log.flush()
    logged = dict(client.edge.folder.events.fetch("SELECT id, version FROM prediction"))
    assert all(logged[answer["prediction_id"]] == answer["version"] for answer in told)


def test_an_entity_has_the_same_version_in_every_way_of_asking(client: Any, home: Path, row: Row) -> None:
    _store(client, row)
    begin(home, 2, (50,))
    client.edge.versions.refresh()

    by_way = [[answer["version"] for answer in way(client, _rows(row))] for way in _WAYS]

    assert all(versions == by_way[0] for versions in by_way)


def test_a_row_without_an_entity_has_the_same_answer_when_it_is_sent_again(client: Any, home: Path, row: Row) -> None:
    begin(home, 2, (50,))
    client.edge.versions.refresh()
    rows = [{name: value for name, value in one.items() if name != "service"} for one in _rows(row)]

    first, second = _single(client, rows), _single(client, rows)

    assert {answer["version"] for answer in first} == {1, 2}
    assert [_known(answer) for answer in first] == [_known(answer) for answer in second]


def test_the_inference_protocol_and_arrow_stay_with_the_champion(client: Any, home: Path, row: Row) -> None:
    begin(home, 2, (50,))
    client.edge.versions.refresh()
    rows = _rows(row)
    names = [name for name in row if name not in {"timestamp", "service"}]
    inputs = [
        {"name": name, "shape": [len(rows)], "datatype": "FP64", "data": [float(one[name]) for one in rows]}
        for name in names
    ]

    told = client.post("/v2/models/helios.anomaly/infer", {"inputs": inputs}).json()
    arrow = client.post(f"{PREDICT}:batch", stream(table_of(rows)), **KIND)

    assert told["model_version"] == "1"
    assert {answer["version"] for answer in answers(arrow.content)} == {1}
    client.edge.log.flush()
    assert client.edge.folder.events.fetch("SELECT DISTINCT version FROM prediction") == [(1,)]


def test_a_challenger_that_breaks_fails_its_own_entities_alone_and_is_counted(
    client: Any, home: Path, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(home, 2, (50,))
    client.edge.versions.refresh()
    live = client.edge.place("helios", "anomaly").required()
    monkeypatch.setattr(live.rival.live.runtime, "answer_row", lambda *_, **__: 1 / 0)

    statuses = [client.post(PREDICT, one).status_code for one in _rows(row)]

    assert set(statuses) == {200, 500}
    client.edge.log.flush()
    counted = client.edge.folder.events.fetch(
        "SELECT version, sum(n_answered), sum(n_failed) FROM service_minute GROUP BY version ORDER BY version"
    )
    assert counted == [(1, statuses.count(200), 0), (2, 0, statuses.count(500))]
    labels = 'app="helios",role="challenger",task="anomaly",version="2"'
    assert f"telltale_failures_total{{{labels}}} {statuses.count(500)}.0" in client.get("/metrics").text


def test_what_the_client_got_wrong_is_not_counted_as_failed(client: Any, row: Row) -> None:
    bodies: list[Row] = [{}, row | {"error_rate": 2}, {"service": "nobody"}, {"rows": []}]
    for body in bodies:
        assert client.post(PREDICT, body).status_code == 422

    client.edge.log.flush()
    assert client.edge.folder.events.fetch("SELECT * FROM service_minute") == []


def test_requests_that_find_no_version_are_counted_under_none(
    open_client: Callable[..., Any], damage: Callable[[int], None], row: Row
) -> None:
    damage(1)
    client = open_client()
    for _ in range(3):
        assert client.post(PREDICT, row).status_code == 503
    assert client.post(f"{PREDICT}:batch", row).status_code == 503
    assert client.get("/readyz").status_code == 503

    client.edge.log.flush()
    counted = client.edge.folder.events.fetch(
        "SELECT version, sum(n_answered), sum(n_failed) FROM service_minute GROUP BY version"
    )
    assert counted == [(0, 0, 4)]


def test_arrow_rows_are_counted_though_they_are_not_logged(client: Any, row: Row) -> None:
    client.post(f"{PREDICT}:batch", stream(table_of(_rows(row))), **KIND)
    client.post(PREDICT, row)

    client.edge.log.flush()
    counted = client.edge.folder.events.fetch(
        "SELECT version, sum(n_answered), sum(n_unlogged) FROM service_minute GROUP BY version"
    )
    assert counted == [(1, len(_NAMES) + 1, len(_NAMES))]


def test_queries_are_split_by_entity(
    open_client: Callable[..., Any], shop_settings: ServeSettings, shop_bundles: list[Trained], register: Register
) -> None:
    home = Path(shop_settings.home)
    register(home, next(one for one in shop_bundles if one.manifest.task == "next"))
    begin(home, 2, (50,), task="shop/next")
    client = open_client(shop_settings)

    def ask() -> list[Row]:
        return [client.post("/v1/shop/next/predict", {"user_id": number}).json() for number in range(40)]

    first, second = ask(), ask()

    assert {(answer["version"], answer["role"]) for answer in first} == {(1, "champion"), (2, "challenger")}
    assert [_known(answer) for answer in first] == [_known(answer) for answer in second]


def test_what_was_stored_since_counts_whichever_version_decides(
    open_client: Callable[..., Any], shop_settings: ServeSettings, shop_bundles: list[Trained], register: Register
) -> None:
    home = Path(shop_settings.home)
    register(home, next(one for one in shop_bundles if one.manifest.task == "next"))
    begin(home, 2, (50,), task="shop/next")
    client = open_client(shop_settings)
    stamp, path = "2024-06-01T00:00:00Z", "/v1/shop/events/taken"
    rows = [{"timestamp": stamp, "user_id": f"new-{number}", "item": "i0", "n": 1.0} for number in range(20)]
    assert client.post(path, rows).status_code < 300

    told = [client.post("/v1/shop/next/predict", {"user_id": row["user_id"], "top_k": 100}).json() for row in rows]

    assert {answer["version"] for answer in told} == {1, 2}
    assert all("i0" not in {one["item"] for one in answer["items"]} for answer in told)
    assert all(len(answer["items"]) == 9 for answer in told)
