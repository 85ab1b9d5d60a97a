"""Events to disk: over HTTP into our server, and by bare sqlite3 into the same tables.

Both store the same rows, of helios/metrics, durably: write-ahead log, synchronous=FULL, at most 5,000 rows to a
transaction. Ours is a real server on one core, with the generator on the other: a closed loop of 24 connections, 500 rows
a request, lists and one object a line by turns; one of sixteen requests is sent twice at once under a key, others later.
Bare sqlite3 has the server's core, its rows made into tuples before the clock starts, and nobody to answer. Rounds are
interleaved, and figures are medians over them (`vs_sqlite` of the ratios within a round).

`lost` and `duplicated` are counted in the database after the server has stopped: rows acknowledged that are not there, and
rows there more than once, acknowledged as new more than once, or told of differently under one key.
"""

import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.ingest_load import Load
from benchmarks.ingest_rows import PATH, ROWS_A_REQUEST, body, stored_row
from benchmarks.ingest_sqlite import Took
from benchmarks.machine import describe_machine
from benchmarks.results import Figures, Result, Row, as_document
from benchmarks.serve_peers.servers import Server, cores, python_command, running
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder

_PORT: Final = 18_740
_APP: Final = "telltale.apps.helios:APP"
_CONNECTIONS: Final = 24
_SINGLE_CONNECTIONS: Final = 64
_ROWS_A_GROUP: Final = 5_000
_SERVE: Final = (
    "import msgspec, os; from telltale.serve.server import serve; from telltale.serve.settings import ServeSettings; "
    f"serve(msgspec.json.decode(os.environ['BENCH_SETTINGS'], type=ServeSettings), port={_PORT})"
)


def run(*, quick: bool, progress: Callable[[str], None]) -> dict[str, Any]:
    """The benchmark's JSON object."""
    began = time.perf_counter()
    rounds, n_requests, n_single = (1, 40, 300) if quick else (7, 300, 10_000)
    n_rows = n_requests * ROWS_A_REQUEST
    with tempfile.TemporaryDirectory(prefix="telltale-bench-") as folder:
        homes = {name: Path(folder) / name for name in ("telltale", "bare_sqlite")}
        for home in homes.values():
            open_folder(home).close()
        rates: dict[str, list[float]] = {name: [] for name in homes}
        cpu_us: dict[str, list[float]] = {name: [] for name in homes}
        loads: list[Load] = []
        settings = ServeSettings(home=str(homes["telltale"]), apps=(_APP,), log_level="warning")
        with running(
            "telltale",
            python_command("-c", _SERVE),
            port=_PORT,
            path=PATH,
            body=body(0, as_list=True),
            environment={"BENCH_SETTINGS": msgspec.json.encode(settings).decode()},
        ) as server:
            first = warm = ROWS_A_REQUEST  # what the server was asked until it answered
            for number in range(rounds + 1):
                cpu_s = server.cpu_s()
                loads.append(_load(first, n_requests, ROWS_A_REQUEST, _CONNECTIONS))
                cpu_s = server.cpu_s() - cpu_s
                bare_took = _bare(homes["bare_sqlite"] / "events.db", first, n_rows)
                first += n_rows
                if number == 0:
                    continue  # caches, and pages of the files: not counted
                rates["telltale"].append(n_rows / loads[-1].seconds)
                rates["bare_sqlite"].append(n_rows / bare_took.seconds)
                cpu_us["telltale"].append(cpu_s / n_rows * 1e6)
                cpu_us["bare_sqlite"].append(bare_took.cpu_s / n_rows * 1e6)
                progress(
                    f"round {number} of {rounds}: {rates['telltale'][-1]:,.0f} and {rates['bare_sqlite'][-1]:,.0f} a second"
                )
            single = _load(first, n_single, 1, _SINGLE_CONNECTIONS)
            figures = _figures(server, rates, loads, single)
        lost, duplicated = count_in_file(
            homes["telltale"] / "events.db", warm, first + n_single - warm, [*loads, single]
        )
        ratios = [ours / bare for ours, bare in zip(rates["telltale"], rates["bare_sqlite"], strict=True)]
    ours: Figures = {
        "events_per_s": statistics.median(rates["telltale"]),
        "vs_sqlite": statistics.median(ratios),
        "vs_sqlite_min": min(ratios),
        "vs_sqlite_max": max(ratios),
        "lost": float(lost),
        "duplicated": float(duplicated),
        "cpu_us_per_event": statistics.median(cpu_us["telltale"]),
        **figures,
    }
    bare: Figures = {
        "events_per_s": statistics.median(rates["bare_sqlite"]),
        "vs_sqlite": 1.0,
        "lost": 0.0,
        "duplicated": 0.0,
        "cpu_us_per_event": statistics.median(cpu_us["bare_sqlite"]),
    }
    result = Result(
        benchmark="ingest",
        data="-",
        cases=1,
        rows=(Row(name="telltale", ours=True, metrics=ours), Row(name="bare_sqlite", ours=False, metrics=bare)),
        facts={
            **describe_machine("granian", "msgspec"),
            "sqlite": sqlite3.sqlite_version,
            "rounds": str(rounds),
            "rows_a_round": str(n_rows),
            "rows_a_request": str(ROWS_A_REQUEST),
            "connections": str(_CONNECTIONS),
            "seconds": f"{time.perf_counter() - began:.1f}",
        },
        notes=(
            "Both write the same tables and indexes with synchronous=FULL, at most 5,000 rows to a transaction.",
            "cpu_us_per_event: of all threads and processes; it tells more than the clock where others use the machine.",
            "single_per_s: requests a second that bring one row each, over 64 connections.",
        ),
    )
    return as_document(result)


