"""Predictions over HTTP: ours, a server that answers a constant, and four ways in which others serve a model.

The server has one core, the generator another. All servers stay up; rounds are interleaved, and figures are medians over
rounds (ratios: of the ratios within a round), because a shared machine is never equally busy twice. `requests_per_s` is a
closed loop of 32 connections; latencies are an open loop at half of that server's own saturation. The model of the
peers is an isolation forest on the raw columns, without the features that ours computes. MLServer and BentoML run in
environments of their own, made on demand and kept (`TELLTALE_BENCH_CACHE`); `--quick` leaves them and scikit-learn out. Batches go to one
worker: as lines on the server's core, as Arrow on both cores. `personhood_first` and `personhood_again` are `/predict` on
the same server once the peers are gone: questions that are new each time, and 64 that come again; `vs_plain` is the ratio
to the plain prediction within a round.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from benchmarks.machine import describe_machine
from benchmarks.results import Figures, Result, Row, as_document
from benchmarks.serve_peers import personhood
from benchmarks.serve_peers.arrow_load import arrow_batch, arrow_stream
from benchmarks.serve_peers.generators import batch, open_loop, saturate
from benchmarks.serve_peers.peers import Contender, constant, fastapi, in_own_environments
from benchmarks.serve_peers.servers import Server, cores, python_command, running
from telltale.cli.example_bodies import example_bodies
from telltale.contract.app import App, Task
from telltale.contract.simulation import Simulation
from telltale.home.apps import app_references, find_task
from telltale.home.home import Home, open_home
from telltale.serve.settings import ServeSettings

_FIRST_PORT = 18_700
_N_BODIES = 64
Servers = Sequence[tuple[Contender, Server]]


def run(
    *, quick: bool, progress: Callable[[str], None], task: str = "helios/anomaly", rate: float | None = None
) -> dict[str, Any]:
    """The benchmark's JSON object."""
    began = time.perf_counter()
    rounds, seconds, n_lines, n_arrow = (1, 1, 10_000, 50_000) if quick else (7, 2, 300_000, 1_000_000)
    with tempfile.TemporaryDirectory(prefix="telltale-bench-") as folder:
        at = Path(folder)
        progress(f"training {task}")
        with open_home(at / "home") as home:
            app, found = find_task(home.apps, task)
            version = home.train(task).version
            home.promote(task, str(version.number), actor="benchmark", reason="benchmark", override=True)
            if found.kind != "score":
                return _of_other_kind(app, found, at, quick=quick, rate=rate, progress=progress)
            rows = _rows(app, found)
            columns = _write_peer_model(home, app, found, at)
            progress("training personhood/averages")
            questions = personhood.prepare(home, at, quick=quick)
        bodies = _write_bodies(rows.iter_rows(named=True), at)
        path = f"/v1/{task}/predict"
        others: list[Contender] = []
        missing = ["fastapi_sklearn, mlserver and bentoml are left out by --quick."]
        contenders = _contenders(at, path, bodies)
        if not quick:
            asked = rows.select(columns).rows()
            others, missing = in_own_environments(asked, at, port=_FIRST_PORT + 10, progress=progress)
            contenders += [fastapi("sklearn", path, bodies, at, port=_FIRST_PORT + 3), *others]
        with ExitStack() as stack:
            servers = [(one, _start(stack, one, progress)) for one in contenders]
            rates = _saturation(servers, rounds=rounds, seconds=seconds, progress=progress)
            figures = {}
            for one, server in servers:
                figures[one.name] = _figures(rates, one.name) | _latency(
                    server,
                    one,
                    statistics.median(rates[one.name]) / 2,
                    rate=rate,
                    seconds=seconds,
                    rounds=min(rounds, 3),
                )
                figures[one.name] |= {"rss_mb": server.rss_mb(), "start_s": server.start_s}
            progress(f"batch of {n_lines} lines")
            figures["telltale"] |= _batch(servers[0][1], f"{path}:batch", bodies, n_lines)
        with ExitStack() as stack:
            server = _start(stack, contenders[0], progress)
            variants = personhood.measure(
                server, contenders[0], questions, rounds=rounds, seconds=seconds, progress=progress
            )
        progress(f"batch of {n_arrow} rows as Arrow")
        figures["telltale"] |= _arrow(contenders[0], rows, n_arrow, progress)
    result = Result(
        benchmark="serve",
        data="simulated",
        cases=1,
        rows=tuple(Row(name=name, ours=name == "telltale", metrics=found) for name, found in figures.items()),
        variants=variants,
        facts={
            **describe_machine("granian", "uvicorn", "fastapi", "msgspec", "onnxruntime"),
            **{one.name: one.version for one in others},
            "task": task,
            "rounds": str(rounds),
            "seconds_a_round": str(seconds),
            "seconds": f"{time.perf_counter() - began:.1f}",
        },
        notes=(
            *_ratios(rates),
            "constant answers fixed bytes of the same length without reading the body; it bounds what is possible here.",
            "The peers neither log predictions, nor compute features, nor give reasons.",
            *missing,
        ),
    )
    return as_document(result)


