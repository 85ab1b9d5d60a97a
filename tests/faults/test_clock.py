"""A clock of day that jumps while requests go on."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.faults.clients import Connection, Seen, ask, load, send_events, send_feedback, send_predictions
from tests.faults.clock import Clock
from tests.faults.homes import PREDICT, ROW
from tests.faults.kills import kept_events, kept_feedback, read

from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

pytestmark = [pytest.mark.server, pytest.mark.slow]
_DAY_S = 86_400


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    try:
        return Clock(tmp_path / "clock")
    except OSError as error:
        pytest.skip(str(error))


def test_a_clock_that_jumps_a_day_ahead_and_back_stops_nothing(settings: ServeSettings, clock: Clock) -> None:
    senders = [send_events(keyed=True), send_events(keyed=False), send_feedback(), send_predictions]
    database = Path(settings.home) / "events.db"
    received: list[float] = []
    progress, uptimes_s = [], []
    with start_background(settings, through=clock.through) as server, Connection(server.url) as connection:
        with load(server.url, senders) as seen:
            for ahead_s in (0, _DAY_S, -3_600):
                clock.jump(ahead_s)
                time.sleep(0.2)
                before = _counts(seen)
                time.sleep(0.6)
                progress.append([now - was for was, now in zip(before, _counts(seen), strict=True)])
                answer = connection.post(PREDICT, ROW)
                time.sleep(3 * settings.flush_s)
                # Not asked of the server, which would flush its log first.
                rows = dict(row.split() for row in read(database, "SELECT id || ' ' || received_us FROM prediction"))
                received.append(int(rows[answer.body["prediction_id"]]) / 1e6 - time.time() - ahead_s)
                uptimes_s.append(connection.get("/health").body["uptime_s"])
            promoted = connection.post("/v1/versions/helios/anomaly/promote", {"version": 2})
            time.sleep(3 * settings.refresh_s)
        version = ask(server.url, "POST", PREDICT, ROW).body["version"]

    # The jumps reached the server: what it calls now is what the clock said; and its log is written as before.
    assert max(abs(off_s) for off_s in received) < 5
    assert min(min(numbers) for numbers in progress) > 0
    assert (promoted.status, version) == (200, 2)
    assert 0 < min(uptimes_s) < max(uptimes_s) < 60
    assert [one.refusals for one in seen] == [{}] * len(senders)
    for kept in (kept_events(database, seen[:2]), kept_feedback(database, seen[2:3])):
        assert (kept.lost, kept.doubled) == (0, 0)
    assert seen[3].predicted.keys() <= set(read(database, "SELECT id FROM prediction"))


def _counts(seen: Sequence[Seen]) -> list[int]:
    return [len(one.acknowledged) + len(one.predicted) for one in seen]
