"""The second answer: the other version's own, behind the first, which never waits for it nor fails by it."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.serve.live.moves import begin, promote

from telltale.monitor.shadow_log import shadow_report
from telltale.serve.live.shadow_scorer import ShadowScorer
from telltale.serve.settings import ServeSettings
from telltale.train.version import Trained

PREDICT = "/v1/helios/anomaly/predict"
Row = dict[str, Any]
Register = Callable[[Path, Trained], None]


def _bodies(row: Row) -> list[Row]:
    """Of every kind; the last asks for what is stored."""
    strange = row | {"error_rate": 0.4, "p99_latency_ms": 4000}
    return [
        *(row | {"event_count": 900 + n, "service": f"s{n}"} for n in range(20)),
        strange,
        row | {"explain": True},
        {"rows": [row, strange]},
        {name: value for name, value in row.items() if name != "service"},
        {"service": "kept"},
    ]


def _store(client: Any, row: Row) -> None:
    start = datetime(2024, 1, 3, tzinfo=UTC)
    rows = [
        row | {"service": "kept", "timestamp": (start + timedelta(minutes=5 * at)).isoformat(), "event_count": 900 + at}
        for at in range(40)
    ]
    assert client.post("/v1/helios/events", rows).status_code == 200


def _answers(client: Any, row: Row) -> list[Row]:
    return [client.post(PREDICT, body).json() for body in _bodies(row)]


def _flush(client: Any) -> None:
    client.edge.shadows.flush()
    client.edge.log.flush()


def _scores(client: Any, version: int) -> list[tuple[Any, ...]]:
    """Scores of a version by order of the requests, decided or in the shadow."""
    _flush(client)
    found: list[tuple[Any, ...]] = client.edge.folder.events.fetch(
        "SELECT score, decision, threshold FROM ("
        "SELECT id, version, score, decision, threshold FROM prediction "
        "UNION ALL SELECT prediction_id, version, score, decision, threshold FROM shadow) AS answers "
        "WHERE version = ? ORDER BY id",
        (version,),
    )
    return found


@pytest.fixture
def home_of_three(home: Path, register: Register, narrow: Trained) -> Path:
    """Beside the two versions a third, which reads fewer columns."""
    register(home, narrow)
    return home


@pytest.mark.parametrize("rival", [2, 3])
def test_answers_with_a_shadow_are_those_without_but_for_their_ids(
    client: Any, home_of_three: Path, row: Row, rival: int
) -> None:
    _store(client, row)
    before = _answers(client, row)
    begin(home_of_three, rival, (0,))
    client.edge.versions.refresh()

    for first, second in zip(before, _answers(client, row), strict=True):
        assert first | {"prediction_id": ""} == second | {"prediction_id": ""}


@pytest.mark.parametrize("rival", [2, 3])
@pytest.mark.parametrize("percent", [0, 50])
def test_a_second_answer_is_what_the_other_version_would_have_decided(
    client: Any, home_of_three: Path, row: Row, rival: int, percent: int
) -> None:
    home = home_of_three
    _store(client, row)
    promote(home, rival)
    client.edge.versions.refresh()
    _answers(client, row)
    alone = _scores(client, rival)
    promote(home, 1)
    client.edge.versions.refresh()
    _answers(client, row)
    of_champion = _scores(client, 1)
    with client.edge.folder.events.write() as connection:
        connection.exec_driver_sql("DELETE FROM prediction")
    begin(home, rival, (percent,))
    client.edge.versions.refresh()

    _answers(client, row)

    assert len(alone) == len(_bodies(row))
    assert _scores(client, rival) == [pytest.approx(told) for told in alone]
    assert _scores(client, 1) == [pytest.approx(told) for told in of_champion]
    in_shadow = client.edge.folder.events.fetch("SELECT DISTINCT version FROM shadow ORDER BY version")
    assert in_shadow == ([(rival,)] if percent == 0 else [(1,), (rival,)])


def test_a_shadow_that_raises_fails_no_answer_and_is_counted(
    client: Any, home: Path, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    _shadowed_by(client, home, monkeypatch, lambda *_, **__: 1 / 0)

    assert {client.post(PREDICT, body | {"explain": True}).status_code for body in _bodies(row)[:20]} == {200}
    _flush(client)
    counted = client.edge.folder.events.fetch(
        "SELECT version, sum(n_answered), sum(n_failed), sum(n_shadowed), sum(n_shadow_failed) "
        "FROM service_minute GROUP BY version ORDER BY version"
    )
    assert counted == [(1, 20, 0, 0, 0), (2, 0, 0, 0, 20)]


def test_one_request_that_breaks_a_shadow_costs_the_others_nothing(
    client: Any, home: Path, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(home, 2, (0,))
    client.edge.versions.refresh()
    runtime = client.edge.place("helios", "anomaly").required().rival.live.runtime
    answer = runtime.answer_rows

    def breaks_for_one(rows: Any) -> Any:
        return 1 / 0 if any(entity == "s3" for _, _, entity, _ in rows) else answer(rows)

    monkeypatch.setattr(runtime, "answer_rows", breaks_for_one)
    for body in _bodies(row)[:20]:
        client.post(PREDICT, body)
    _flush(client)

    assert client.edge.folder.events.fetch("SELECT count(*) FROM shadow") == [(19,)]


@pytest.mark.slow
def test_a_slow_shadow_slows_no_answer_and_what_is_too_much_is_dropped_and_told(
    client: Any, home: Path, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.edge.shadows, "_capacity", 30)
    _shadowed_by(client, home, monkeypatch, _after(0.5))

    began_s = time.monotonic()
    statuses = {client.post(PREDICT, row).status_code for _ in range(100)}
    took_s = time.monotonic() - began_s

    assert statuses == {200}
    assert took_s < 5  # a hundred second answers one by one would take 50
    told = client.get("/health").json()
    assert told["shadows_dropped"] >= 30  # of a hundred thirty wait, and some are being answered
    assert told["shadows_dropped"] + told["shadows_waiting"] <= 100


@pytest.mark.slow
def test_the_end_waits_no_longer_than_a_moment_for_second_answers(
    open_client: Callable[..., Any], home: Path, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = open_client()
    _shadowed_by(client, home, monkeypatch, _after(0.1))
    for _ in range(100):
        client.post(PREDICT, row)

    began_s = time.monotonic()
    client.edge.shadows.close()

    assert time.monotonic() - began_s < 2.0


def test_the_end_writes_what_takes_no_longer(open_client: Callable[..., Any], home: Path, row: Row) -> None:
    client = open_client()
    begin(home, 2, (0,))
    client.edge.versions.refresh()
    for _ in range(50):
        client.post(PREDICT, row)
    client.edge.shadows.close()

    assert client.edge.folder.events.fetch("SELECT count(*) FROM shadow") == [(50,)]


def test_the_thread_answers_and_writes_by_itself(client: Any, home: Path, row: Row) -> None:
    begin(home, 2, (0,))
    client.edge.versions.refresh()
    client.post(PREDICT, row)

    give_up_s = time.monotonic() + 10
    while client.get("/health").json()["shadows_answered"] == 0:
        assert time.monotonic() < give_up_s
        time.sleep(0.02)


def test_without_a_release_there_is_no_thread_for_it(open_client: Callable[..., Any]) -> None:
    before = {*threading.enumerate()}
    open_client()

    assert "shadows" not in {thread.name for thread in {*threading.enumerate()} - before}


def test_figures_and_report_tell_second_answers_from_decisions(client: Any, home: Path, row: Row) -> None:
    begin(home, 2, (0,))
    client.edge.versions.refresh()
    for body in _bodies(row)[:20]:
        client.post(PREDICT, body)
    _flush(client)

    page = client.get("/metrics").text
    for version, role in ((1, "champion"), (2, "shadow")):
        labels = f'app="helios",role="{role}",task="anomaly",version="{version}"'
        assert f"telltale_predictions_total{{{labels}}} 20.0" in page
    span = {"since": datetime(2020, 1, 1, tzinfo=UTC), "until": datetime(2100, 1, 1, tzinfo=UTC)}
    told = shadow_report(client.edge.folder.events, "helios", "anomaly", version=2, **span)
    assert (told.n, told.n_failed) == (20, 0)
    assert told.agreement == 1.0
    assert told.mean_ms is not None
    assert 0 < told.mean_ms < 50


_ASKED: dict[str, list[Row]] = {
    "alarm": [
        {"device": "sw-1", "load": 100.0 + n, "heat": None, "timestamp": "2024-01-09T00:00:00Z"} for n in range(5)
    ],
    "habits": [{"user_id": n, "logins": 3 + n, "orders": 1} for n in range(5)],
    "channel": [{"user_id": n, "logins": 3 + n, "orders": 1} for n in range(5)],
    "next": [{"user_id": n} for n in range(5)],
    "trend": [{"series": "north", "horizon": n} for n in range(1, 6)],
}


@pytest.mark.parametrize("task", _ASKED)
def test_every_kind_of_task_is_answered_twice(
    open_client: Callable[..., Any],
    shop_settings: ServeSettings,
    shop_bundles: list[Trained],
    register: Register,
    task: str,
) -> None:
    home = Path(shop_settings.home)
    register(home, next(one for one in shop_bundles if one.manifest.task == task))
    begin(home, 2, (0,), task=f"shop/{task}")
    client = open_client(shop_settings)
    for body in _ASKED[task]:
        assert client.post(f"/v1/shop/{task}/predict", body).status_code == 200
    _flush(client)

    # Both are of the same files.
    rows = client.edge.folder.events.fetch(
        "SELECT s.version, s.answer IS NOT DISTINCT FROM p.answer, s.score IS NOT DISTINCT FROM p.score, s.decision IS NOT DISTINCT FROM p.decision "
        "FROM shadow s JOIN prediction p ON p.id = s.prediction_id"
    )
    assert rows == [(2, 1, 1, 1)] * 5
    span = {"since": datetime(2020, 1, 1, tzinfo=UTC), "until": datetime(2100, 1, 1, tzinfo=UTC)}
    told = shadow_report(client.edge.folder.events, "shop", task, version=2, **span)
    assert (told.n, told.agreement) == (5, None if task == "trend" else 1.0)


def test_queries_are_not_answered_twice_where_the_rival_decides_some(
    open_client: Callable[..., Any], shop_settings: ServeSettings, shop_bundles: list[Trained], register: Register
) -> None:
    home = Path(shop_settings.home)
    register(home, next(one for one in shop_bundles if one.manifest.task == "next"))
    begin(home, 2, (50,), task="shop/next")
    client = open_client(shop_settings)
    for body in _ASKED["next"]:
        client.post("/v1/shop/next/predict", body)
    _flush(client)

    assert client.edge.folder.events.fetch("SELECT * FROM shadow") == []


def test_a_locked_database_costs_no_second_answer(
    client: Any, home: Path, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(home, 2, (0,))
    client.edge.versions.refresh()
    scorer: ShadowScorer = client.edge.shadows
    client.post(PREDICT, row)
    with client.edge.folder.events.write():
        monkeypatch.setattr("telltale.storage.sqlite_database.BUSY_TIMEOUT_S", 0.05)
        scorer.flush()
    scorer.flush()

    assert client.edge.folder.events.fetch("SELECT count(*) FROM shadow") == [(1,)]


def _after(seconds: float) -> Callable[..., Any]:
    def breaks(*_: object, **__: object) -> Any:
        time.sleep(seconds)
        return 1 / 0

    return breaks


def _shadowed_by(client: Any, home: Path, monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Any]) -> None:
    begin(home, 2, (0,))
    client.edge.versions.refresh()
    runtime = client.edge.place("helios", "anomaly").required().rival.live.runtime
    for name in ("answer_rows", "answer"):
        monkeypatch.setattr(runtime, name, answer)
