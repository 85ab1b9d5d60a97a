"""Predictions over HTTP: ours, a server that answers a constant, and FastAPI with a model in it.

The server has one core, the generator another. All servers stay up; rounds are interleaved, and figures are medians over
rounds (`vs_constant` of the ratios within a round), because a shared machine is never equally busy twice.
`requests_per_s` is a closed loop of 32 connections; latencies are an open loop at half of that server's own saturation.
The model of the peers is an isolation forest on the raw columns, without the features that ours computes.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.machine import describe_machine
from benchmarks.results import Figures, Result, Row, as_document
from benchmarks.serve_peers.generators import batch, open_loop, saturate
from benchmarks.serve_peers.servers import Server, python_command, running
from telltale.contract.app import App, Task
from telltale.contract.simulation import Simulation
from telltale.home.apps import app_references, find_task
from telltale.home.home import Home, open_home
from telltale.serve.settings import ServeSettings

_FIRST_PORT = 18_700
_N_BODIES = 64
_GRANIAN = ("-m", "granian", "--workers", "1", "--no-ws", "--log-level", "error")


def run(
    *, quick: bool, progress: Callable[[str], None], task: str = "helios/anomaly", rate: float | None = None
) -> dict[str, Any]:
    """The benchmark's JSON object."""
    began = time.perf_counter()
    rounds, seconds, n_batch = (1, 1, 10_000) if quick else (7, 2, 300_000)
    with tempfile.TemporaryDirectory(prefix="telltale-bench-") as folder, ExitStack() as stack:
        at = Path(folder)
        progress(f"training {task}")
        with open_home(at / "home") as home:
            app, found = find_task(home.apps, task)
            version = home.train(task).version
            home.promote(task, str(version.number), actor="benchmark", reason="benchmark", override=True)
            bodies = _write_bodies(app, found, at)
            _write_peer_model(home, app, found, at)
        path = f"/v1/{task}/predict"
        servers = _start(stack, at, path=path, body=bodies.read_bytes().splitlines()[0], progress=progress)
        figures = _saturation(servers, path, bodies, rounds=rounds, seconds=seconds, progress=progress)
        for server in servers:
            figures[server.name] |= _latency(server, path, bodies, figures[server.name], rate=rate, seconds=seconds)
            figures[server.name]["rss_mb"] = server.rss_mb()
            figures[server.name]["start_s"] = server.start_s
        progress(f"batch of {n_batch} rows")
        figures["telltale"] |= _batch(servers[0], f"{path}:batch", bodies, n_batch)
    result = Result(
        benchmark="serve",
        data="simulated",
        cases=1,
        rows=tuple(Row(name=name, ours=name == "telltale", metrics=found) for name, found in figures.items()),
        facts={
            **describe_machine("granian", "uvicorn", "fastapi", "msgspec", "onnxruntime"),
            "task": task,
            "rounds": str(rounds),
            "seconds_a_round": str(seconds),
            "seconds": f"{time.perf_counter() - began:.1f}",
        },
        notes=(
            "constant answers fixed bytes of the same length without reading the body; it bounds what is possible here.",
            "The peers neither log predictions, nor compute features, nor give reasons.",
            "mlserver and bentoml need environments of their own and are not in this table yet.",
        ),
    )
    return as_document(result)


def _write_bodies(app: App, task: Task, folder: Path) -> Path:
    """Ordinary rows of the task's event, one a line."""
    event = app.event(task.event)
    rows = app.simulate(event.name, Simulation(n_rows=288, positive_rate=0.0, seed=9, start=app.start))
    names = [column.name for column in event.columns]
    lines = [
        msgspec.json.encode({event.time: row[event.time].isoformat(), "entity": "bench", **{name: row[name] for name in names}})
        for row in rows.head(_N_BODIES).iter_rows(named=True)
    ]  # fmt: skip
    file = folder / "bodies.ndjson"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file