def _rows(app: App, task: Task) -> pl.DataFrame:
    """Ordinary rows of the task's event, as clients send them."""
    event = app.event(task.event)
    rows = app.simulate(event.name, Simulation(n_rows=288, positive_rate=0.0, seed=9, start=app.start))
    names = [column.name for column in event.columns]
    return rows.head(_N_BODIES).select(event.time, pl.lit("bench").alias("entity"), *names)


def _of_other_kind(
    app: App, task: Task, folder: Path, *, quick: bool, rate: float | None, progress: Callable[[str], None]
) -> dict[str, Any]:
    """A task that does not score, beside a constant alone: no peer answers what it is asked."""
    rounds, seconds = (1, 1) if quick else (7, 2)
    bodies = _write_bodies(example_bodies(app, task, _N_BODIES), folder)
    path = f"/v1/{app.name}/{task.name}/predict"
    contenders = [_ours(folder, path, bodies, port=_FIRST_PORT), constant(path, bodies, port=_FIRST_PORT + 1)]
    with ExitStack() as stack:
        servers = [(one, _start(stack, one, progress)) for one in contenders]
        rates = _saturation(servers, rounds=rounds, seconds=seconds, progress=progress)
        figures = {}
        for one, server in servers:
            half = statistics.median(rates[one.name]) / 2
            found = _latency(server, one, half, rate=rate, seconds=seconds, rounds=min(rounds, 3))
            figures[one.name] = (
                _figures(rates, one.name) | found | {"rss_mb": server.rss_mb(), "start_s": server.start_s}
            )
    result = Result(
        benchmark="serve",
        data="simulated",
        cases=1,
        rows=tuple(Row(name=name, ours=name == "telltale", metrics=found) for name, found in figures.items()),
        facts={
            **describe_machine("granian", "msgspec", "onnxruntime"),
            "task": f"{app.name}/{task.name}",
            "rounds": str(rounds),
            "seconds_a_round": str(seconds),
        },
        notes=(
            "constant answers fixed bytes of the same length without reading the body; it bounds what is possible here.",
        ),
    )
    return as_document(result)


def _write_bodies(bodies: Iterable[Mapping[str, Any]], folder: Path) -> Path:
    """A body a line."""
    lines = [msgspec.json.encode(body) for body in bodies]
    file = folder / "bodies.ndjson"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file


def _write_peer_model(home: Home, app: App, task: Task, folder: Path) -> tuple[str, ...]:
    """Write what the peers serve; the columns that it reads."""
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
    return rows.columns


def _contenders(folder: Path, path: str, bodies: Path) -> list[Contender]:
    """Those that are always asked, ours first."""
    return [
        _ours(folder, path, bodies, port=_FIRST_PORT),
        constant(path, bodies, port=_FIRST_PORT + 1),
        fastapi("onnx", path, bodies, folder, port=_FIRST_PORT + 2),
    ]


