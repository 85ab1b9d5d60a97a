"""Segments of customers: do they tell apart who spends later, and do they come out the same again?

Online Retail: cancellations and lines without a customer are dropped; the first three quarters of the span (nine months of
twelve) are the past, the rest is what came later, and of that nothing is seen. Every method divides everybody who ordered in the
past. Online Shoppers: sessions, every fourth of them scored; what came later is `Revenue`; recency, frequency and money stand in
for by exit rate, pages of products and seconds on them, so the columns that the plain methods see there are the better known half
of what ours sees. With `--test`, everything of `--data` is learned from; where the lines of `--test` begin where those of
`--data` end, the shop's customers are scored on them; else those of `--test` are divided as of three quarters of their span.

Ours is a version of `storefront/users` as `telltale train` makes one: `storefront/order` rows through the app's own derivation
(as of several earlier moments, so that the past says what came of the past), the task's defaults, its runtime asked for each row
by `answer`.

- `lift_top20`: customers in the order of their segment's worth, equals within a segment by the method's own figure (ours: what
  the answer expects; quintiles, k-means and mixture: money so far; BG/NBD: the expected spend); the share of what was spent later
  that the first fifth has, over a fifth.
- `eta2`: share of the variance of ln(1 + later spend) between segments; `eta2_any` of whether there was any.
- `bootstrap_ari`: mean adjusted Rand index between the division and those fitted on resampled customers, on the same people.
- `segments`, `smallest_share`; `silhouette`, `davies_bouldin`, `calinski_harabasz` on one space for all methods: robustly scaled
  logarithms of recency, frequency and money; `clv_mae`, `clv_spearman` of the expected spend, of those that give one (ours
  is of 90 days, and is taken in proportion to the weeks that are scored).

Rows are means over the sets that are there; each set's own figures stand under `by_case`. BG/NBD says nothing of sessions.
Comparisons are paired over resampled customers of Online Retail.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.catalogue import BENCHMARKS, Progress
from benchmarks.machine import describe_machine
from benchmarks.results import Averaging, Comparison, Figures, Result, Row, Table, as_document, average, defined
from benchmarks.users_baselines import Divide, Division, Fit, bg_nbd, gmm_bic, kmeans_rfm, rfm_quintiles
from benchmarks.users_cases import Case, People, read_cases
from telltale.apps.storefront import APP
from telltale.apps.storefront.customers import NEXT_DAYS
from telltale.contract.answer import Input
from telltale.contract.errors import UsageError
from telltale.evaluate.segment_metrics import adjusted_rand_index
from telltale.evaluate.segment_worth import eta_squared, lift_of_top
from telltale.models.bundle import load_bundle
from telltale.models.segment_runtime import SegmentRuntime
from telltale.train.fitted import TrainingChoices
from telltale.train.version import TrainingRows, train_version

_SPEC = BENCHMARKS["users"]
_METRICS: Final = (
    "lift_top20", "eta2", "bootstrap_ari", "eta2_any", "segments", "smallest_share",
    "silhouette", "davies_bouldin", "calinski_harabasz", "clv_mae", "clv_spearman",
)  # fmt: skip
_COMPARED: Final = ("lift_top20", "eta2")
_N_REFITS, _N_REFITS_QUICK = 20, 4
_N_RESAMPLES: Final = 2_000
_MOST_SILHOUETTE: Final = 2_000

BASELINES: Final[dict[str, Fit]] = {
    "rfm_quintiles": rfm_quintiles,
    "kmeans_rfm": kmeans_rfm,
    "gmm_bic": gmm_bic,
    "bg_nbd": bg_nbd,
}


@dataclass(frozen=True)
class Scored:
    """A method on one set: its division of the people asked for, divisions by refits, and the seconds of one fit."""

    division: Division
    refits: Sequence[NDArray[np.int64]]
    seconds: float


def run(*, quick: bool, progress: Progress, data: Path | None = None, test: Path | None = None) -> dict[str, Any]:
    """Every method on every set. Raises UsageError without data."""
    if data is None:
        raise UsageError("there are no made-up customers", where="users", mend="Name a folder with --data.")
    import sklearn.cluster  # noqa: F401 - the limit holds for libraries that are loaded
    from threadpoolctl import threadpool_limits

    # Many fits on few rows: threads would wait for each other, whatever the method.
    with threadpool_limits(limits=1):
        return _run(quick=quick, progress=progress, data=data, test=test)


def _run(*, quick: bool, progress: Progress, data: Path, test: Path | None) -> dict[str, Any]:
    cases = read_cases(data, test, quick=quick)
    n_refits = _N_REFITS_QUICK if quick else _N_REFITS
    scored: dict[str, dict[str, Scored]] = {}
    tables = []
    for case in cases:
        progress(f"{case.name}: telltale")
        own, table = _ours(case)
        tables.append(table)
        scored.setdefault("telltale", {})[case.name] = own
        for name, fit in BASELINES.items():
            if case.past.histories is None and fit is bg_nbd:
                continue
            progress(f"{case.name}: {name}, {n_refits} refits")
            scored.setdefault(name, {})[case.name] = _baseline(case, fit, n_refits)
    by_name = {case.name: case for case in cases}
    figures = {
        name: {case: _figures(by_name[case], found) for case, found in own.items()} for name, own in scored.items()
    }
    how = Averaging(metrics=_METRICS, lower_is_better=_SPEC.lower_is_better)
    rows = tuple(
        Row(
            name=name,
            ours=name == "telltale",
            metrics={metric: average(own, how).get(metric) for metric in _METRICS},
            by_case=own,
            seconds=sum(found.seconds for found in scored[name].values()),
        )
        for name, own in figures.items()
    )
    leading = cases[0]
    return as_document(
        Result(
            benchmark="users",
            data=f"{data}, scored on {test}" if test else str(data),
            cases=len(cases),
            rows=rows,
            comparisons=_comparisons(leading, {name: own[leading.name].division for name, own in scored.items()
                                               if leading.name in own}),
            tables=tuple(tables),
            facts={
                **{f"{case.name}, scored": f"{len(case.later):,}" for case in cases},
                **{f"{case.name}, weeks after": f"{case.weeks:.1f}" for case in cases if case.weeks},
                **describe_machine("telltale-loop", "scikit-learn", "scipy"),
            },
            notes=(
                "Indices of shape (silhouette and the like) reward few, far segments: they are for the reader, not a goal.",
                "Quintiles make up to 13 segments and BG/NBD ten; ours at most six.",
            ),
        )
    )  # fmt: skip


def _ours(case: Case) -> tuple[Scored, Table]:
    """A version by the task's defaults, asked row by row; its own refits."""
    task = APP.task("users")
    columns = tuple(name for name in case.learned.columns if not name.startswith("@"))
    rows = TrainingRows(kind="file", train=case.learned, held_out=case.learned[:0], columns=columns)
    with TemporaryDirectory(prefix="telltale-") as scratch:
        started = perf_counter()
        train_version(APP, task, rows, TrainingChoices(), directory=Path(scratch), progress=lambda *_: None)
        seconds = perf_counter() - started
        runtime = SegmentRuntime(load_bundle(Path(scratch)))
    people = case.asked.rows
    values = people.select(runtime.columns).rows()
    answers = runtime.answer([Input(rows=[row], times=[0.0]) for row in values])
    which = np.array([answer.segment for answer in answers], dtype=np.int64)
    outcome = runtime.outcomes[0]
    expected = np.array([(answer.expected or {})[outcome] for answer in answers])
    features = runtime.features_of(people)
    refits = [refit.assign(features)[0] for refit in runtime.refits()]
    worth = np.lexsort((expected, -which)).argsort().astype(np.float64)
    if case.weeks:
        expected = expected * case.weeks / (NEXT_DAYS / 7)
    table = Table(
        title=f"{case.name}: ours",
        columns=("segment", "name", "rule", "share", "later", "any later"),
        rows=tuple(
            (
                segment,
                name,
                rule,
                round(float((which == segment).mean()), 3),
                defined(float(case.later[which == segment].mean())) if (which == segment).any() else None,
                defined(float((case.later[which == segment] > 0).mean())) if (which == segment).any() else None,
            )
            for segment, (name, rule) in enumerate(zip(runtime.names, runtime.rules, strict=True))
        ),
    )
    return Scored(Division(which=which, worth=worth, expected=expected), refits, seconds), table


