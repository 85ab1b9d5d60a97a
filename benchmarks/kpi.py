"""Series of services with a label per row: kpi_netman, ms_cloud_monitoring, or any folder of series of either form.

Nothing is fitted beforehand and nothing is tuned per series: each row is scored by those before it (the isolation forest has
seen all rows of the series, without labels). Scored are the rows after the first 15 %, 750 at most. A case is a series, and
figures are means over those that have a labelled row there; with `--test` the series of that folder are scored. Without
`--data`, series that are made up, for a check that it runs.

Ours is the score of a version of helios as it is trained by default for a plain series (`series_ours.py`), which learns row by
row from the first one on. Its score puts rows that start an event above all others, so that an alarm is raised once;
`telltale_deviation` among the variants is how far out each row is, without that. Models of windows there are fitted on the
rows before the scored ones, and again whenever these have doubled; `patches_seen` is the memory within ours alone.

`vus_pr` has a buffer of the series' period (where its autocorrelation peaks, at lags up to 300 rows), 100 rows where there is none.
`event_recall_at_1pct_fp` is at the score that 1 % of the normal rows exceed.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.catalogue import BENCHMARKS, Progress
from benchmarks.machine import describe_machine
from benchmarks.nab_score import learning_rows
from benchmarks.paired import compare
from benchmarks.range_metrics import events_found, period_of, vus_pr
from benchmarks.results import Averaging, Figures, Result, Row, as_document, average
from benchmarks.series_cases import Series, read_kpi
from benchmarks.series_detectors import KPI_BASELINES, Detect, isolation_forest_10
from benchmarks.series_made import made_series
from benchmarks.series_ours import deviation_of_ours, score_of_ours
from benchmarks.subsequence_detectors import VARIANTS as WINDOW_MODELS
from telltale.contract.errors import UsageError
from telltale.evaluate.ranking import average_precision

_OURS: Final = "telltale"
_FALSE_POSITIVE_RATE: Final = 0.01
_N_MADE, _MADE_ROWS, _MADE_ROWS_QUICK = 6, 4_032, 1_500


def run(*, quick: bool, progress: Progress, data: Path | None = None, test: Path | None = None) -> dict[str, Any]:
    """Run it. Raises UsageError, NotFoundError."""
    if data is None and test is not None:
        raise UsageError("--test without --data", where="kpi", mend="Name the folder of known series with --data.")
    series = _series(data if test is None else test, quick=quick, progress=progress)
    scored = [one for one in series if one.labels[learning_rows(len(one.labels)) :].any()]
    spec = BENCHMARKS["kpi"]
    how = Averaging(metrics=spec.shown, lower_is_better=spec.lower_is_better)
    methods: dict[str, Detect] = {_OURS: score_of_ours, **KPI_BASELINES}
    variants: dict[str, Detect] = {
        "telltale_deviation": deviation_of_ours,
        "isolation_forest_10": isolation_forest_10,
        **WINDOW_MODELS,
    }
    rows = [_row(name, detect, scored, how, progress) for name, detect in methods.items()]
    return as_document(
        Result(
            benchmark="kpi",
            data=f"{test}, nothing fitted on {data}" if test else "made up" if data is None else str(data),
            cases=len(scored),
            rows=tuple(rows),
            variants=tuple(_row(name, detect, scored, how, progress) for name, detect in variants.items()),
            comparisons=compare(rows, how),
            facts={
                "series without a labelled row, left out": ", ".join(
                    sorted({s.name for s in series} - {s.name for s in scored})
                )
                or "none",
                **describe_machine("telltale-loop", "scikit-learn"),
            },
            notes=("The series are made up: no figure here is one of ours to quote.",) if data is None else (),
        )
    )


def _series(folder: Path | None, *, quick: bool, progress: Progress) -> list[Series]:
    if folder is None:
        return [made_series(_MADE_ROWS_QUICK if quick else _MADE_ROWS, seed=seed) for seed in range(_N_MADE)]
    series = read_kpi(folder, progress=progress)
    return series[:: max(1, len(series) // 4)] if quick else series


def _row(name: str, detect: Detect, series: Sequence[Series], how: Averaging, progress: Progress) -> Row:
    progress(f"{name}: {len(series)} series")
    started = time.perf_counter()
    by_case = {one.name: _figures(one, detect) for one in series}
    return Row(
        name=name,
        ours=name == _OURS,
        metrics=average(by_case, how),
        by_case=by_case,
        seconds=round(time.perf_counter() - started, 3),
    )


def _figures(series: Series, detect: Detect) -> Figures:
    first = learning_rows(len(series.labels))
    labels, scores = series.labels[first:], detect(series)[first:]
    return {
        "average_precision": average_precision(labels, scores),
        "vus_pr": vus_pr(labels, scores, buffer=period_of(series.values[:, None])),
        "event_recall_at_1pct_fp": events_found(labels, scores, false_positive_rate=_FALSE_POSITIVE_RATE)[0],
    }
