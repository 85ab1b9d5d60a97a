"""Who is typing, from key timing: any text, the same text, a number on a keypad and on a phone.

Every parquet file below `--data` with the columns user, session, keyname, timepress, timerelease (ms) is taken. Of a key only
its class is known: letter, digit, space, correction (backspace, delete), other. The first half of a person's sessions is
enrolled; each later one is cut into consecutive stretches of 50, 100 and 250 keys, as far as sessions have more than that, and
taken whole (`all`; only so where everybody typed the same). A file and a number of keys is a case. A person's own stretches are
genuine; those of all others who are verified in the same part are impostors. `eer` is the mean over people of the rate where FAR
and FRR cross, each at a threshold of their own (straight lines between the points of the ROC curve); `eer_global` is that over
one threshold; `auroc` is the mean over people. The leading figures are means over all cases, each alike.

The people of a file are cut in two halves, every other one: one is the background, the other is verified, then the other way
round. Nobody of the background is enrolled or an impostor. With `--test`, all people of the file of the same name in `--data`
are the background (those who are in both are left out of it), and those of `--test` are verified.

Ours is the product's own way: sessions packed into a profile of at most 8,000 bytes, unpacked, and `match`, with a background
from `fit_background`; `verify_ms` is the median of unpacking, building the matcher and scoring one whole session. The variant
without a background knows the person's own sessions alone. Ours had its constants chosen on enrolled sessions of this data
(docs/experiments.md). The baselines have their settings chosen here, in each file: enrolled sessions alone are cut in two, the first
half enrolled, the rest verified in the same stretches, and the setting with the lowest mean EER is taken. No later session of
anybody who is verified is looked at before it is scored.

Baselines: scaled Manhattan (mean of absolute deviations from the mean, each over its mean absolute deviation in what is
enrolled), and a Gaussian mixture fitted on the background with its means adapted to the person (GMM-UBM, relevance MAP), scored
by the log likelihood ratio. Where everybody typed the same, both work place by place; else the first on means, quartiles or the
very values that ours compares, the second on holds and gaps of single acts, all alike or by pair of classes.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.catalogue import Progress
from benchmarks.freetext_baselines import Choice, Enrol, Method, Scorer, manhattans, mixtures
from benchmarks.freetext_cases import (
    LEAST_PEOPLE,
    Case,
    Part,
    People,
    cases_of,
    for_choosing,
    one_text,
    read_people,
    split,
)
from benchmarks.freetext_scores import Found, Scored, comparisons, score_cases, table_of_cases
from benchmarks.machine import describe_machine
from benchmarks.results import Averaging, Cell, Result, Row, Table, as_document, average
from telltale.contract.errors import NotEnoughDataError, NotFoundError, UsageError
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.matcher import fit_background, match
from telltale.models.verification.profile import pack, unpack

OURS: Final = "telltale"
ALONE: Final = "telltale_no_background"
_N_PEOPLE_QUICK: Final = 10
_HOW: Final = Averaging(metrics=("eer", "eer_global", "auroc"), lower_is_better=frozenset({"eer", "eer_global"}))


@dataclass(kw_only=True)
class Costs:
    """What a profile takes.

    Args:
        n_bytes: of each profile.
        verify_s: of each person, unpacking, matching and scoring one session.
        seconds: of each method, everything.
    """

    n_bytes: list[int] = field(default_factory=list)
    verify_s: list[float] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def run(*, quick: bool, progress: Progress, data: Path | None = None, test: Path | None = None) -> dict[str, Any]:
    if data is None:
        raise UsageError(
            "no data", where="freetext", mend="Name a folder of files of key events with --data (keystroke_pohmm)."
        )
    files = read_people(data)
    tested = read_people(test) if test is not None else {}
    if test is not None:
        files = {file: people for file, people in files.items() if file in tested}
        if not files:
            raise NotFoundError(f"no file of {test} has its namesake in {data}", where="freetext")
    found: Found = {}
    costs = Costs()
    chosen: list[tuple[Cell, ...]] = []
    for file, people in files.items():
        some = dict(list(people.items())[:_N_PEOPLE_QUICK]) if quick else people
        _check_enough(file, some, tested.get(file))
        parts = split(some, tested.get(file))
        cases = cases_of(file, some, quick=quick)
        chosen += _run_file(file, parts, cases, found, costs, quick=quick, progress=progress)
    rows = tuple(_row(name, by_case, costs) for name, by_case in found.items() if name != ALONE)
    return as_document(
        Result(
            benchmark="freetext",
            data=f"{data}, scored on {test}" if test else str(data),
            cases=len(found[OURS]),
            rows=rows,
            variants=(_row(ALONE, found[ALONE], costs),),
            comparisons=tuple(
                comparisons(found, ours=OURS, baselines=[name for name in found if name not in (OURS, ALONE)])
            ),
            tables=(
                table_of_cases(found, ours=OURS),
                Table(
                    title="Settings of the baselines, chosen on enrolled sessions",
                    columns=("file", "baseline", "setting", "EER there"),
                    rows=tuple(chosen),
                ),
            ),
            facts={
                "people verified": f"{len({(case.rsplit(' ', 1)[0], user) for case, one in found[OURS].items() for user in one.eer})}",
                **describe_machine("telltale-loop", "numpy", "scikit-learn"),
            },
            notes=(
                "A person's own threshold (`eer`) needs impostors of that person, which a service has not: `eer_global` is nearer to use.",
                "How long passed between sessions the files do not say: after weeks people type less like themselves.",
            ),
        )
    )


def _check_enough(file: str, people: People, tested: People | None) -> None:
    n = len(people if tested is None else tested)
    if n < (LEAST_PEOPLE if tested is None else 2):
        raise NotEnoughDataError(
            f"{file} has {n} people with two sessions", where="freetext", mend=f"Give at least {LEAST_PEOPLE}."
        )


def _run_file(
    file: str,
    parts: Sequence[Part],
    cases: Sequence[Case],
    found: Found,
    costs: Costs,
    *,
    quick: bool,
    progress: Progress,
) -> list[tuple[Cell, ...]]:
    """Score every method on a file; the settings chosen."""
    is_one_text = one_text({user: [*own, *part.later[user]] for part in parts for user, own in part.enrolled.items()})
    settings: list[tuple[Cell, ...]] = []
    methods: dict[str, Method] = {OURS: _ours(costs), ALONE: _alone}
    for choices in (manhattans, mixtures):
        started = time.perf_counter()
        choice, eer = _choose(list(choices(is_one_text=is_one_text, quick=quick)), parts, cases)
        costs.seconds[choice.name] = costs.seconds.get(choice.name, 0.0) + time.perf_counter() - started
        methods[choice.name] = choice.method
        settings.append((file, choice.name, choice.setting, eer))
    for name, method in methods.items():
        started = time.perf_counter()
        scored = score_cases(method, parts, cases)
        costs.seconds[name] = costs.seconds.get(name, 0.0) + time.perf_counter() - started
        found.setdefault(name, {}).update(scored)
        progress(f"{file}: {name} " + " ".join(f"{np.mean(list(one.eer.values())):.4f}" for one in scored.values()))
    return settings


def _choose(choices: Sequence[Choice], parts: Sequence[Part], cases: Sequence[Case]) -> tuple[Choice, float]:
    """The choice with the lowest mean EER where enrolled sessions alone are used; the first of equals."""
    within = [for_choosing(part) for part in parts]
    eers = [
        float(np.mean([np.mean(list(one.eer.values())) for one in score_cases(choice.method, within, cases).values()]))
        for choice in choices
    ]
    best = int(np.argmin(eers))
    return choices[best], eers[best]


def _ours(costs: Costs) -> Method:
    """The product's way, its costs noted."""

    def from_background(background: Sequence[Sequence[TimedSequence]]) -> Enrol:
        known = fit_background(background)

        def enrol(enrolled: Sequence[TimedSequence]) -> Scorer:
            profile = pack(enrolled)
            costs.n_bytes.append(len(profile))
            times = []
            for _ in range(3):
                started = time.perf_counter()
                match(unpack(profile), known).score(enrolled[-1:])
                times.append(time.perf_counter() - started)
            costs.verify_s.append(min(times))
            return match(unpack(profile), known).score

        return enrol

    return from_background


def _alone(_background: Sequence[Sequence[TimedSequence]]) -> Enrol:
    return lambda enrolled: match(unpack(pack(enrolled)), None).score


def _row(name: str, by_case: Mapping[str, Scored], costs: Costs) -> Row:
    figures = {case: scored.figures() for case, scored in by_case.items()}
    metrics = average(figures, _HOW)
    if name == OURS:
        metrics |= {
            "profile_bytes": float(max(costs.n_bytes)),
            "verify_ms": 1_000.0 * float(np.median(costs.verify_s)),
        }
    return Row(name=name, ours=name == OURS, metrics=metrics, by_case=figures, seconds=costs.seconds.get(name))
