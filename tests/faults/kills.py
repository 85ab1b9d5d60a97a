"""Rounds of `kill -9` under load, and the count of what was kept."""

import os
import random
import signal
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import msgspec
from tests.faults.clients import Seen, await_ready, children, load, send_events, send_feedback, send_predictions

from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What was acknowledged, and how much of it is not there, or there twice."""

    acknowledged: int
    lost: int
    doubled: int


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """A process that was killed, and the seconds until requests were answered again."""

    whom: str
    at_s: float
    ready_s: float


class KillReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the rounds did.

    `oldest_lost_s` is how long before a kill the oldest prediction was answered of which no row was kept.
    """

    kills: tuple[Kill, ...]
    integrity: str
    events: Kept
    feedback: Kept
    sent_again: int
    refusals: dict[int, int]
    predictions: int
    predictions_lost: int
    oldest_lost_s: float


def kill_rounds(settings: ServeSettings, *, n_rounds: int, seconds: float) -> KillReport:
    """Kill the server, then its worker, in turn, every few seconds under load; what is not acknowledged is sent again.

    Args:
        settings: of a home.
        n_rounds: how often.
        seconds: of load before each kill.
    """
    events = [send_events(keyed=True), send_events(keyed=False), send_events(keyed=True)]
    senders = [*events, send_feedback(), send_predictions, send_predictions]
    port = free_port()
    kills = []
    with ExitStack() as stack:
        server = stack.enter_context(start_background(settings, port=port))
        with load(server.url, senders) as seen:
            for number in range(n_rounds):
                time.sleep(seconds)
                at_s = time.monotonic()
                if number % 2:
                    os.kill(children(server.pid)[0], signal.SIGKILL)
                    await_ready(server.url)
                else:
                    os.kill(server.pid, signal.SIGKILL)
                    stack.close()
                    server = stack.enter_context(start_background(settings, port=port))
                ready_s = time.monotonic() - at_s
                kills.append(Kill(whom="worker" if number % 2 else "server", at_s=at_s, ready_s=ready_s))
            time.sleep(seconds)
    return _report(Path(settings.home) / "events.db", seen, len(events), kills)


def kept_events(database: Path, seen: Iterable[Seen]) -> Kept:
    """Of the acknowledged events, what is in the table."""
    rows = read(database, "SELECT entity || ' ' || (at_us / 1000000) FROM event")
    return _kept([name for one in seen for name in one.acknowledged], rows)


def kept_feedback(database: Path, seen: Iterable[Seen]) -> Kept:
    """Of the acknowledged labels, what is in the table."""
    return _kept([name for one in seen for name in one.acknowledged], read(database, "SELECT entity FROM feedback"))


def read(database: Path, query: str) -> list[str]:
    """The first column of a query, over a connection of its own."""
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute(query)]


def _report(database: Path, seen: Sequence[Seen], n_events: int, kills: list[Kill]) -> KillReport:
    predicted = {name: at_s for one in seen for name, at_s in one.predicted.items()}
    lost = [predicted[name] for name in predicted.keys() - set(read(database, "SELECT id FROM prediction"))]
    ages_s = [_age_s(at_s, kills) for at_s in lost]
    refusals: Counter[int] = Counter()
    for one in seen:
        refusals.update(one.refusals)
    return KillReport(
        kills=tuple(kills),
        integrity="; ".join(read(database, "PRAGMA integrity_check")),
        events=kept_events(database, seen[:n_events]),
        feedback=kept_feedback(database, seen[n_events : n_events + 1]),
        sent_again=sum(one.n_again for one in seen),
        refusals=dict(refusals),
        predictions=len(predicted),
        predictions_lost=len(lost),
        oldest_lost_s=max(ages_s, default=0.0),
    )


def _age_s(answered_s: float, kills: Sequence[Kill]) -> float:
    """How long before the next kill; a worker answers for a moment after its server is gone."""
    ages_s = (kill.at_s - answered_s for kill in kills if answered_s <= kill.at_s + kill.ready_s)
    # An answer that came after the last kill and is not there was lost for no reason at all.
    return max(0.0, min(ages_s, default=float("inf")))


def _kept(acknowledged: list[str], rows: list[str]) -> Kept:
    counts = Counter(rows)
    return Kept(
        acknowledged=len(acknowledged),
        lost=sum(counts[name] == 0 for name in acknowledged),
        doubled=sum(counts[name] > 1 for name in acknowledged),
    )


def free_port() -> int:
    """A port that stays ours while nobody listens.

    Below those that clients are given: one that keeps trying to connect to a port of its own range in the end connects
    to itself, and no server can have the port any more.
    """
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")
