"""The Numenta Anomaly Benchmark: series that stream by, early detections gain, false ones cost; nothing is tuned per series.

`standard`, `low_fp` and `low_fn` are the official rule (`nab_score.py`): one threshold for all series, the best one on the
very series that are scored. `standard_cv` is `standard` at a threshold chosen on half of the series and scored on the other
half, both ways, in the mean of ten draws of halves; with `--test` the threshold comes from the series of `--data`, and all
figures are of those of `--test`. Scores are of the stream as it came: each row is scored by what was there before it.
Without `--data`, series that are made up, for a check that it runs.

Ours is the score of a version of helios as it is trained by default for a plain series (`series_ours.py`). Unlike the
published detectors it is not told the smallest and largest value of the file beforehand. `ms_per_row` is the time of all rows
of all series over their number, on one core. The interval of the difference to the best baseline resamples series, thresholds
kept. Variants: `telltale_news` is what an alarm is raised on before the deviation has its say, `telltale_deviation` how far
out each row is, which raises an alarm for as long as an event lasts.

The gate: windowed Gaussian at its official threshold gives 38.5 / 20.7 / 45.9 on the 41 series of the development set and
39.6 / 20.9 / 47.4 on all 58; a fact of the run says what it gives here.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.catalogue import Progress
from benchmarks.machine import describe_machine
from benchmarks.nab_score import PROFILES, Floats, Marked, mark, normalised, sweep
from benchmarks.results import Comparison, Figures, Result, Row, as_document
from benchmarks.series_cases import Series, read_nab
from benchmarks.series_detectors import NAB_BASELINES, Detect
from benchmarks.series_made import made_series
from benchmarks.series_ours import deviation_of_ours, news_of_ours, score_of_ours
from telltale.contract.errors import UsageError

_OURS: Final = "telltale"
_VARIANTS: Final[dict[str, Detect]] = {"telltale_news": news_of_ours, "telltale_deviation": deviation_of_ours}
_N_DRAWS: Final = 10
_N_MADE, _MADE_ROWS, _MADE_ROWS_QUICK = 6, 4_032, 1_500
_N_RESAMPLES: Final = 2_000
_OFFICIAL_THRESHOLD: Final = 1.0  # of the windowed Gaussian, in all three profiles


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Series, what their rows are worth, and of which the scores are known."""

    series: Sequence[Series]
    marked: Sequence[Marked]

    @property
    def n_windows(self) -> int:
        """Of all series."""
        return sum(one.n_windows for one in self.marked)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A method's scores of each series, and the seconds they took."""

    scores: Sequence[Floats]
    seconds: float


def run(*, quick: bool, progress: Progress, data: Path | None = None, test: Path | None = None) -> dict[str, Any]:
    """Run it. Raises UsageError, NotFoundError."""
    if data is None and test is not None:
        raise UsageError(
            "--test without --data", where="nab", mend="Name the folder to choose thresholds on with --data."
        )
    scored, chosen_on = _corpora(data, test, quick=quick, progress=progress)
    methods: dict[str, Detect] = {_OURS: score_of_ours, **NAB_BASELINES, **_VARIANTS}
    score_of_ours(made_series(_MADE_ROWS_QUICK, seed=0))  # training is no part of the time of a row
    rows, gate = [], ""
    for name, detect in methods.items():
        own = _score(name, detect, scored, progress)
        other = None if chosen_on is None else _score(name, detect, chosen_on, progress)
        rows.append(_row(name, scored, own, None if other is None or chosen_on is None else (chosen_on, other)))
        if name == "windowed_gaussian":
            gate = " / ".join(f"{_at(scored, own.scores, profile, _OFFICIAL_THRESHOLD):.2f}" for profile in PROFILES)
    return as_document(
        Result(
            benchmark="nab",
            data=f"{data}, scored on {test}" if test else "made up" if data is None else str(data),
            cases=len(scored.series),
            rows=tuple(row for row in rows if row.name not in _VARIANTS),
            variants=tuple(row for row in rows if row.name in _VARIANTS),
            bounds={"perfect": 100.0},
            comparisons=_against_gaussian(rows, scored),
            facts={
                "windows": str(scored.n_windows),
                "rows": str(sum(len(one.values) for one in scored.series)),
                "windowed Gaussian at the official threshold": gate,
                **describe_machine("telltale-loop", "numpy"),
            },
            notes=("The series are made up: no figure here is one of ours to quote.",) if data is None else (),
        )
    )


def _corpora(data: Path | None, test: Path | None, *, quick: bool, progress: Progress) -> tuple[Corpus, Corpus | None]:
    """The series to score, and others to choose the threshold on."""
    if data is None:
        made = [made_series(_MADE_ROWS_QUICK if quick else _MADE_ROWS, seed=seed) for seed in range(_N_MADE)]
        return corpus_of(made), None
    own = corpus_of(_some(read_nab(data, progress=progress), quick=quick))
    return (own, None) if test is None else (corpus_of(read_nab(test, progress=progress)), own)


