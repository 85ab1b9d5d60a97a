"""One row, from the bytes of a request to the bytes of the answer; and the forest alone, against other ways to run it; and a list of items.

`single_row_us` of ours is the function that serves `POST /v1/helios/anomaly/predict`, on a promoted version in an open
server edge, without the socket: decode, validate, plan, model, threshold, reasons where the row is flagged, prediction
id, the record for the log, encode. For the others it is our decoding, validation and plan, then their model, and no
answer object: what is compared there is the model.

`forest_us` is one row of features through one and the same forest (100 trees, fitted by scikit-learn on the version's
twelve features): our fused graph, `score_samples` of scikit-learn, and skl2onnx's conversion in ONNX Runtime on one
thread. `difference` is how far a score is from scikit-learn's at most, over a sample of the rows.

`recommend_us` is the promised path `/recommend` of a shop with ten thousand items: `latency_recommend.py` says what is asked.

Figures are medians over single calls, each on another row, by `perf_counter_ns`; methods take turns in rounds, and the garbage collector is on, as it is in a server. `vs_sklearn` is the median over rounds of the ratio.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.catalogue import Progress
from benchmarks.latency_recommend import recommend_us
from benchmarks.machine import describe_machine
from benchmarks.results import Figures, Result, Row, as_document
from telltale.apps.helios import ANOMALY, APP
from telltale.contract.errors import TelltaleError
from telltale.contract.estimator import Features
from telltale.contract.simulation import Simulation
from telltale.features.frame import feature_matrix
from telltale.features.window import CompiledPlan
from telltale.home.apps import app_references
from telltale.home.home import open_home
from telltale.models.isolation_forest import FusedForest, fuse
from telltale.models.runtimes import scoring
from telltale.models.score_runtime import ScoreRuntime
from telltale.serve.edge import open_edge
from telltale.serve.live.live_task import Place
from telltale.serve.predict.bodies import BodyReader
from telltale.serve.predict.decide import predict
from telltale.serve.settings import ServeSettings

_TASK = "helios/anomaly"
_TARGET_US = {"single_row_us": 100.0, "forest_us": 30.0, "recommend_us": 1_000.0}
_TARGET_VS_SKLEARN = 100.0

ScoreOne = Callable[[Features], float]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A served version, the forest all methods run, and rows no call has seen before."""

    place: Place
    runtime: ScoreRuntime
    forest: Any
    bodies: Sequence[bytes]
    features: Features


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    rounds, quick_calls, slow_calls = (3, 200, 8) if quick else (9, 2_000, 40)
    with TemporaryDirectory(prefix="telltale-bench-") as folder:
        progress(f"training {_TASK}")
        home_folder = Path(folder) / "home"
        with open_home(home_folder) as home:
            trained = home.train(_TASK, simulation=Simulation(days=3.0 if quick else 7.0))
            home.promote(_TASK, str(trained.version.number), actor="benchmark", reason="benchmark", override=True)
            runtime = scoring(home.load(_TASK)[1])
        forest = _fit_forest(feature_matrix(runtime.plan, trained.rows.train))
        bodies, features = _fresh_rows(runtime, rounds * quick_calls)
        # What a crash could lose is written between rounds, not in them: a flush is not part of a request.
        settings = ServeSettings(home=str(home_folder), apps=app_references(), flush_s=60.0)
        edge = open_edge(settings)
        try:
            edge.versions.refresh()
            bench = Bench(
                place=edge.place("helios", "anomaly"),
                runtime=runtime,
                forest=forest,
                bodies=bodies,
                features=features,
            )
            found = _measure(bench, rounds=rounds, quick_calls=quick_calls, slow_calls=slow_calls, progress=progress)
        finally:
            edge.close()
    us, of_recommend = recommend_us(quick=quick, progress=progress)
    found = {name: {**figures, "recommend_us": us if name == "telltale" else None} for name, figures in found.items()}
    rows = tuple(Row(name=name, ours=name == "telltale", metrics=figures) for name, figures in found.items())
    return as_document(
        Result(
            benchmark="latency",
            data="simulated",
            cases=1,
            rows=rows,
            facts={
                "rounds": str(rounds),
                "calls a round": f"{quick_calls:,} (scikit-learn {slow_calls})",
                "trees": str(len(forest.estimators_)),
                "features": str(features.shape[1]),
                **of_recommend,
                **describe_machine("scikit-learn", "skl2onnx", "onnxruntime", "msgspec"),
            },
            notes=_notes(found["telltale"]),
        )
    )


def _fit_forest(features: Features) -> Any:
    from sklearn.ensemble import IsolationForest

    return IsolationForest(n_estimators=100, random_state=0).fit(features)


