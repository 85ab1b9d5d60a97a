"""Consumers of real brokers: killed, many, without a broker for a while, and with another champion on the way."""

import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.serve.consume.brokers import Broker, stop
from tests.serve.consume.consumers import (
    await_ready,
    await_true,
    bodies,
    body,
    check_once,
    consuming,
    finish,
    n_stored,
    rows,
)
from tests.serve.live.moves import promote

from telltale.monitor.alarms import active_alarms, raise_alarm
from telltale.storage.folder import open_folder

pytestmark = [pytest.mark.server, pytest.mark.slow]
# Held by a consumer that was killed: given to another after so long.
_IDLE_S = 1


def test_what_is_sent_is_stored_decided_and_told_and_the_bad_is_set_aside(home: Path, broker: Broker) -> None:
    sent = bodies(300)
    folder = open_folder(home)
    whose = {"app": "helios", "task": "metrics"}
    raise_alarm(folder.state, "source_stale", **whose, what="away", mend="look", now=datetime.now(UTC))
    bad = [b"no json", body(1_000, error_rate=7), b"", b"[]", b'{"timestamp": 5}']
    broker.send([*sent[:100], *bad, *sent[100:]])

    with consuming(home, broker.url()) as process:
        await_true(lambda: broker.n_unsettled() == 0)
        counts = finish(process)

    told = check_once(home, broker, sent)
    assert active_alarms(folder.state) == []
    folder.close()
    assert (counts["taken"], counts["stored"], counts["quarantined"]) == (305, 300, 5)
    assert {one["app"] + "/" + one["task"] for one in told} == {"helios/anomaly"}
    assert {one["role"] for one in told} == {"champion"}
    reasons = dict(rows(home, "SELECT raw, reason FROM quarantine"))
    assert len(reasons) == 5
    assert "error_rate" in reasons[body(1_000, error_rate=7).decode().replace(":", ": ").replace(",", ", ")]


def test_killed_again_and_again_it_loses_and_doubles_nothing(home: Path, broker: Broker) -> None:
    sent = bodies(6_000)
    broker.send(sent[:3_000])

    for round_ in range(3):
        with consuming(home, broker.url(idle=_IDLE_S)) as process:
            before = n_stored(home)
            await_true(lambda: n_stored(home) > before or broker.n_unsettled() == 0)  # noqa: B023 - asked at once
            time.sleep(0.03 * round_)
            process.send_signal(signal.SIGKILL)
        broker.send(sent[3_000 + 1_000 * round_ : 4_000 + 1_000 * round_])
    with consuming(home, broker.url(idle=_IDLE_S)) as process:
        await_true(lambda: broker.n_unsettled() == 0)
        finish(process)

    check_once(home, broker, sent)


def test_two_of_a_group_share_the_work(home: Path, broker: Broker) -> None:
    sent = bodies(12_000)
    folder = open_folder(home)
    raise_alarm(
        folder.state, "drift", app="helios", task="anomaly", what="it moved", mend="look", now=datetime.now(UTC)
    )
    folder.close()

    with consuming(home, broker.url()) as one, consuming(home, broker.url()) as other:
        await_ready(one)
        await_ready(other)
        for first in range(0, len(sent), 1_000):
            broker.send(sent[first : first + 1_000])
            time.sleep(0.15)
        await_true(lambda: broker.n_unsettled() == 0 and bool(_kernel_alarms(broker)))
        counts = [finish(one), finish(other)]

    check_once(home, broker, sent)
    assert min(count["taken"] for count in counts) > 0
    assert sum(count["taken"] for count in counts) == 12_000
    assert [(one["change"], one["alarm"]["name"]) for one in _kernel_alarms(broker)] == [("raised", "drift")]


def test_a_broker_that_dies_is_waited_for(home: Path, broker: Broker) -> None:
    sent = bodies(2_000)
    broker.send(sent[:1_000])

    with consuming(home, broker.url(idle=_IDLE_S)) as process:
        await_true(lambda: n_stored(home) > 0)
        stop(broker.process)
        time.sleep(0.5)
        broker.start()
        broker.send(sent[1_000:])
        await_true(lambda: broker.n_unsettled() == 0)
        finish(process)

    check_once(home, broker, sent)


def test_a_version_that_is_promoted_decides_from_then_on(home: Path, broker: Broker) -> None:
    sent = bodies(400)
    broker.send(sent[:200])

    with consuming(home, broker.url()) as process:
        await_true(lambda: broker.n_unsettled() == 0)
        promote(home, 2)
        await_true(lambda: _newest_version(home, broker, sent) == 2)
        finish(process)

    told = [msgspec.json.decode(one) for one in broker.told("scores")]
    assert [one["version"] for one in told[:200]] == [1] * 200
    assert {one["version"] for one in told} == {1, 2}


def _kernel_alarms(broker: Broker) -> list[dict[str, Any]]:
    return [one for one in map(msgspec.json.decode, broker.told("alarms")) if "alarm" in one]


def _newest_version(home: Path, broker: Broker, sent: list[bytes]) -> int:
    broker.send([sent[n_stored(home)]])
    time.sleep(0.1)
    return int(rows(home, "SELECT version FROM prediction ORDER BY received_us DESC LIMIT 1")[0][0])
