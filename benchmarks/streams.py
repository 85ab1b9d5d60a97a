"""Events of a stream, stored, decided, logged and told back: `telltale consume` of real brokers on this machine.

A stream is filled with rows of helios/metrics of 200 services: simulated rows of a week, one in twenty of them of an incident.
The consumer, a process of its own, stores them, decides each with the champion (isolation forest, a window of seven rows from
the store), writes the prediction log and tells every answer to a second stream and positive ones to a third. Broker and
consumer share the machine's cores.

`events_per_s` is from the first batch that it took to the last acknowledgement. Latencies are measured at `half_load_per_s`
by the broker's own clock: from the moment that it took an event to the moment that it took the answer. Then consumers are
killed with `kill -9` while they work and started again; `lost` and `doubled` count rows in the store, in the prediction log
and among the answers told that are missing, or there more than once.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from benchmarks.machine import describe_machine
from benchmarks.results import Figures, Result, Row, as_document
from benchmarks.streams_brokers import Broker, running
from telltale.apps.helios import APP
from telltale.contract.simulation import Simulation
from telltale.home.home import open_home
from telltale.telemetry.frames import TIME
from telltale.telemetry.times import show_time
from telltale.train.sources import check_simulated

_N_SERVICES: Final = 200
_ROWS: Final = 200_000
_HALF_LOAD_PER_S: Final = 10_000
_HALF_LOAD_S: Final = 10
_KILLED_ROWS: Final = 60_000
_ROUNDS: Final = 6
Progress = Callable[[str], None]


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    """The benchmark's JSON object."""
    began = time.perf_counter()
    n_rows, seconds, n_killed, rounds = (3_000, 1, 2_000, 1) if quick else (_ROWS, _HALF_LOAD_S, _KILLED_ROWS, _ROUNDS)
    rate = 1_000 if quick else _HALF_LOAD_PER_S
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="telltale-bench-") as folder:
        trained = Path(folder) / "trained"
        with open_home(trained) as home:
            home.train("helios/anomaly")
            home.promote("helios/anomaly", "1", actor="benchmark", reason="benchmark")
        for kind in ("redis", "nats"):
            measures: dict[str, Callable[[Path, Broker], dict[str, float]]] = {
                "speed": partial(_speed, n_rows=n_rows),
                "latency": partial(_latency, rate=rate, seconds=seconds),
                "kills": partial(_kills, n_rows=n_killed, rounds=rounds),
            }
            for name, measure in measures.items():
                own = Path(folder) / f"{kind}-{name}"
                _copy(trained, own)
                with running(kind, Path(folder) / f"{kind}-{name}-broker") as broker:
                    found = measure(own, broker)
                progress(f"{kind}: " + ", ".join(f"{key} {value:,.4g}" for key, value in found.items()))
                figures |= {f"{kind}_{key}": value for key, value in found.items()}
    result = Result(
        benchmark="streams",
        data="simulated",
        cases=1,
        rows=(Row(name="telltale", ours=True, metrics=figures),),
        facts={
            **describe_machine("polars", "onnxruntime", "redis"),
            "redis_server": _told_version("redis-server"),
            "nats_server": _told_version("nats-server"),
            "rows": str(n_rows),
            "services": str(_N_SERVICES),
            "half_load_per_s": str(rate),
            "kills": str(rounds),
            "seconds": f"{time.perf_counter() - began:.1f}",
        },
        notes=(
            "cpu_us_per_event: of the consumer, all threads; broker_cpu_us_per_event of the broker, which serves both ends.",
            "A row that was stored by a consumer that died is answered by another, once: answers are known by their row.",
        ),
    )
    return as_document(result)


