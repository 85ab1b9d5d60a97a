"""Rows decided by the thousand: to each the answer that it would have been given alone."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import msgspec
import pytest
from tests.serve.consume.consumers import bodies, body
from tests.serve.live.moves import begin, promote

from telltale.apps.helios.schema import METRICS
from telltale.contract.answer import ScoreAnswer
from telltale.serve.consume.broker import Delivery
from telltale.serve.consume.rows import MessageReader
from telltale.serve.consume.scoring import answer_stored, decide_rows, id_maker
from telltale.serve.edge import Edge, open_edge
from telltale.serve.live.live_task import LiveTask
from telltale.serve.predict.decide import decide_window
from telltale.serve.settings import ServeSettings
from telltale.storage.instants import from_us
from telltale.telemetry.event_rows import EventRow, origin_of, write_rows

_READER = MessageReader(METRICS)


@pytest.fixture
def edge(settings: ServeSettings) -> Iterator[Edge]:
    made = open_edge(settings)
    made.versions.refresh()
    yield made
    made.close()


def store(edge: Edge, sent: Sequence[bytes]) -> list[EventRow]:
    rows = _READER.read([Delivery(b"1", one) for one in sent]).rows
    origin = origin_of("helios", "metrics", source="test", now=datetime.now(UTC))
    with edge.folder.events.write() as connection:
        write_rows(connection, origin, rows)
    return rows


def live_of(edge: Edge) -> LiveTask:
    edge.versions.refresh()
    live = edge.place("helios", "anomaly").required()
    assert isinstance(live, LiveTask)
    return live


def alone(live: LiveTask, row: EventRow) -> tuple[float, bool, str, int]:
    """As `events?score=true` answers it."""
    item = live.windows.until(row[0], from_us(row[1]), row[2], where="")
    told = msgspec.to_builtins(decide_window(live, item, (0.0, perf_counter())))
    return told["score"], told["decision"], told["context"], len(told.get("reasons", ()))


def check(live: LiveTask, edge: Edge, rows: Sequence[EventRow]) -> None:
    answered = answer_stored(edge.folder.events, live, rows)
    for row, (values, answer) in zip(rows, answered, strict=True):
        assert isinstance(answer, ScoreAnswer)
        score, *rest = alone(live, row)
        assert answer.score == pytest.approx(score, abs=1e-6)
        assert [answer.decision, answer.context, len(answer.reasons)] == rest
        assert list(values) == [msgspec.json.decode(row[3])[name] for name in live.runtime.columns]


@pytest.mark.parametrize("version", [1, 2])
def test_each_row_is_answered_as_alone(home: Path, edge: Edge, version: int) -> None:
    if version > 1:
        promote(home, version)
    store(edge, bodies(400))

    check(live_of(edge), edge, store(edge, bodies(300, first=400)))


def test_one_row_of_each_entity_is_answered_as_alone(edge: Edge) -> None:
    store(edge, bodies(400))

    check(live_of(edge), edge, store(edge, bodies(20, first=400)))


def test_rows_that_come_late_are_answered_with_what_was_before_them(edge: Edge) -> None:
    sent = bodies(600)
    late = set(random.Random(1).sample(range(600), 60))
    store(edge, [one for place, one in enumerate(sent) if place not in late])

    check(live_of(edge), edge, store(edge, [sent[place] for place in sorted(late)]))


def test_rows_without_an_entity_and_of_other_columns_are_told_of(edge: Edge) -> None:
    rows = store(edge, [body(1, service=None), body(2), b'{"timestamp":1735689600,"service":"disk","load":1.5}'])
    answered = zip(rows, answer_stored(edge.folder.events, live_of(edge), rows), strict=True)
    answers = {row[0]: one.answer for row, one in answered}

    assert isinstance(answers[""], ScoreAnswer)
    assert isinstance(answers["svc-02"], ScoreAnswer)
    assert "are missing" in str(answers["disk"])


def test_a_model_that_fails_costs_the_rows_it_fails_on_alone(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = store(edge, bodies(60))
    live = live_of(edge)
    monkeypatch.setattr(live.runtime, "answer_at", lambda *_: 1 / 0, raising=False)
    monkeypatch.setattr(live.runtime, "answer_last", lambda *_: 1 / 0, raising=False)

    check(live, edge, rows)


def test_a_version_beside_decides_for_its_share_and_the_other_answers_behind_it(home: Path, edge: Edge) -> None:
    begin(home, 2, (50,))
    live = live_of(edge)
    rows = store(edge, bodies(200))
    decided = decide_rows(edge.folder.events, live, rows, received_s=1.0)

    by = {record[4]: record[0].version for record in decided.records}
    assert set(by.values()) == {1, 2}
    assert [
        record[0].version + shadow[0].version for record, shadow in zip(decided.records, decided.shadows, strict=True)
    ] == [3] * 200
    assert [record[1] for record in decided.records] == [shadow[1] for shadow in decided.shadows]
    assert {shadow[0].role for shadow in decided.shadows} == {"shadow"}
    assert {record[0].role for record in decided.records} == {"champion", "challenger"}
    assert all(
        made.served.version == record[0].version for made, record in zip(decided.lives, decided.records, strict=True)
    )


def test_no_two_rows_have_one_name() -> None:
    name = id_maker("helios", "anomaly")
    rows: list[EventRow] = [
        ("a", 1, "", "{}", None),
        ("a", 2, "", "{}", None),
        ("b", 1, "", "{}", None),
        ("a", 1, "k", "{}", None),
    ]

    assert len({name(row) for row in rows}) == 4
    assert name(rows[0]) == name(("a", 1, "", '{"x":1}', 1))
    assert name(rows[0]) != id_maker("helios", "other")(rows[0])
