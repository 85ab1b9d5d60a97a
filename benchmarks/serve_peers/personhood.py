"""`POST /predict` of personhood beside a plain prediction, on one server: asked for the first time, and asked again.

A first answer is on disk before it is told; so every one of them costs a row in a table whose keys are random, and a wait
for the disk. Asked again, it is looked up. Both are more than a plain prediction does, whose log is written behind it.
"""

import statistics
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.results import Figures, Row
from benchmarks.serve_peers.generators import FRESH, open_loop, saturate
from benchmarks.serve_peers.peers import Contender
from benchmarks.serve_peers.servers import Server
from telltale.contract.simulation import Simulation
from telltale.home.apps import find_task
from telltale.home.home import Home
from telltale.train.fitted import TrainingChoices

PATH = "/predict"
_TASK = "personhood/averages"
_N_QUESTIONS = 64


def prepare(home: Home, folder: Path, *, quick: bool) -> dict[str, Path]:
    """Promote a version of what answers `/predict`; bodies of questions that are new each time, and of some that are not."""
    choices = TrainingChoices(estimator="logistic_regression") if quick else TrainingChoices()
    version = home.train(_TASK, choices=choices).version
    home.promote(_TASK, str(version.number), actor="benchmark", reason="benchmark", override=True)
    app, task = find_task(home.apps, _TASK)
    event = app.event(task.event)
    names = [column.name for column in event.columns if column.dtype == "float"]
    rows = app.simulate(event.name, Simulation(n_rows=_N_QUESTIONS, positive_rate=1.0, seed=9, start=app.start))
    found = {}
    for name, first in (("personhood_first", FRESH), ("personhood_again", "0" * len(FRESH))):
        found[name] = folder / f"{name}.ndjson"
        bodies = [
            msgspec.json.encode({"did": f"0x{first}{number:048x}", "features": features})
            for number, features in enumerate(rows.select(names).iter_rows(named=True))
        ]
        found[name].write_bytes(b"\n".join(bodies) + b"\n")
    return found


def measure(
    server: Server,
    plain: Contender,
    bodies: dict[str, Path],
    *,
    rounds: int,
    seconds: int,
    progress: Callable[[str], None],
) -> tuple[Row, ...]:
    """A row for each kind of question. Plain predictions are asked within the same rounds, for the ratio."""
    for file in bodies.values():  # caches and connections, not counted
        open_loop(server, PATH, file, rate=200.0, seconds=0.4)
    rates: dict[str, list[float]] = {name: [] for name in bodies}
    ratios: dict[str, list[float]] = {name: [] for name in bodies}
    for number in range(rounds):
        base = saturate(server, plain.path, plain.bodies, seconds=seconds)
        for name, file in bodies.items():
            rates[name].append(saturate(server, PATH, file, seconds=seconds))
            ratios[name].append(rates[name][-1] / base)
        progress(f"/predict: round {number + 1} of {rounds}")
    return tuple(
        Row(name=name, ours=False, metrics=_figures(server, bodies[name], rates[name], ratios[name], seconds=seconds))
        for name in bodies
    )


def _figures(server: Server, file: Path, rates: list[float], ratios: list[float], *, seconds: int) -> Figures:
    half = statistics.median(rates) / 2
    seen = open_loop(server, PATH, file, rate=half, seconds=seconds)
    return {
        "requests_per_s": statistics.median(rates),
        "vs_plain": statistics.median(ratios),
        "p50_ms": seen.p50_ms,
        "p99_ms": seen.p99_ms,
        "open_loop_per_s": half,
    }