def bodies(n: int) -> list[bytes]:
    """Rows of all services at one moment, then of all at the next."""
    simulated = list(check_simulated(APP, "metrics", Simulation(days=7, seed=3)).frame.iter_rows(named=True))
    return [_body(simulated[number // _N_SERVICES % len(simulated)], number) for number in range(n)]


def _body(row: dict[str, Any], number: int) -> bytes:
    sent = {"timestamp": show_time(row[TIME]), "service": f"service-{number % _N_SERVICES:03d}"}
    return msgspec.json.encode(sent | {name: row[name] for name in row if not name.startswith("@")})


def _speed(home: Path, broker: Broker, *, n_rows: int) -> dict[str, float]:
    broker.send(bodies(n_rows))
    broker_s = _cpu_s(broker.process.pid)
    with _consumer(home, broker.url) as process:
        ready_s = _cpu_s(process.pid)
        _await(lambda: broker.n_unsettled() == 0)
        done_s = time.time()
        cpu_s = _cpu_s(process.pid) - ready_s
    broker_s = _cpu_s(broker.process.pid) - broker_s
    first_s = _query(home, "SELECT min(received_us) FROM event")[0][0] / 1e6
    lost, doubled = _count(home, broker, n_rows)
    return {
        "events_per_s": n_rows / (done_s - first_s),
        "cpu_us_per_event": cpu_s / n_rows * 1e6,
        "broker_cpu_us_per_event": broker_s / n_rows * 1e6,
        "lost": lost,
        "doubled": doubled,
    }


def _latency(home: Path, broker: Broker, *, rate: int, seconds: int) -> dict[str, float]:
    sent = bodies(rate * seconds)
    piece = max(1, rate // 20)
    with _consumer(home, broker.url):
        broker.send(sent[:piece])
        _await(lambda: broker.n_unsettled() == 0)
        began = time.perf_counter()
        for first in range(piece, len(sent), piece):
            broker.send(sent[first : first + piece])
            time.sleep(max(0.0, began + first / rate - time.perf_counter()))
        sent_per_s = (len(sent) - piece) / (time.perf_counter() - began)
        _await(lambda: broker.n_unsettled() == 0)
    came = {_key(body, "service", "timestamp"): at for at, body in broker.messages("metrics")}
    told = [(at, _key(body, "entity", "time")) for at, body in broker.messages("scores")]
    took_ms = np.array([1e3 * (at - came[key]) for at, key in told])
    return {
        "half_load_per_s": sent_per_s,
        "p50_ms": float(np.quantile(took_ms, 0.5)),
        "p99_ms": float(np.quantile(took_ms, 0.99)),
    }


def _kills(home: Path, broker: Broker, *, n_rows: int, rounds: int) -> dict[str, float]:
    sent = bodies(n_rows)
    share = n_rows // (rounds + 1)
    url = f"{broker.url}&idle=1"  # what a dead consumer holds comes to the next one after so many seconds
    for number in range(rounds):
        broker.send(sent[share * number : share * (number + 1)])
        with _consumer(home, url) as process:
            time.sleep(0.05 + 0.1 * number)
            process.send_signal(signal.SIGKILL)
    broker.send(sent[share * rounds :])
    with _consumer(home, url):
        _await(lambda: broker.n_unsettled() == 0)
    lost, doubled = _count(home, broker, n_rows)
    return {"lost_by_kills": lost, "doubled_by_kills": doubled}


def _count(home: Path, broker: Broker, n_rows: int) -> tuple[float, float]:
    """Rows lost and rows too many: in the store, in the log, among the answers."""
    asked = {(f"service-{number % _N_SERVICES:03d}", number // _N_SERVICES) for number in range(n_rows)}
    n_lost = n_doubled = 0
    for table in ("event", "prediction"):
        counts = _query(home, f"SELECT count(*) FROM {table} GROUP BY entity, at_us")  # noqa: S608 - of two names
        n_lost += max(0, len(asked) - len(counts))
        n_doubled += sum(n - 1 for (n,) in counts)
    told = Counter(_key(body, "entity", "time") for _, body in broker.messages("scores"))
    return float(n_lost + len(asked) - len(told)), float(n_doubled + told.total() - len(told))


def _key(body: bytes, whose: str, at: str) -> tuple[str, str]:
    told = msgspec.json.decode(body)
    return told[whose], told[at]


@contextmanager
def _consumer(home: Path, url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A consumer that begins to take messages; told to stop at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "telltale", "consume", url, "helios/metrics", "--json"],
        env=os.environ | {"TELLTALE_HOME": str(home), "LOG_LEVEL": "error"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        while b"Consuming" not in (told := process.stderr.readline()):
            if not told:
                raise RuntimeError("the consumer ended at once")
        yield process
    finally:
        process.terminate()
        process.communicate()


def _await(is_so: Callable[[], bool]) -> None:
    while not is_so():
        time.sleep(0.02)


def _query(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "events.db")) as connection:
        return connection.execute(sql).fetchall()


def _cpu_s(pid: int) -> float:
    """Of all threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _copy(trained: Path, to: Path) -> None:
    subprocess.run(["cp", "-a", str(trained), str(to)], check=True)


def _told_version(program: str) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()[:40]
