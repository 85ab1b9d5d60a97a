"""What is viewed next in a visit to a shop: ours, popularity, item to item, and neighbouring visits (SKNN, VS-KNN, STAN).

Sessions are told by day; each begins on the first day that it has, and views follow by their milliseconds. Without `--test` the
sessions of the last days are scored: those that began on the day on which the last fifth of sessions begins, or later. With `--test`
those of the other folder are scored, after fitting on all of `--data`.

As in the comparisons of Ludewig et al. (2020), views of items that no session to learn from had are left out of the scored
sessions, and each session is revealed item by item: after each view, whatever comes next is looked for among the first 20 of the
whole catalogue, items seen already included.

- hr_20: steps whose next item is there; mrr_20: one over its place, or 0;
- hr_20_all, mrr_20_all: the same over all views, where an item that nobody had viewed before is missed by everyone;
- us_per_answer: microseconds for a list of 20.

Intervals (`_low`, `_high`; 95 %) and comparisons resample sessions.

Ours is a version of `storefront/recommend` as `telltale train` makes one with its defaults, a session being an entity, asked as a visitor who
is not known is: `seen` the session so far, `include_seen`. Every baseline is tuned by the mean of hit rate and reciprocal rank on the
newest fifth of the sessions to learn from; STAN over every combination of its parameters.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.catalogue import Progress
from benchmarks.machine import describe_machine
from benchmarks.results import Comparison, Figures, Result, Row, as_document
from benchmarks.sessions_baselines import Score, cut, methods, tuned
from benchmarks.sessions_cases import Cases, Step, read_cases
from telltale.apps.storefront import APP
from telltale.contract.estimator import Interactions
from telltale.contract.query import RankQuery
from telltale.models.rank_runtime import RankRuntime, best
from telltale.models.runtimes import load_runtime
from telltale.models.stan import ESTIMATOR as STAN
from telltale.telemetry.frames import ENTITY, LINE, TIME, TIME_DTYPE, sort_checked
from telltale.train.fitted import TrainingChoices
from telltale.train.rank import interactions
from telltale.train.version import TrainingRows, train_version

TOP: Final = 20
_OURS: Final = "telltale"
_METRICS: Final = ("hr_20", "mrr_20")
_RESAMPLES: Final = 2_000
_QUICK_STEPS: Final = 150

Answer = Callable[[tuple[str, ...]], Sequence[str]]
Gains = NDArray[np.float64]  # shape (n steps, 2): hit or not, and one over the place


def run(*, quick: bool, progress: Progress, data: Path | None = None, test: Path | None = None) -> dict[str, Any]:
    cases = read_cases(data, test)
    steps, steps_all = cases.steps(known_only=True), cases.steps(known_only=False)
    if quick:
        steps, steps_all = steps[:_QUICK_STEPS], steps_all[:_QUICK_STEPS]
    frame = _frame(cases)
    task = APP.task("recommend")
    assert task.ranking is not None, "it orders items"
    _, items, rows = interactions(frame, task.ranking)
    facts: dict[str, str] = {}
    made: dict[str, Row] = {}
    gains: dict[str, Gains] = {}
    for name, answer, told in _answers(frame, items, rows, quick=quick, progress=progress):
        progress(f"{name}: {len(steps) + len(steps_all):,} steps")
        began = time.perf_counter()
        gains[name] = _gains(answer, steps)
        us_per_answer = 1e6 * (time.perf_counter() - began) / max(len(steps), 1)
        metrics = {**_metrics(gains[name], steps), **_metrics_all(_gains(answer, steps_all))}
        made[name] = Row(name=name, ours=name == _OURS, metrics={**metrics, "us_per_answer": us_per_answer})
        facts[name] = told
    baselines = [name for name in made if name not in {_OURS, "stan_and_returns", "visit_again"}]
    return as_document(
        Result(
            benchmark="sessions",
            data=str(data) if data else "simulated",
            cases=len({step.visit for step in steps}),
            rows=tuple(made[name] for name in (_OURS, *baselines)),
            variants=tuple(row for name, row in made.items() if name not in {_OURS, *baselines}),
            comparisons=tuple(
                _comparison(gains[_OURS], gains[name], metric, name, steps)
                for metric in _METRICS
                for name in dict.fromkeys(("stan", max(baselines, key=lambda one: made[one].metrics[metric] or 0.0)))
            ),
            facts={
                "sessions to learn from": f"{len(cases.learnt):,}",
                "items": f"{len(items):,}",
                "steps scored": f"{len(steps):,} ({len(steps_all):,} with new items)",
                "steps back to an item of the session": f"{np.mean([one.wanted in one.seen for one in steps]):.1%}",
                **{f"{name}, as tuned": told for name, told in facts.items() if told},
                **describe_machine("telltale-loop", "numpy", "scipy"),
            },
            notes=(
                "stan_and_returns: the estimator `stan` alone, with its defaults.",
                "visit_again: the session's own items, the last one first.",
            ),
        )
    )


def _answers(
    frame: pl.DataFrame, items: tuple[str, ...], rows: Interactions, *, quick: bool, progress: Progress
) -> Sequence[tuple[str, Answer, str]]:
    """Name, what answers, and what was chosen, of every method."""
    visits, n_items = cut(rows), len(items)
    counts = np.bincount(rows.items, minlength=n_items).astype(np.float64)
    number = {item: place for place, item in enumerate(items)}

    def of_scores(score: Score) -> Answer:
        def answer(seen: tuple[str, ...]) -> Sequence[str]:
            scores = score([number[item] for item in seen if item in number])
            return [items[place] for place in best(scores, counts, TOP).tolist()]

        return answer

    found: list[tuple[str, Answer, str]] = []
    progress("ours: training")
    began = time.perf_counter()
    runtime = _train(frame)
    found.append((_OURS, _asked(runtime), f"{runtime.manifest.estimator}, {time.perf_counter() - began:.1f} s"))
    for name, method in methods(quick=quick).items():
        progress(f"{name}: tuning over {len(method.settings)}")
        score, setting = tuned(method, visits, n_items)
        found.append((name, of_scores(score), str(setting)))
    ranker = STAN.load(STAN.fit(rows, parameters=STAN.defaults, seed=0))
    found.append(("stan_and_returns", of_scores(lambda visit: ranker.score((), visit)), ""))

    def again(visit: list[int]) -> Gains:
        scores = np.zeros(n_items)
        scores[visit] = np.arange(1.0, len(visit) + 1)
        return scores

    found.append(("visit_again", of_scores(again), ""))
    return found


def _frame(cases: Cases) -> pl.DataFrame:
    """The rows to learn from, as the check of a file gives them."""
    views = [
        (visit.name, at, item) for visit in cases.learnt for at, item in zip(visit.times, visit.items, strict=True)
    ]
    n = len(views)
    return sort_checked(
        pl.DataFrame(
            {
                ENTITY: [name for name, _, _ in views],
                TIME: pl.Series([at for _, at, _ in views]).cast(TIME_DTYPE),
                LINE: np.arange(1, n + 1, dtype=np.int64),
                "item_id": [item for _, _, item in views],
                "kind": ["view"] * n,
            }
        )
    )


def _train(frame: pl.DataFrame) -> RankRuntime:
    task = APP.task("recommend")
    rows = TrainingRows(kind="file", train=frame, held_out=frame.clear(), columns=("item_id", "kind"))
    with TemporaryDirectory(prefix="telltale-") as scratch:
        made = train_version(
            APP, task, rows, TrainingChoices(), directory=Path(scratch) / "version", progress=lambda *_: None
        )
        runtime = load_runtime(made.directory)
    assert isinstance(runtime, RankRuntime), "a task of another kind"
    return runtime


def _asked(runtime: RankRuntime) -> Answer:
    def answer(seen: tuple[str, ...]) -> Sequence[str]:
        found = runtime.ask([RankQuery(seen=seen, top_k=TOP, include_seen=True)])[0]
        return [ranked.item for ranked in found.items]

    return answer


def _gains(answer: Answer, steps: Sequence[Step]) -> Gains:
    gains = np.zeros((len(steps), len(_METRICS)))
    for place, step in enumerate(steps):
        items = list(answer(step.seen))
        if step.wanted in items:
            gains[place] = 1.0, 1.0 / (1 + items.index(step.wanted))
    return gains


def _metrics(gains: Gains, steps: Sequence[Step]) -> Figures:
    found: Figures = {}
    for column, metric in enumerate(_METRICS):
        low, high = _interval(gains[:, column], steps)
        found |= {metric: float(gains[:, column].mean()), f"{metric}_low": low, f"{metric}_high": high}
    return found


def _metrics_all(gains: Gains) -> Figures:
    return {f"{metric}_all": float(gains[:, column].mean()) for column, metric in enumerate(_METRICS)}


def _comparison(own: Gains, other: Gains, metric: str, name: str, steps: Sequence[Step]) -> Comparison:
    apart = (own - other)[:, _METRICS.index(metric)]
    low, high = _interval(apart, steps)
    n_visits = len({step.visit for step in steps})
    return Comparison(
        metric=metric, baseline=name, difference=float(apart.mean()), low=low, high=high, n_cases=n_visits
    )


def _interval(values: Gains, steps: Sequence[Step]) -> tuple[float, float]:
    """Of the mean over steps, where whole sessions are drawn again."""
    _, whose = np.unique([step.visit for step in steps], return_inverse=True)
    sums, counts = np.bincount(whose, values), np.bincount(whose)
    drawn = np.random.default_rng(0).integers(0, len(counts), (_RESAMPLES, len(counts)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), (0.025, 0.975)).tolist()
    return low, high
