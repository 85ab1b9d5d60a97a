"""The steps done again: nothing twice, and the answer of the first time."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.serve.consume.consumers import bodies, body, rows
from tests.serve.live.moves import begin, promote

from telltale.apps.helios.schema import METRICS
from telltale.serve.consume.broker import Delivery
from telltale.serve.consume.steps import Steps
from telltale.serve.edge import Edge, open_edge
from telltale.serve.settings import ServeSettings


@pytest.fixture
def edge(settings: ServeSettings) -> Iterator[Edge]:
    made = open_edge(settings)
    made.versions.refresh()
    yield made
    made.close()


@pytest.fixture
def steps(edge: Edge) -> Steps:
    return Steps(
        edge.folder.events,
        "helios",
        METRICS,
        source="test",
        places=[edge.place("helios", "anomaly")],
        number=lambda delivery: delivery.id.decode(),
        observe=edge.metrics.observe,
    )


def messages(sent: Sequence[bytes], *, is_again: bool = False) -> list[Delivery]:
    return [Delivery(b"%d" % place, one, is_again) for place, one in enumerate(sent)]


def scores(told: Sequence[tuple[str, bytes]]) -> dict[str, dict[str, object]]:
    return {name: msgspec.json.decode(one) for name, one in told}


def test_an_answer_is_told_with_the_time_of_its_row(steps: Steps) -> None:
    worked = steps.work(messages([body(20)]))
    told = msgspec.json.decode(worked.scores[0].body)

    assert (told["time"], told["entity"], told["app"], told["task"]) == (
        "2025-01-01T00:01:00Z",
        "svc-00",
        "helios",
        "anomaly",
    )
    assert told["prediction_id"] == worked.scores[0].name
    assert {"score", "decision", "threshold", "version", "role", "context"} <= told.keys()


def test_messages_that_come_again_are_told_again_and_kept_once(steps: Steps, home: Path) -> None:
    first = steps.work(messages(bodies(200)))
    again = steps.work(messages(bodies(200), is_again=True))

    assert (first.n_stored, again.n_stored, again.n_already) == (200, 0, 200)
    assert sorted(again.scores) == sorted(first.scores)
    assert again.alarms == first.alarms
    assert rows(home, "SELECT count(*) FROM prediction") == [(200,)]
    assert rows(home, "SELECT sum(n_answered) FROM service_minute") == [(200,)]


def test_a_row_that_is_sent_twice_is_kept_once_and_answered_as_the_first_time(
    steps: Steps, edge: Edge, home: Path
) -> None:
    first = scores(steps.work(messages(bodies(100))).scores)
    promote(home, 2)
    edge.versions.refresh()
    worked = steps.work(messages(bodies(150)))
    second = scores(worked.scores)

    assert (worked.n_stored, worked.n_already, len(second)) == (50, 100, 150)
    assert {name: second[name]["version"] for name in first} == dict.fromkeys(first, 1)
    assert rows(home, "SELECT version, count(*) FROM prediction GROUP BY version") == [(1, 100), (2, 50)]


def test_rows_that_were_stored_and_not_answered_are_answered_when_they_come_again(
    steps: Steps, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(steps, "_log", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            steps.work(messages(bodies(50)))
    assert rows(home, "SELECT count(*) FROM event UNION ALL SELECT count(*) FROM prediction") == [(50,), (0,)]
    again = steps.work(messages(bodies(50), is_again=True))

    assert (again.n_already, len(again.scores)) == (50, 50)
    assert rows(home, "SELECT count(*) FROM prediction") == [(50,)]


def test_what_was_logged_is_told_though_another_version_serves_by_now(steps: Steps, edge: Edge, home: Path) -> None:
    first = scores(steps.work(messages(bodies(100))).scores)
    promote(home, 2)
    edge.versions.refresh()
    again = scores(steps.work(messages(bodies(100), is_again=True)).scores)

    fields = ("score", "decision", "threshold", "version", "role")
    assert {name: [one[field] for field in fields] for name, one in again.items()} == {
        name: [one[field] for field in fields] for name, one in first.items()
    }
    assert {one["version"] for one in scores(steps.work(messages(bodies(10, first=100))).scores).values()} == {2}


def test_a_bad_row_is_set_aside_once_however_often_its_message_comes(steps: Steps, home: Path) -> None:
    sent = [body(1), b"no json", body(2, error_rate=5)]
    for is_again in (False, True, True):
        assert steps.work(messages(sent, is_again=is_again)).n_set_aside == 2

    assert rows(home, "SELECT source, count(*) FROM quarantine GROUP BY source") == [("test 1", 1), ("test 2", 1)]


def test_what_a_shadow_says_is_kept_beside(steps: Steps, edge: Edge, home: Path) -> None:
    begin(home, 2, (0,))
    edge.versions.refresh()
    steps.work(messages(bodies(100)))

    assert rows(home, "SELECT count(*), min(version), max(version) FROM shadow") == [(100, 2, 2)]
    assert rows(home, "SELECT sum(n_shadowed) FROM service_minute") == [(100,)]


def test_events_are_stored_while_no_version_serves(edge: Edge, home: Path) -> None:
    steps = Steps(edge.folder.events, "helios", METRICS, source="test", places=[], number=str)
    worked = steps.work(messages(bodies(30)))

    assert (worked.n_stored, worked.scores) == (30, [])