def _baseline(case: Case, fit: Fit, n_refits: int) -> Scored:
    n = len(case.past.plain)
    started = perf_counter()
    division = fit(case, np.arange(n), 0)(case.asked)
    seconds = perf_counter() - started
    rng = np.random.default_rng(0)
    refits = []
    for number in range(n_refits):
        divide: Divide = fit(case, rng.integers(0, n, n), 1 + number)
        refits.append(divide(case.asked).which)
    return Scored(division, refits, seconds)


def _figures(case: Case, found: Scored) -> Figures:
    which = np.unique(found.division.which, return_inverse=True)[1].astype(np.int64)
    later = case.later
    expected = found.division.expected
    return {
        "lift_top20": lift_of_top(found.division.worth, later),
        "eta2": eta_squared(which, np.log1p(later)),
        "eta2_any": eta_squared(which, (later > 0).astype(np.float64)),
        "bootstrap_ari": float(np.mean([adjusted_rand_index(which, refit) for refit in found.refits])),
        "segments": float(which.max() + 1),
        "smallest_share": float(np.bincount(which).min() / len(which)),
        **_shape(case.asked, which),
        "clv_mae": None if expected is None or not case.weeks else float(np.abs(expected - later).mean()),
        "clv_spearman": None if expected is None or not case.weeks else _spearman(expected, later),
    }


