import hashlib
import hmac
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.monitor.alarm.receiver import receiving

from telltale.contract.errors import UnavailableError, UsageError
from telltale.monitor.alarm.delivery import deliver_messages
from telltale.monitor.alarm.messages import Message, Sink
from telltale.monitor.alarm.outbox import undelivered
from telltale.monitor.alarm.sinks import LOG, SIGNATURE, alarm_sinks, alertmanager, webhook
from telltale.monitor.alarms import AlarmName, raise_alarm, read_alarms, resolve_alarm
from telltale.storage.database import Database, open_database

NOW = datetime(2024, 12, 1, tzinfo=UTC)
SECRET = "between-us"  # noqa: S105 - of the test


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state.db", schema="state")
    yield database
    database.close()


def _raise(state: Database, after_s: float, name: AlarmName = "latency_high") -> None:
    raise_alarm(state, name, app="helios", task="anomaly", what="slow", mend="Mend it.", now=_at(after_s))


def _resolve(state: Database, after_s: float, name: AlarmName = "latency_high") -> None:
    assert resolve_alarm(state, name, app="helios", task="anomaly", now=_at(after_s))


def _at(after_s: float) -> datetime:
    return NOW + timedelta(seconds=after_s)


def _deliver(state: Database, sink: Sink, after_s: float, *, owner: str = "me") -> int:
    return deliver_messages(state, [sink], owner=owner, now=_at(after_s))


def _list_sink(told: list[str], *, repeat_s: float | None = None) -> Sink:
    return Sink(name="list", send=lambda message: told.append(message.id), repeat_s=repeat_s)


def test_a_receiver_that_refuses_twice_is_told_once_more_with_a_signature_that_it_can_check(state: Database) -> None:
    with receiving(refusals=(500, 503)) as receiver:
        sink = webhook(f"{receiver.url}/hook", secret=SECRET)
        _raise(state, 0)
        taken = [_deliver(state, sink, after_s) for after_s in (0, 1, 6, 11, 17, 60, 3_600)]

    assert taken == [0, 0, 0, 0, 1, 0, 0]  # after 0 s, 5 s more, 10 s more
    assert len(receiver.came) == 3
    path, headers, body = receiver.came[-1]
    assert path == "/hook"
    assert headers[SIGNATURE] == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    message = msgspec.json.decode(body, type=Message)
    assert (message.id, message.change, message.sent_at) == ("1-raised", "raised", _at(17))
    assert message.alarm.runbook == "docs/runbooks.md#latency_high"


def test_an_alarm_that_is_over_is_told_of_after_it_was_raised(state: Database) -> None:
    told: list[str] = []
    _raise(state, 0)
    _deliver(state, _list_sink(told), 5)
    _raise(state, 8)
    _deliver(state, _list_sink(told), 10)
    _resolve(state, 20)
    _deliver(state, _list_sink(told), 25)
    _deliver(state, _list_sink(told), 30)

    assert told == ["1-raised", "1-resolved"]


def test_an_alarm_that_came_and_went_between_two_looks_is_told_of(state: Database) -> None:
    told: list[str] = []
    _raise(state, 0)
    _deliver(state, _list_sink(told), 5)
    _raise(state, 6, "drift")
    _resolve(state, 7, "drift")
    _deliver(state, _list_sink(told), 10)
    _deliver(state, _list_sink(told), 15)

    assert told == ["1-raised", "2-raised", "2-resolved"]


def test_a_new_sink_is_told_of_what_lasts_and_not_of_what_is_over(state: Database) -> None:
    told: list[str] = []
    _raise(state, 0)
    _resolve(state, 1)
    _raise(state, 2, "drift")
    _deliver(state, _list_sink(told), 5)

    assert told == ["2-raised"]


def test_what_goes_up_and_down_is_told_of_once_in_a_quarter_of_an_hour(state: Database) -> None:
    told: list[str] = []
    sink = _list_sink(told)
    for after_s in range(0, 840, 60):  # raised every minute, over half a minute later
        _raise(state, after_s)
        _deliver(state, sink, after_s + 5)
        _resolve(state, after_s + 30)
        _deliver(state, sink, after_s + 35)
    assert told == ["1-raised", "1-resolved"]
    assert len(read_alarms(state)) == 14

    _raise(state, 840)
    _deliver(state, sink, 845)
    assert told == ["1-raised", "1-resolved"]  # held back: it was told of something 810 s ago
    _deliver(state, sink, 940)

    assert told == ["1-raised", "1-resolved", "15-raised"]


