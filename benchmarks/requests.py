"""Attacks among requests to a shop: CSIC 2010, HttpParamsDataset, an access log, whichever a folder holds; else simulated ones.

Each distinct request (method, path, query, body) counts once; one that stands there as an attack and as a normal one is left
out, and no request that is scored is among those fitted on. At home (no `--test`): of CSIC 2010 the normal requests of the
file for training and the first half of the attacks in the order of theirs are fitted on, the file for testing and the second half
scored, so that attacks are of later campaigns; of HttpParamsDataset two thirds are fitted on, drawn. Its values are sent in one
parameter, escaped as a browser would. With `--test` everything in `--data` is fitted on. Neither set has answer times or
failures: they are constant. Without `--data`: three made-up shops, each method fitted on one seed and scored on another.

`auroc` and `recall_at_1pct_fp` (attacks found where 1 % of normal requests are flagged) are of what a method makes of
labelled rows; `_normal_only` of what it makes of normal rows, nothing labelled. Ours is what `telltale train
storefront/requests` gives with its defaults in either case. `character_ngrams` is a logistic regression of TF-IDF character
n-grams where there are labels, and how rare n-grams are among normal ones where there are none; lengths of n-grams and the
pull of the regression are tuned on a quarter of the fitted rows, the lengths of the latter with the attacks among them, which ours does
not see. `isolation_forest` is of lengths, and never has labels.

Of an access log, which has no labels, `false_alarms_per_1000_clients` counts clients with a flagged request, attackers and
crawlers among them, in rows after those fitted on. In made-up shops `event_recall` is of attackers' incidents, and
`clean_clients_flagged` of clients without one; baselines are cut where 1 % of the fitted shop's clean clients would be flagged.
"""

import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.catalogue import BENCHMARKS, Progress
from benchmarks.machine import describe_machine
from benchmarks.paired import compare
from benchmarks.requests_cases import LABEL, LOG, Trial, checked, read_sets, trial_at_home, trial_of_two
from benchmarks.requests_detectors import LABELLED, NORMAL_ONLY, Fitted, normal_only, ours
from benchmarks.results import Averaging, Figures, Result, Row, as_document, average, defined
from telltale.apps.storefront import APP
from telltale.apps.storefront.simulate import simulate
from telltale.contract.errors import UsageError
from telltale.contract.estimator import Scores
from telltale.contract.simulation import Simulation
from telltale.evaluate.alarm_figures import alarm_figures
from telltale.evaluate.clean_entities import clean_entities_flagged, threshold_of_clean_entities
from telltale.evaluate.ranking import auroc
from telltale.features.frame import epoch_s
from telltale.telemetry.frames import ENTITY

_SPEC = BENCHMARKS["requests"]
_HOW = Averaging(metrics=_SPEC.shown, lower_is_better=_SPEC.lower_is_better)
_OURS: Final = "telltale"
_FALSE_POSITIVES: Final = 0.01
_CLEAN_SHARE: Final = 0.01
_MOST_QUICK: Final = 1_000
_MEMORY_S: Final = 600.0


def run(*, quick: bool, progress: Progress, data: Path | None = None, test: Path | None = None) -> dict[str, Any]:
    trials = _trials(data, test, quick=quick, progress=progress)
    rows = [_row(_OURS, trials, progress)]
    rows += [_row(name, trials, progress) for name in NORMAL_ONLY]
    return as_document(
        Result(
            benchmark="requests",
            data=f"{data}, scored on {test}" if test else str(data) if data else "made up",
            cases=len(trials),
            rows=tuple(rows),
            comparisons=compare(rows, _HOW),
            facts={
                **{trial.case: _sizes(trial) for trial in trials},
                **describe_machine("telltale-loop", "scikit-learn"),
            },
            notes=_NOTES,
        )
    )


_NOTES: Final = (
    "The benign values of HttpParamsDataset were taken from CSIC 2010: the two are no independent evidence.",
    "Of an access log without labels nobody knows which alarms are false: crawlers and scanners are counted as such.",
)


def _trials(data: Path | None, test: Path | None, *, quick: bool, progress: Progress) -> list[Trial]:
    if data is None:
        if test is not None:
            raise UsageError("--test without --data", where="requests", mend="Name the folder to fit on with --data.")
        return [_made(seed, n_rows=_MOST_QUICK if quick else None) for seed in range(1 if quick else 3)]
    sets = read_sets(data, progress=progress)
    if test is None:
        most = {"most": _MOST_QUICK} if quick else {}
        return [trial_at_home(name, frame, **most) for name, frame in sets.items()]
    others = read_sets(test, progress=progress)
    if not sets.keys() & others.keys():
        raise UsageError(f"{sorted(sets)} and {sorted(others)} are different sets", where="requests")
    return [trial_of_two(name, sets[name], others[name]) for name in sets if name in others]