def _load(first: int, n_requests: int, rows_a_request: int, n_connections: int) -> Load:
    asked = (_PORT, first, n_requests, rows_a_request, n_connections)
    command = ["taskset", "-c", str(cores()[1]), *python_command("-m", "benchmarks.ingest_load", *map(str, asked))]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return msgspec.json.decode(told, type=Load)


def _bare(path: Path, first: int, n_rows: int) -> Took:
    command = python_command("-m", "benchmarks.ingest_sqlite", str(path), str(first), str(n_rows), str(_ROWS_A_GROUP))
    told = subprocess.run(["taskset", "-c", str(cores()[0]), *command], stdout=subprocess.PIPE, check=True).stdout
    return msgspec.json.decode(told, type=Took)


def _figures(server: Server, rates: dict[str, list[float]], loads: list[Load], single: Load) -> Figures:
    return {
        "single_per_s": single.n_requests / single.seconds,
        "single_p99_ms": single.p99_ms,
        "p50_ms": statistics.median(load.p50_ms for load in loads[1:]),
        "p99_ms": statistics.median(load.p99_ms for load in loads[1:]),
        "refused": float(sum(load.refused for load in loads)),
        "rss_mb": server.rss_mb(),
        "rounds": float(len(rates["telltale"])),
    }


def count_in_file(path: Path, first: int, n_rows: int, loads: list[Load]) -> tuple[int, int]:
    """Rows lost and rows too many, by what is in the file."""
    connection = sqlite3.connect(path)
    stored = connection.execute(
        'SELECT entity, at_us, "values", count(*) FROM event GROUP BY entity, at_us, "key"'
    ).fetchall()
    connection.close()
    found = {(entity, at_us, values): n for entity, at_us, values, n in stored}
    wanted = [stored_row(number) for number in range(first, first + n_rows)]
    lost = sum((entity, at_us, values) not in found for entity, at_us, _, values, _ in wanted)
    n_told = sum(load.accepted for load in loads)
    too_many = sum(n - 1 for n in found.values()) + max(0, n_told - n_rows) + sum(load.differing for load in loads)
    return lost + max(0, n_rows - n_told), too_many