def test_what_goes_up_and_down_while_a_sink_is_down_makes_no_queue(state: Database) -> None:
    told: list[str] = []
    with receiving(refusals=(500,) * 1_000) as receiver:
        for after_s in range(0, 3_600, 60):
            _raise(state, after_s)
            _deliver(state, webhook(receiver.url), after_s + 5)
            _resolve(state, after_s + 30)
            _deliver(state, webhook(receiver.url), after_s + 35)
    for after_s in range(5_000, 5_100, 5):
        _deliver(state, Sink(name="webhook", send=_list_sink(told).send), after_s)

    assert told == ["1-raised", "1-resolved"]


def test_two_alarms_do_not_hold_each_other_back(state: Database) -> None:
    told: list[str] = []
    _raise(state, 0)
    _deliver(state, _list_sink(told), 5)
    _raise(state, 10, "drift")
    _deliver(state, _list_sink(told), 15)

    assert told == ["1-raised", "2-raised"]


def test_what_was_not_taken_before_a_restart_is_sent_after_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with receiving(refusals=(500,)) as receiver:
        before = open_database(path, schema="state")
        _raise(before, 0)
        assert _deliver(before, webhook(receiver.url), 0, owner="before") == 0
        before.close()
        after = open_database(path, schema="state")
        assert [message.fault for message in undelivered(after, now=_at(1))] != []
        assert _deliver(after, webhook(receiver.url), 30, owner="after") == 0  # the lease of the one before lasts
        assert _deliver(after, webhook(receiver.url), 90, owner="after") == 1
        assert undelivered(after, now=_at(91)) == []
        after.close()

    assert len(receiver.came) == 2


def test_of_two_processes_one_sends(state: Database) -> None:
    told: list[str] = []
    _raise(state, 0)
    assert _deliver(state, _list_sink(told), 1, owner="one") == 1
    _raise(state, 2, "drift")
    assert _deliver(state, _list_sink(told), 3, owner="two") == 0
    assert _deliver(state, _list_sink(told), 4, owner="one") == 1

    assert told == ["1-raised", "2-raised"]


def test_of_many_threads_that_look_at_once_each_message_is_sent_by_one(tmp_path: Path, state: Database) -> None:
    told: list[str] = []
    for n in range(30):
        raise_alarm(state, "drift", app="helios", task=f"task{n}", what="w", mend="m", now=NOW)

    def deliver(n: int) -> None:
        own = open_database(tmp_path / "state.db", schema="state")
        for after_s in (0, 1):
            deliver_messages(own, [_list_sink(told)], owner=f"thread {n}", now=_at(after_s))
        own.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(deliver, range(4)))

    assert sorted(told) == sorted(f"{n}-raised" for n in range(1, 31))


def test_a_message_whose_sender_dies_before_it_is_noted_is_sent_again_under_the_same_id(state: Database) -> None:
    told: list[str] = []

    def die(message: Message) -> None:
        told.append(message.id)
        raise SystemExit

    _raise(state, 0)
    with pytest.raises(SystemExit):
        _deliver(state, Sink(name="list", send=die), 0, owner="dies")

    assert _deliver(state, _list_sink(told), 61, owner="lives") == 1
    assert told == ["1-raised", "1-raised"]


def test_a_sink_that_is_down_is_left_alone_and_holds_no_other_up(state: Database) -> None:
    told: list[str] = []
    tried: list[str] = []

    def refuse(message: Message) -> None:
        tried.append(message.id)
        raise UnavailableError("it is down", where="there", mend="Wait.")

    sinks = [Sink(name="down", send=refuse), _list_sink(told)]
    for name in ("latency_high", "drift", "quality_low"):
        _raise(state, 0, name)
    deliver_messages(state, sinks, owner="me", now=_at(1))
    deliver_messages(state, sinks, owner="me", now=_at(2))

    assert tried == ["1-raised"]
    assert told == ["1-raised", "2-raised", "3-raised"]


