"""Real consumers, in processes of their own; and what was made of what was sent."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from tests.serve.consume.brokers import Broker

N_SERVICES = 20


def bodies(n: int, first: int = 0) -> list[bytes]:
    """Rows of some services, a minute apart."""
    return [body(number) for number in range(first, first + n)]


def body(number: int, **other: object) -> bytes:
    row: dict[str, object] = {
        "timestamp": 1_735_689_600 + 60 * (number // N_SERVICES),
        "service": f"svc-{number % N_SERVICES:02d}",
        "event_count": 180 + number % 17,
        "error_rate": 0.006,
        "p50_latency_ms": 40 + number % 5,
        "p95_latency_ms": 80 + number % 7,
        "p99_latency_ms": 4_000 if number % 50 == 0 else 110 + number % 11,
    }
    return msgspec.json.encode(row | other)


@contextmanager
def consuming(home: Path, url: str, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A consumer that has begun to take messages, or is about to."""
    process = start(home, url, *options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def start(home: Path, url: str, *options: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "telltale", "consume", url, "helios/metrics", "--json", *options]
    environment = os.environ | {"TELLTALE_HOME": str(home), "LOG_LEVEL": "warning"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def await_ready(process: "subprocess.Popen[bytes]") -> None:
    """Until it says that it takes messages."""
    assert process.stderr is not None
    told = b""
    while b"Consuming" not in told:
        told = process.stderr.readline()
        assert told, "it ended"


def finish(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """End it as a service manager does; what it counted."""
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    counts: dict[str, Any] = msgspec.json.decode(out)
    return counts


def await_true(is_so: Callable[[], bool], *, for_s: float = 60.0) -> None:
    give_up_at = time.monotonic() + for_s
    while not is_so():
        assert time.monotonic() < give_up_at, "that took too long"
        time.sleep(0.05)


def n_stored(home: Path) -> int:
    return int(rows(home, "SELECT count(*) FROM event")[0][0])


def rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "events.db", timeout=10)) as connection:
        return connection.execute(sql).fetchall()


def check_once(home: Path, broker: Broker, sent: list[bytes]) -> list[dict[str, Any]]:
    """Nothing is lost and nothing doubled: in the store, in the log, in what was told. The answers, as they were told."""
    asked = Counter((row["service"], row["timestamp"] * 1_000_000) for row in map(msgspec.json.decode, sent))
    stored = Counter(rows(home, "SELECT entity, at_us FROM event"))
    logged = Counter(rows(home, "SELECT entity, at_us FROM prediction"))
    told: list[dict[str, Any]] = [msgspec.json.decode(one) for one in broker.told("scores")]
    ids = {
        name: (score, decision) for name, score, decision in rows(home, "SELECT id, score, decision FROM prediction")
    }

    assert stored == asked
    assert logged == asked
    assert Counter(one["entity"] for one in told) == Counter(entity for entity, _ in asked)
    assert {one["prediction_id"]: (one["score"], one["decision"]) for one in told} == ids
    assert len(told) == len(ids)
    alarms = [one for one in map(msgspec.json.decode, broker.told("alarms")) if "prediction_id" in one]
    assert sorted(one["prediction_id"] for one in alarms) == sorted(
        one["prediction_id"] for one in told if one["decision"]
    )
    assert alarms
    return told