def _some(series: list[Series], *, quick: bool) -> list[Series]:
    """A few series where it must be quick."""
    return series[:: max(1, len(series) // 4)] if quick else series


def corpus_of(series: Sequence[Series]) -> Corpus:
    """Series with what their rows are worth."""
    return Corpus(series=series, marked=[mark(len(one.values), one.windows) for one in series])


def _score(name: str, detect: Detect, corpus: Corpus, progress: Progress) -> Scored:
    progress(f"{name}: {len(corpus.series)} series")
    started = time.perf_counter()
    scores = [detect(series) for series in corpus.series]
    return Scored(scores=scores, seconds=time.perf_counter() - started)


def _row(name: str, corpus: Corpus, own: Scored, elsewhere: tuple[Corpus, Scored] | None) -> Row:
    metrics: Figures = {}
    thresholds = {}
    for named, profile in PROFILES.items():
        total, thresholds[named] = sweep(corpus.marked, own.scores, profile).best()
        metrics[named] = normalised(total, corpus.n_windows, profile)
    if elsewhere is None:
        metrics["standard_cv"], metrics["standard_cv_sd"] = cross_validated(corpus.marked, own.scores)
    else:
        chosen = sweep(elsewhere[0].marked, elsewhere[1].scores, PROFILES["standard"]).best()[1]
        metrics["standard_cv"] = _at(corpus, own.scores, "standard", chosen)
    n_rows = sum(len(one.values) for one in corpus.series)
    metrics["ms_per_row"] = 1e3 * own.seconds / n_rows
    by_case = {
        series.name: _figures(one, scores, thresholds["standard"])
        for series, one, scores in zip(corpus.series, corpus.marked, own.scores, strict=True)
    }
    return Row(name=name, ours=name == _OURS, metrics=metrics, by_case=by_case, seconds=round(own.seconds, 3))


def _figures(marked: Marked, scores: Floats, threshold: float) -> Figures:
    """Of one series, at the corpus's threshold: its total, detections outside of windows, and windows found."""
    detected = scores[marked.first :] >= threshold
    return {
        "total": sweep([marked], [scores], PROFILES["standard"]).at(threshold),
        "false_alarms": float((detected & (marked.window < 0)).sum()),
        "windows_found": float(len(np.unique(marked.window[detected & (marked.window >= 0)]))),
        "windows": float(marked.n_windows),
    }


def _at(corpus: Corpus, scores: Sequence[Floats], profile: str, threshold: float) -> float:
    weights = PROFILES[profile]
    return normalised(sweep(corpus.marked, scores, weights).at(threshold), corpus.n_windows, weights)


def cross_validated(marked: Sequence[Marked], scores: Sequence[Floats]) -> tuple[float, float]:
    """`standard` at thresholds from the other half of the series: mean and deviation over draws of halves."""
    profile = PROFILES["standard"]
    found = []
    for draw in range(_N_DRAWS):
        places = np.random.default_rng(draw).permutation(len(marked)).tolist()
        halves = places[: len(places) // 2], places[len(places) // 2 :]
        total, n_windows = 0.0, 0
        for chosen, judged in (halves, halves[::-1]):
            threshold = sweep([marked[i] for i in chosen], [scores[i] for i in chosen], profile).best()[1]
            total += sweep([marked[i] for i in judged], [scores[i] for i in judged], profile).at(threshold)
            n_windows += sum(marked[i].n_windows for i in judged)
        found.append(normalised(total, n_windows, profile))
    return float(np.mean(found)), float(np.std(found))


def _against_gaussian(rows: Sequence[Row], corpus: Corpus) -> tuple[Comparison, ...]:
    """Ours less the windowed Gaussian in `standard`, over resamples of series."""
    ours, baseline = (next(row for row in rows if row.name == name) for name in (_OURS, "windowed_gaussian"))
    windows = np.array([one.n_windows for one in corpus.marked])
    apart = _totals(ours, corpus) - _totals(baseline, corpus)
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(apart), size=(_N_RESAMPLES, len(apart)))
    known = windows[drawn].sum(axis=1) > 0
    # Of a perfect and an empty run the totals are one window's gain and one window's miss apart.
    differences = 100.0 * apart[drawn].sum(axis=1)[known] / (2.0 * windows[drawn].sum(axis=1)[known])
    low, high = np.quantile(differences, (0.025, 0.975)).tolist()
    return (
        Comparison(
            metric="standard",
            baseline="windowed_gaussian",
            difference=float(100.0 * apart.sum() / (2.0 * windows.sum())),
            low=low,
            high=high,
            n_cases=len(apart),
        ),
    )


def _totals(row: Row, corpus: Corpus) -> NDArray[np.float64]:
    return np.array([row.by_case[series.name]["total"] or 0.0 for series in corpus.series])