def _ours(folder: Path, path: str, bodies: Path, *, port: int) -> Contender:
    settings = ServeSettings(home=str(folder / "home"), apps=app_references())
    start = (
        "import msgspec, os; from telltale.serve.server import serve; from telltale.serve.settings import ServeSettings; "
        f"serve(msgspec.json.decode(os.environ['BENCH_SETTINGS'], type=ServeSettings), port={port})"
    )
    return Contender(
        name="telltale",
        port=port,
        command=(*python_command("-c", start),),
        environment={"BENCH_SETTINGS": msgspec.json.encode(settings).decode()},
        path=path,
        bodies=bodies,
    )


def _start(stack: ExitStack, one: Contender, progress: Callable[[str], None], *, on: Sequence[int] = ()) -> Server:
    progress(f"starting {one.name}")
    first = one.bodies.read_bytes().splitlines()[0]
    return stack.enter_context(
        running(one.name, one.command, port=one.port, path=one.path, body=first, environment=one.environment, on=on)
    )


def _saturation(
    servers: Servers, *, rounds: int, seconds: int, progress: Callable[[str], None]
) -> dict[str, list[float]]:
    """Requests a second of each server in each round."""
    found: dict[str, list[float]] = {one.name: [] for one, _ in servers}
    for one, server in servers:  # caches and connections, not counted
        open_loop(server, one.path, one.bodies, rate=200.0, seconds=0.2)
    for number in range(rounds):
        for one, server in servers:
            found[one.name].append(saturate(server, one.path, one.bodies, seconds=seconds))
        progress(f"round {number + 1} of {rounds}")
    return found


def _figures(rates: Mapping[str, Sequence[float]], name: str) -> Figures:
    return {
        "requests_per_s": statistics.median(rates[name]),
        "vs_constant": _ratio(rates[name], rates["constant"]),
    }


def _ratios(rates: Mapping[str, Sequence[float]]) -> list[str]:
    """How often ours answers while a peer answers once."""
    return [
        f"vs_{name} {_ratio(rates['telltale'], own):.2f}."
        for name, own in rates.items()
        if name not in {"telltale", "constant"}
    ]


def _ratio(rates: Sequence[float], base: Sequence[float]) -> float:
    """Within rounds: a shared machine is never equally busy twice."""
    return statistics.median(own / other for own, other in zip(rates, base, strict=True))


def _latency(server: Server, one: Contender, half: float, *, rate: float | None, seconds: int, rounds: int) -> Figures:
    """Medians over rounds: a single stall of a shared machine moves a whole p99."""
    seen = [open_loop(server, one.path, one.bodies, rate=half, seconds=seconds) for _ in range(rounds)]
    figures: Figures = {
        "p50_ms": statistics.median(one.p50_ms for one in seen),
        "p99_ms": statistics.median(one.p99_ms for one in seen),
        "open_loop_per_s": half,
    }
    if rate is not None:
        # A server that did not answer what was due has no latency at that rate.
        asked = open_loop(server, one.path, one.bodies, rate=rate, seconds=seconds)
        figures["p99_at_rate_ms"] = asked.p99_ms if asked.n >= asked.n_due else None
    return figures


def _batch(server: Server, path: str, bodies: Path, n_rows: int) -> Figures:
    block = bodies.read_bytes()

    def lines() -> Iterator[bytes]:
        for _ in range(-(-n_rows // _N_BODIES)):
            yield block

    n_answered, seconds, growth_mb = batch(server, path, lines)
    return {"batch_rows_per_s": n_answered / seconds, "batch_rss_growth_mb": growth_mb}


def _arrow(ours: Contender, rows: pl.DataFrame, n_rows: int, progress: Callable[[str], None]) -> Figures:
    """A server of its own on both cores, once the others are gone; the second of two batches, so that memory is warm."""
    stream = arrow_stream(rows, n_rows)
    with ExitStack() as stack:
        server = _start(stack, ours, progress, on=cores())
        arrow_batch(server, f"{ours.path}:batch", stream, n_rows)
        rows_per_s, growth_mb = arrow_batch(server, f"{ours.path}:batch", stream, n_rows)
    return {"batch_arrow_rows_per_s": rows_per_s, "batch_arrow_rss_growth_mb": growth_mb}


if __name__ == "__main__":
    import sys

    document = run(quick="--quick" in sys.argv, progress=lambda what: print(what, file=sys.stderr))
    print(msgspec.json.format(msgspec.json.encode(document)).decode())
