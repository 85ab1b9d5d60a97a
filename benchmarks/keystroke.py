"""Is this the enrolled person typing the password? Ours, and detectors of the literature, on the CMU protocol.

For each person in turn: repetitions 1 to 200 are learnt from, 201 to 400 are genuine, and the first five repetitions of every
other person are impostors' (of people with fewer than 400 repetitions, the older half is learnt from). `eer` is the mean
over people of each one's own equal error rate, FAR and FRR drawn as straight lines between thresholds; `eer_sd` its standard
deviation; `eer_global` the rate at one threshold for all people; `zmfar` the mean share of genuine repetitions rejected at the
lowest threshold that no impostor passes; `auroc` the mean area; `eer_practised` is `eer` with each other person's last five
repetitions as impostors'. In all of these nothing is known but the person's own repetitions.

`eer_background`: the other people in two halves (every other one, by name), one the background, of whom repetitions 1 to 200 are known,
the other impostors; then swapped; the mean of both. Methods that take no background are scored on the same halves. With
`--test` the people scored are those of `--test`, and the background are all of `--data`.

Ours is the product's: sequences of durations are packed into a profile, read back, and matched as the
runtime of `personhood/verify` does. `profile_bytes` is the mean size; `verify_ms_10k` the median time to read one of 10,000 profiles from the
store of a server, build its matcher and score one repetition. Constants of ours and of the baselines were chosen on repetitions 1 to 200 alone
(`benchmarks/keystroke_choice.py`), without those that are impostors' here. `gmm_ubm` without background is a mixture of the person's own.
Without `--data` people are made up: enough to see that it runs, and no figure to quote.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from benchmarks.catalogue import BENCHMARKS, Progress
from benchmarks.keystroke_cases import Repetitions, made_people, read_people, together
from benchmarks.keystroke_detectors import METHODS, TAKES_OTHERS, VARIANTS, Method
from benchmarks.machine import describe_machine
from benchmarks.paired import compare, interval_of_mean
from benchmarks.results import Averaging, Cell, Comparison, Figures, Result, Row, Table, as_document, average, defined
from telltale.contract.errors import UsageError
from telltale.evaluate.error_rates import equal_error_rate, zero_miss_false_alarm_rate
from telltale.evaluate.ranking import auroc
from telltale.models.verification.matcher import match
from telltale.models.verification.profile import pack
from telltale.registry.profiles import find_profile
from telltale.storage import tables
from telltale.storage.database import Database
from telltale.storage.folder import open_folder

Floats = NDArray[np.float64]

_SPEC = BENCHMARKS["keystroke"]
_LEARNT: Final = 200
_FEW: Final = 5  # repetitions of each impostor
_GATE: Final = "manhattan_scaled_21"
_HOW: Final = Averaging(
    metrics=("eer", "zmfar", "auroc", "eer_background", "eer_practised"), lower_is_better=_SPEC.lower_is_better
)
_N_ENROLLED, _N_VERIFIED = 10_000, 300
_N_QUICK: Final = 10
_N_RESAMPLES, _SEED = 10_000, 0


@dataclass(frozen=True)
class Trial:
    """One person: what is learnt from and what is scored.

    Args:
        learnt, genuine: the person's repetitions.
        new, practised: impostors' first and last repetitions.
        halves: background people, and the first repetitions of the impostors that go with them.
    """

    learnt: Repetitions
    genuine: Repetitions
    new: Repetitions
    practised: Repetitions
    halves: tuple[tuple[tuple[Repetitions, ...], Repetitions], ...]


def run(*, quick: bool, progress: Progress, data: Path | None = None, test: Path | None = None) -> dict[str, Any]:
    if test is not None and data is None:
        raise UsageError("--test without --data", where="keystroke", mend="Name the background's folder with --data.")
    people = made_people(8, n_repetitions=120, seed=_SEED) if data is None else read_people(data, progress=progress)
    tested = None if test is None else read_people(test, progress=progress)
    if quick:
        people = dict(list(people.items())[:_N_QUICK])
    trials = trials_of(people, tested)
    rows = tuple(row_of(name, method, trials, progress=progress) for name, method in METHODS.items())
    variants = tuple(row_of(name, method, trials, progress=progress) for name, method in VARIANTS.items())
    rows = (with_costs(rows[0], [trial.learnt for trial in trials.values()], trials), *rows[1:])
    ratio = ratio_to_gate(rows)
    return as_document(
        Result(
            benchmark="keystroke",
            data=f"{data}, scored on {test}" if test else str(data) if data else "made up",
            cases=len(trials),
            rows=rows,
            variants=variants,
            comparisons=(paired(rows, "eer", _GATE), *compare(rows, _HOW)),
            tables=(
                Table(title=f"Mean EER of ours over that of {_GATE}, people resampled", columns=_RATIO, rows=(ratio,)),
            ),
            facts={
                "learnt from": f"{min(len(trial.learnt) for trial in trials.values())} repetitions or more",
                "impostors": f"{_FEW} repetitions of each other person",
                **describe_machine("numpy", "scikit-learn"),
            },
            notes=_NOTES if data else ("The people are made up: no figure here is one of ours to quote.",),
        )
    )


_RATIO: Final = ("ratio", "2.5 %", "97.5 %")
_NOTES: Final = (
    "Published on all 51 people: scaled Manhattan .0962, on 21 columns .0905; times there have 0.1 ms, here perhaps 1 ms.",
    "verify_ms_10k: the profile read from the store of a server with 10,000 people enrolled, unpacked, and one sequence compared.",
    "Where we lose: practised impostors are harder than new ones, and one threshold for all errs more than one for each.",
)


def trials_of(people: Mapping[str, Repetitions], tested: Mapping[str, Repetitions] | None) -> dict[str, Trial]:
    """One trial a person, by name."""
    made = {}
    for name, person in (tested or people).items():
        n_learnt = min(_LEARNT, len(person) // 2)
        others = [other for key, other in (tested or people).items() if key != name]
        if tested is None:
            halves = [(others[half::2], others[1 - half :: 2]) for half in (0, 1)]
        else:
            halves = [(list(people.values()), others)]
        made[name] = Trial(
            learnt=person[slice(0, n_learnt)],
            genuine=person[slice(n_learnt, n_learnt + _LEARNT)],
            new=_few(others, slice(0, _FEW)),
            practised=_few(others, slice(-_FEW, None)),
            halves=tuple(
                (tuple(other[slice(0, _LEARNT)] for other in background), _few(impostors, slice(0, _FEW)))
                for background, impostors in halves
            ),
        )
    return made


def _few(people: Sequence[Repetitions], rows: slice) -> Repetitions:
    return together([person[rows] for person in people])


def row_of(name: str, method: Method, trials: Mapping[str, Trial], *, progress: Progress) -> Row:
    """One method over all trials."""
    progress(name)
    started = time.perf_counter()
    by_case: dict[str, Figures] = {}
    genuine, impostors = [], []
    for case, trial in trials.items():
        score = method(trial.learnt, None)
        of_own, of_new, of_practised = score(trial.genuine), score(trial.new), score(trial.practised)
        genuine.append(of_own)
        impostors.append(of_new)
        by_case[case] = {
            **_figures(of_own, of_new),
            "eer_background": _eer_background(name, method, trial),
            "eer_practised": _figures(of_own, of_practised)["eer"],
        }
    metrics = average(by_case, _HOW)
    metrics["eer_global"] = _figures(np.concatenate(genuine), np.concatenate(impostors))["eer"]
    ordered = {metric: metrics[metric] for metric in (*_SPEC.shown, *metrics) if metric in metrics}
    seconds = time.perf_counter() - started
    return Row(name=name, ours=name == "telltale", metrics=ordered, by_case=by_case, seconds=seconds)


def _eer_background(name: str, method: Method, trial: Trial) -> float | None:
    found = []
    for background, impostors in trial.halves:
        score = method(trial.learnt, background if name in TAKES_OTHERS else None)
        found.append(_figures(score(trial.genuine), score(impostors))["eer"])
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known else None


def _figures(genuine: Floats, impostors: Floats) -> Figures:
    labels = np.repeat(np.array([1, 0], dtype=np.int8), [len(genuine), len(impostors)])
    scores = np.concatenate([genuine, impostors])
    return {
        "eer": defined(equal_error_rate(labels, scores)),
        "zmfar": defined(zero_miss_false_alarm_rate(labels, scores)),
        "auroc": defined(auroc(labels, scores)),
    }


def with_costs(row: Row, enrolled: Sequence[Repetitions], trials: Mapping[str, Trial]) -> Row:
    """Ours, with the size of a profile and the time of a verification with many enrolled."""
    packed = [pack(person.sequences) for person in enrolled]
    asked = [trial.genuine.sequences[-1] for trial in trials.values()]
    times = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = open_folder(Path(scratch))
        _enrol_many(folder.events, packed)
        for place in np.random.default_rng(_SEED).integers(0, _N_ENROLLED, _N_VERIFIED).tolist():
            started = time.perf_counter()
            profile = find_profile(folder.events, "personhood", "verify", f"person-{place}")
            assert profile is not None, "everybody is enrolled"
            match(profile.sequences(), None).score([asked[place % len(asked)]])
            times.append(time.perf_counter() - started)
        folder.close()
    costs: Figures = {
        "profile_bytes": float(np.mean([len(profile) for profile in packed])),
        "verify_ms_10k": 1e3 * float(np.median(times)),
    }
    return Row(name=row.name, ours=row.ours, metrics={**row.metrics, **costs}, by_case=row.by_case, seconds=row.seconds)


def _enrol_many(events: Database, packed: Sequence[bytes]) -> None:
    """As `add_samples` would, in one transaction."""
    rows = [
        {
            "app": "personhood",
            "task": "verify",
            "entity": f"person-{place}",
            "number": 1,
            "body": packed[place % len(packed)],
            "n_samples": 1,
            "made_us": 0,
            "actor": "benchmark",
            "reason": "enrolled",
        }
        for place in range(_N_ENROLLED)
    ]
    with events.write() as connection:
        connection.execute(insert(tables.profile), rows)


def paired(rows: Sequence[Row], metric: str, baseline: str) -> Comparison:
    """Ours less one baseline, person by person."""
    differences = np.subtract(*_eers(rows, metric, baseline))
    low, high = interval_of_mean(differences)
    return Comparison(
        metric=metric,
        baseline=baseline,
        difference=float(differences.mean()),
        low=low,
        high=high,
        n_cases=len(differences),
    )


def ratio_to_gate(rows: Sequence[Row]) -> tuple[Cell, ...]:
    """Ours over the gate's mean EER, with a 95 % interval over people."""
    own, gate = _eers(rows, "eer", _GATE)
    drawn = np.random.default_rng(_SEED).integers(0, len(own), (_N_RESAMPLES, len(own)))
    ratios = own[drawn].mean(axis=1) / np.maximum(gate[drawn].mean(axis=1), 1e-12)
    low, high = np.quantile(ratios, (0.025, 0.975)).tolist()
    return float(own.mean() / max(float(gate.mean()), 1e-12)), low, high


def _eers(rows: Sequence[Row], metric: str, baseline: str) -> tuple[Floats, Floats]:
    ours = next(row for row in rows if row.ours)
    other = next(row for row in rows if row.name == baseline)
    own = np.array([figures[metric] for figures in ours.by_case.values()], dtype=np.float64)
    return own, np.array([other.by_case[case][metric] for case in ours.by_case], dtype=np.float64)