def _made(seed: int, *, n_rows: int | None) -> Trial:
    train, test = (
        checked(simulate("request", Simulation(seed=one, n_rows=n_rows, start=APP.start)).drop("attack"), "made up")
        for one in (seed, 100 + seed)
    )
    return Trial(case=f"shop {seed}", columns=train[1], train=train[0], test=test[0])


def _sizes(trial: Trial) -> str:
    told = []
    for rows, what in ((trial.train, "fitted on"), (trial.test, "scored")):
        share = f" ({(rows[LABEL] == 1).sum():,} attacks)" if LABEL in rows.columns else ""
        told.append(f"{rows.height:,} requests {what}{share}")
    return ", ".join(told)


def _row(name: str, trials: list[Trial], progress: Progress) -> Row:
    started = time.perf_counter()
    by_case: dict[str, Figures] = {}
    for trial in trials:
        progress(f"{name}: {trial.case}")
        by_case[trial.case] = _of_log(name, trial) if trial.case == LOG else _of_labelled(name, trial)
    names = dict.fromkeys(metric for figures in by_case.values() for metric in figures)
    how = Averaging(metrics=tuple(names), lower_is_better=_SPEC.lower_is_better)
    return Row(
        name=name,
        ours=name == _OURS,
        metrics={**dict.fromkeys(_SPEC.shown), **average(by_case, how)},
        by_case=by_case,
        seconds=round(time.perf_counter() - started, 3),
    )


def _fit(name: str, trial: Trial, *, labelled: bool) -> Fitted | None:
    """The method with or without labels; None where it has no use for labels."""
    if name == _OURS:
        return ours(trial.train if labelled else normal_only(trial.train), trial.columns)
    if labelled and name not in LABELLED:
        return None
    score = (LABELLED if labelled else NORMAL_ONLY)[name](trial.train)
    return Fitted(score=score, threshold=_cut(trial.train, score(trial.train)))


def _cut(frame: pl.DataFrame, scores: Scores) -> float:
    """Where a baseline is cut, which brings no cut of its own."""
    events = np.zeros(frame.height, dtype=bool) if LABEL not in frame.columns else frame[LABEL].to_numpy() == 1
    if frame[ENTITY].n_unique() == 1:
        return float(np.quantile(scores[~events], 1.0 - _FALSE_POSITIVES))
    return threshold_of_clean_entities(events, scores, _whose(frame), share=_CLEAN_SHARE, recall=1.0)


def _whose(frame: pl.DataFrame) -> NDArray[np.int64]:
    return frame[ENTITY].rank("dense").to_numpy().astype(np.int64)


def _of_labelled(name: str, trial: Trial) -> Figures:
    found: Figures = {}
    for suffix, labelled in (("", True), ("_normal_only", False)):
        fitted = _fit(name, trial, labelled=labelled)
        if fitted is not None:
            found |= {f"{metric}{suffix}": value for metric, value in _figures(fitted, trial.test).items()}
    # What has no use for labels is what it is with them, too.
    return found | {
        metric.removesuffix("_normal_only"): value
        for metric, value in found.items()
        if metric.removesuffix("_normal_only") not in found
    }


def _figures(fitted: Fitted, frame: pl.DataFrame) -> Figures:
    truth = frame[LABEL].to_numpy().astype(np.int8)
    scores = fitted.score(frame)
    cut = np.quantile(scores[truth == 0], 1.0 - _FALSE_POSITIVES)
    found: Figures = {
        "auroc": defined(auroc(truth, scores)),
        "recall_at_1pct_fp": float((scores[truth == 1] > cut).mean()),
    }
    if frame[ENTITY].n_unique() > 1:
        events, decided, whose = truth == 1, scores >= fitted.threshold, _whose(frame)
        alarms = alarm_figures(events, decided, epoch_s(frame).to_numpy(), whose, memory_s=_MEMORY_S)
        found["event_recall"] = defined(alarms.event_recall)
        found["clean_clients_flagged"] = defined(clean_entities_flagged(events, decided, whose).value)
    return found


def _of_log(name: str, trial: Trial) -> Figures:
    fitted = _fit(name, trial, labelled=False)
    assert fitted is not None
    decided = fitted.score(trial.test) >= fitted.threshold
    nothing = np.zeros(len(decided), dtype=bool)
    share = clean_entities_flagged(nothing, decided, _whose(trial.test)).value
    return {"false_alarms_per_1000_clients": 1_000.0 * share, "flagged_share_of_requests": float(decided.mean())}