def _shape(people: People, which: NDArray[np.int64]) -> Figures:
    """Indices of shape on one space for every method."""
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

    logs = np.log1p(people.plain)
    low, middle, high = np.quantile(logs, (0.25, 0.5, 0.75), axis=0)
    space = (logs - middle) / np.where(high > low, high - low, 1.0)
    index: dict[str, Callable[..., Any]] = {
        "silhouette": lambda *pair: silhouette_score(*pair, sample_size=_MOST_SILHOUETTE, random_state=0),
        "davies_bouldin": davies_bouldin_score,
        "calinski_harabasz": calinski_harabasz_score,
    }
    return {name: float(of(space, which)) if which.max() else None for name, of in index.items()}


def _spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    ranks = pl.DataFrame({"one": one, "other": other}).select(pl.all().rank("average"))
    return float(np.corrcoef(ranks["one"].to_numpy(), ranks["other"].to_numpy())[0, 1])


def _comparisons(case: Case, divisions: dict[str, Division]) -> tuple[Comparison, ...]:
    """Ours less the best baseline in each metric, over resampled customers."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(case.later), (_N_RESAMPLES, len(case.later)))
    numbers = {name: np.unique(one.which, return_inverse=True)[1] for name, one in divisions.items()}
    logs = np.log1p(case.later)

    def value(metric: str, name: str, rows: NDArray[np.intp]) -> float:
        if metric == "eta2":
            return eta_squared(numbers[name][rows], logs[rows])
        return lift_of_top(divisions[name].worth[rows], case.later[rows])

    everybody = np.arange(len(case.later))
    made = []
    for metric in _COMPARED:
        best = max(BASELINES.keys() & divisions.keys(), key=lambda name: value(metric, name, everybody))
        found = [value(metric, "telltale", rows) - value(metric, best, rows) for rows in drawn]
        low, high = np.quantile(found, (0.025, 0.975)).tolist()
        made.append(
            Comparison(
                metric=metric,
                baseline=best,
                difference=value(metric, "telltale", everybody) - value(metric, best, everybody),
                low=low,
                high=high,
                n_cases=len(case.later),
            )
        )
    return tuple(made)