def _fresh_rows(runtime: ScoreRuntime, n: int) -> tuple[list[bytes], Features]:
    """Bodies as a client sends them, all different, one in twenty anomalous; and the features of each alone."""
    rows = APP.simulate(ANOMALY.event, Simulation(n_rows=n, seed=5, start=APP.start + timedelta(days=364)))
    compiled = CompiledPlan(runtime.plan)
    bodies, features = [], []
    for row in rows.iter_rows(named=True):
        sent = {"timestamp": row["timestamp"].isoformat(), **{name: row[name] for name in runtime.columns}}
        bodies.append(msgspec.json.encode(sent))
        slots = compiled.run([[row[name] for name in runtime.columns]], [row["timestamp"].timestamp()], "")
        features.append(compiled.features(slots))
    return bodies, np.array(features, dtype=np.float32)


def _measure(bench: Bench, *, rounds: int, quick_calls: int, slow_calls: int, progress: Progress) -> dict[str, Figures]:
    scorers: dict[str, ScoreOne] = {
        "telltale": FusedForest(fuse(bench.forest, n_features=bench.features.shape[1])).score_one,
        "scikit_learn": lambda row: float(-bench.forest.score_samples(row)[0]),
        "stock_onnx": _stock_onnx(bench.forest, bench.features[:1]),
    }
    exact = -bench.forest.score_samples(bench.features)
    made: dict[str, dict[str, list[float]]] = {name: {"single_row_us": [], "forest_us": []} for name in scorers}
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}")
        first = number * quick_calls
        for name, score_one in scorers.items():
            last = first + (slow_calls if name == "scikit_learn" else quick_calls)
            whole = _served(bench.place, bench.bodies[0]) if name == "telltale" else _whole(bench.runtime, score_one)
            made[name]["single_row_us"].append(_median_us(whole, bench.bodies[first:last]))
            rows = [bench.features[place : place + 1] for place in range(first, last)]
            made[name]["forest_us"].append(_median_us(score_one, rows))
    checked = range(0, len(bench.features), max(1, len(bench.features) // 40))
    found: dict[str, Figures] = {}
    for name, score_one in scorers.items():
        slow = made["scikit_learn"]["forest_us"]
        ratios = [slow[place] / own for place, own in enumerate(made[name]["forest_us"])]
        apart = max(abs(score_one(bench.features[i : i + 1]) - exact[i]) for i in checked)
        found[name] = {metric: statistics.median(values) for metric, values in made[name].items()}
        found[name] |= {"vs_sklearn": statistics.median(ratios), "difference": float(apart)}
    return found


def _median_us(call: Callable[[Any], object], inputs: Sequence[Any]) -> float:
    """The median call, after a few that are not counted."""
    clock = time.perf_counter_ns
    for value in inputs[:5]:
        call(value)
    taken = []
    for value in inputs:
        began = clock()
        call(value)
        taken.append(clock() - began)
    return statistics.median(taken) / 1_000


def _served(place: Place, example: bytes) -> Callable[[bytes], object]:
    """The served function, once it has answered a row and refused a body without columns."""
    statuses = [predict(place, body)[0] for body in (example, b"{}")]
    if statuses != [200, 422]:
        raise TelltaleError(f"predict answered {statuses}, not [200, 422]", where="latency")
    return lambda body: predict(place, body)


def _whole(runtime: ScoreRuntime, score_one: ScoreOne) -> Callable[[bytes], object]:
    reader, compiled = BodyReader(runtime.manifest.event, runtime.columns), CompiledPlan(runtime.plan)

    def call(body: bytes) -> float:
        row = reader.row(body)
        assert row is not None
        values, time_s, entity, _ = row
        slots = compiled.run((values,), (time_s or 0.0,), entity or "")
        return score_one(np.array([compiled.features(slots)], dtype=np.float32))

    return call


def _stock_onnx(forest: Any, example: NDArray[np.float32]) -> ScoreOne:
    """skl2onnx's conversion; its score is scikit-learn's `decision_function`, less the offset."""
    import onnxruntime as ort
    from skl2onnx import to_onnx

    converted = to_onnx(forest, example, target_opset={"": 21, "ai.onnx.ml": 3})
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(converted.SerializeToString(), options, providers=["CPUExecutionProvider"])
    name, outputs, offset = session.get_inputs()[0].name, ["scores"], float(forest.offset_)

    def score_one(row: Features) -> float:
        return -(float(session.run(outputs, {name: row})[0].ravel()[0]) + offset)

    return score_one


def _notes(ours: Figures) -> tuple[str, ...]:
    told = []
    for metric, limit in _TARGET_US.items():
        value = ours[metric] or float("nan")
        told.append(f"{metric} {value:.1f}: goal at most {limit:g}, {'met' if value <= limit else 'not met'}.")
    ratio = ours["vs_sklearn"] or 0.0
    verdict = "met" if ratio >= _TARGET_VS_SKLEARN else "not met"
    told.append(f"vs_sklearn {ratio:.0f}: goal at least {_TARGET_VS_SKLEARN:g}, {verdict}.")
    return tuple(told)