def test_an_alarm_that_is_over_before_its_sink_is_up_is_told_of_all_the_same(state: Database) -> None:
    with receiving(refusals=(500,)) as receiver:
        sink = webhook(receiver.url)
        _raise(state, 0)
        _deliver(state, sink, 0)
        _raise(state, 1, "drift")
        _resolve(state, 2)
        _resolve(state, 3, "drift")
        for after_s in range(5, 60, 5):
            _deliver(state, sink, after_s)

    ids = [msgspec.json.decode(body)["id"] for body in receiver.bodies[1:]]
    assert ids == ["1-raised", "2-raised", "1-resolved", "2-resolved"]


def test_what_is_not_taken_a_day_after_it_was_over_is_given_up(state: Database) -> None:
    with receiving(refusals=(500,) * 1_000) as receiver:
        _raise(state, 0)
        for after_s in range(0, 3 * 86_400, 300):
            _deliver(state, webhook(receiver.url), after_s)
            if after_s == 86_400:
                _resolve(state, after_s)
        n_tried = len(receiver.came)
        _deliver(state, webhook(receiver.url), 4 * 86_400)

    assert 2 * 96 <= n_tried < 2 * 96 + 12  # every quarter of an hour of two days
    assert len(receiver.came) == n_tried
    assert undelivered(state, now=_at(3 * 86_400)) == []


def test_a_redirect_is_not_followed(state: Database) -> None:
    with receiving() as elsewhere, receiving(refusals=(307,), location=elsewhere.url) as receiver:
        _raise(state, 0)
        assert _deliver(state, webhook(receiver.url), 0) == 0

    assert elsewhere.came == []
    assert "it answered 307" in undelivered(state, now=_at(1))[0].fault


def test_a_fault_does_not_tell_the_path_which_may_hold_a_key(state: Database) -> None:
    with receiving(refusals=(404,)) as receiver:
        _raise(state, 0)
        _deliver(state, webhook(f"{receiver.url}/services/T0/B0/key"), 0)

    assert "key" not in undelivered(state, now=_at(1))[0].fault


def test_an_alertmanager_is_told_again_while_the_alarm_lasts_and_when_it_is_over(state: Database) -> None:
    with receiving() as receiver:
        sink = alertmanager(f"{receiver.url}/")
        _raise(state, 0)
        for after_s in range(0, 600, 5):
            _deliver(state, sink, after_s)
        _resolve(state, 600)
        for after_s in range(600, 1_200, 5):
            _deliver(state, sink, after_s)

    assert {path for path, _, _ in receiver.came} == {"/api/v2/alerts"}
    alerts: list[dict[str, Any]] = [msgspec.json.decode(body)[0] for body in receiver.bodies]
    assert len(alerts) == 4  # at 0, 240, 480 s, and when it was over
    labels = {"alertname": "latency_high", "app": "helios", "task": "anomaly", "severity": "warning"}
    assert all(alert["labels"] == labels for alert in alerts)
    assert alerts[0]["annotations"] == {
        "summary": "slow",
        "description": "Mend it.",
        "runbook": "docs/runbooks.md#latency_high",
    }
    assert {alert["startsAt"] for alert in alerts} == {"2024-12-01T00:00:00Z"}
    ends = [alert["endsAt"] for alert in alerts]
    assert ends == ["2024-12-01T00:15:00Z", "2024-12-01T00:19:00Z", "2024-12-01T00:23:00Z", "2024-12-01T00:10:00Z"]


def test_the_log_is_told_always(state: Database, capfd: pytest.CaptureFixture[str]) -> None:
    assert alarm_sinks() == (LOG,)
    _raise(state, 0)
    _deliver(state, LOG, 0)

    out, err = capfd.readouterr()
    assert "alarm_raised" in out + err
    assert "docs/runbooks.md#latency_high" in out + err


@pytest.mark.parametrize("address", ["ftp://a/b", "localhost:9093", "http://u:p@host/", "http://a b/"])
def test_an_address_that_is_none_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(UsageError, match="ALERTMANAGER_URL: that is not an address to send to"):
        alarm_sinks(alertmanager_url=address)
