"""Two workers: one killed, what each sees of the other's writes, and the figures of both."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.faults.clients import Connection, await_ready, children, load, send_events, send_predictions
from tests.faults.homes import EVENTS, PREDICT, ROW
from tests.faults.kills import kept_events, read

from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_of_two_workers_one_killed_the_other_goes_on_and_it_comes_back(settings: ServeSettings) -> None:
    senders = [*[send_events(keyed=True)] * 3, *[send_predictions] * 3]
    with start_background(settings, workers=2) as server:
        with _one_of_each_worker(server.url):  # the server is ready when the first of them is
            both = children(server.pid)
        with load(server.url, senders) as seen:
            time.sleep(0.5)
            os.kill(both[0], signal.SIGKILL)
            killed_s = time.monotonic()
            await_ready(server.url)
            ready_s = time.monotonic() - killed_s
            while len(set(children(server.pid)) - {both[0]}) < 2 and time.monotonic() - killed_s < 10:
                time.sleep(0.02)
            respawned_s = time.monotonic() - killed_s
            time.sleep(2.0)
        after = children(server.pid)
    kept = kept_events(Path(settings.home) / "events.db", seen[:3])

    assert ready_s < respawned_s + 1.0 < 10.0
    assert both[1] in after
    assert len(after) == 2
    assert (kept.lost, kept.doubled) == (0, 0)
    # Connections of the killed one break; no request is answered wrongly.
    assert set().union(*(one.refusals for one in seen)) <= {0}
    assert sum(sum(one.refusals.values()) for one in seen) <= 3 * len(senders)


def test_an_event_acknowledged_by_one_worker_is_in_the_window_of_the_other(settings: ServeSettings) -> None:
    with (
        start_background(settings, workers=2) as server,
        _one_of_each_worker(server.url) as writers,
        _one_of_each_worker(server.url) as readers,
    ):
        told = []
        for number in range(20):
            writer, reader = writers[number % 2], readers[1 - number % 2]
            at = f"2024-01-03T14:{number:02d}:00Z"
            row = ROW | {"service": "shared", "timestamp": at, "p99_latency_ms": 100.0 + 100 * number}
            assert writer.post(EVENTS, row).status == 200
            # By its entity alone: scored from what is stored, and on the newest row.
            told.append([one.post(PREDICT, {"service": "shared"}).body.get("score") for one in (reader, writer)])

    assert all(ours == theirs for ours, theirs in told)
    stored = [ours for ours, _ in told if ours is not None]
    assert len(set(stored)) == len(stored) >= 10  # each row moved the score at once


def test_figures_of_two_workers_add_up_also_after_one_was_killed(settings: ServeSettings) -> None:
    with start_background(settings, workers=2) as server:
        for killed in (False, True):
            if killed:
                os.kill(children(server.pid)[0], signal.SIGKILL)
                await_ready(server.url)
            with _one_of_each_worker(server.url) as connections:
                for connection in connections:
                    assert {connection.post(PREDICT, ROW).status for _ in range(50)} == {200}
            time.sleep(4 * settings.flush_s)
            with Connection(server.url) as connection:
                page = connection.get("/metrics").body["text"]
            n = sum(
                float(one) for one in re.findall(r"^telltale_predictions_total\{.*\} ([\d.]+)$", page, re.MULTILINE)
            )

            assert n == len(read(Path(settings.home) / "events.db", "SELECT id FROM prediction"))
            assert n >= (200 if killed else 100)


@contextmanager
def _one_of_each_worker(url: str) -> Iterator[list[Connection]]:
    """A connection to either worker, in the same order each time: ids of predictions begin with the worker's own name."""
    found: dict[str, Connection] = {}
    try:
        yield _find_both(url, found)
    finally:
        for connection in found.values():
            connection.close()


def _find_both(url: str, found: dict[str, Connection]) -> list[Connection]:
    give_up_at = time.monotonic() + 20
    while len(found) < 2 and time.monotonic() < give_up_at:
        connection = Connection(url)
        answer = connection.post(PREDICT, ROW)
        worker = answer.body["prediction_id"].partition("-")[0] if answer.status == 200 else ""
        if not worker or worker in found:  # a connection that a killed one had taken breaks
            connection.close()
            time.sleep(0.01)
        else:
            found[worker] = connection
    assert len(found) == 2
    return [found[worker] for worker in sorted(found)]