def _write_peer_model(home: Home, app: App, task: Task, folder: Path) -> None:
    import joblib  # type: ignore[import-untyped]  # it has no annotations
    from sklearn.ensemble import IsolationForest

    from telltale.models.isolation_forest import fuse

    event = app.event(task.event)
    rows = home.training_rows(app, task, data=None, simulation=None, seed=0)
    matrix = rows.train.select(rows.columns).to_numpy()
    forest = IsolationForest(n_estimators=100, random_state=0).fit(matrix)
    joblib.dump(forest, folder / "forest.joblib")
    (folder / "forest.onnx").write_bytes(fuse(forest, n_features=matrix.shape[1]))
    limits = [
        {"name": name, "low": column.low if column else None, "high": column.high if column else None}
        for name in rows.columns
        for column in [event.column(name)]
    ]
    (folder / "columns.json").write_bytes(msgspec.json.encode(limits))


def _start(stack: ExitStack, folder: Path, *, path: str, body: bytes, progress: Callable[[str], None]) -> list[Server]:
    """Every server, ours first; the constant is as long as our answer."""
    settings = ServeSettings(home=str(folder / "home"), apps=app_references())
    ours = (
        "import msgspec, os; from telltale.serve.server import serve; from telltale.serve.settings import ServeSettings; "
        f"serve(msgspec.json.decode(os.environ['BENCH_SETTINGS'], type=ServeSettings), port={_FIRST_PORT})"
    )
    commands: dict[str, tuple[list[str], Mapping[str, str]]] = {
        "telltale": (python_command("-c", ours), {"BENCH_SETTINGS": msgspec.json.encode(settings).decode()}),
        "constant": (
            python_command(*_GRANIAN, "--interface", "rsgi", "--port", "{port}", "benchmarks.serve_peers.constant:app"),
            {"BENCH_ANSWER": "0" * 220},
        ),
    }
    for scorer in ("onnx", "sklearn"):
        commands[f"fastapi_{scorer}"] = (
            python_command(
                "-m", "uvicorn", "--port", "{port}", "--log-level", "error", "benchmarks.serve_peers.fastapi_model:app"
            ),
            {"BENCH_MODEL": str(folder), "BENCH_SCORER": scorer},
        )
    servers = []
    for place, (name, (command, environment)) in enumerate(commands.items()):
        progress(f"starting {name}")
        port = _FIRST_PORT + place
        started = [part.replace("{port}", str(port)) for part in command]
        servers.append(
            stack.enter_context(running(name, started, port=port, path=path, body=body, environment=environment))
        )
    return servers


def _saturation(
    servers: list[Server], path: str, bodies: Path, *, rounds: int, seconds: int, progress: Callable[[str], None]
) -> dict[str, Figures]:
    found: dict[str, list[float]] = {server.name: [] for server in servers}
    for server in servers:  # caches and connections, not counted
        open_loop(server, path, bodies, rate=500.0, seconds=0.2)
    for number in range(rounds):
        for server in servers:
            found[server.name].append(saturate(server, path, bodies, seconds=seconds))
        progress(f"round {number + 1} of {rounds}")
    return {
        name: {
            "requests_per_s": statistics.median(rates),
            "vs_constant": statistics.median(ours / base for ours, base in zip(rates, found["constant"], strict=True)),
        }
        for name, rates in found.items()
    }


def _latency(server: Server, path: str, bodies: Path, known: Figures, *, rate: float | None, seconds: int) -> Figures:
    half = (known["requests_per_s"] or 0.0) / 2
    seen = open_loop(server, path, bodies, rate=half, seconds=seconds)
    figures: Figures = {"p50_ms": seen.p50_ms, "p99_ms": seen.p99_ms, "open_loop_per_s": half}
    if rate is not None:
        # A server that did not answer what was due has no latency at that rate.
        asked = open_loop(server, path, bodies, rate=rate, seconds=seconds)
        figures["p99_at_rate_ms"] = asked.p99_ms if asked.n >= asked.n_due else None
    return figures


def _batch(server: Server, path: str, bodies: Path, n_rows: int) -> Figures:
    block = bodies.read_bytes()

    def lines() -> Iterator[bytes]:
        for _ in range(-(-n_rows // _N_BODIES)):
            yield block

    n_answered, seconds, growth_mb = batch(server, path, lines)
    return {"batch_rows_per_s": n_answered / seconds, "batch_rss_growth_mb": growth_mb}


if __name__ == "__main__":
    import sys

    document = run(quick="--quick" in sys.argv, progress=lambda what: print(what, file=sys.stderr))
    print(msgspec.json.format(msgspec.json.encode(document)).decode())
