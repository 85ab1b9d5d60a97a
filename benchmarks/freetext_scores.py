"""Scores of the `freetext` benchmark: person by person, and what they come to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.freetext_baselines import Method
from benchmarks.freetext_cases import Case, Part
from benchmarks.paired import interval_of_mean
from benchmarks.results import Comparison, Figures, Table, defined
from telltale.evaluate.error_rates import equal_error_rate
from telltale.evaluate.ranking import auroc


@dataclass(kw_only=True)
class Scored:
    """Scores of one method in one case, person after person.

    Args:
        eer: of each person.
        auroc: of each person.
        scores, labels: of all people's trials, a piece per person.
    """

    eer: dict[str, float] = field(default_factory=dict)
    auroc: dict[str, float] = field(default_factory=dict)
    scores: list[NDArray[np.float64]] = field(default_factory=list)
    labels: list[NDArray[np.int8]] = field(default_factory=list)

    def figures(self) -> Figures:
        """Of the case."""
        return {
            "eer": defined(float(np.mean(list(self.eer.values())))),
            "eer_global": defined(equal_error_rate(np.concatenate(self.labels), np.concatenate(self.scores))),
            "auroc": defined(float(np.mean(list(self.auroc.values())))),
        }


ByCase = dict[str, Scored]
Found = dict[str, ByCase]  # by method


def score_cases(method: Method, parts: Sequence[Part], cases: Sequence[Case]) -> ByCase:
    """A method in some cases, over all parts; without cases that no session is long enough for."""
    scored = {case.name: Scored() for case in cases}
    for part in parts:
        enrol = method(part.background)
        scorers = {user: enrol(own) for user, own in part.enrolled.items()}
        for case in cases:
            trials, whose = part.trials(case.n_keys)
            for user, score in scorers.items():
                labels = (whose == user).astype(np.int8)
                if not 0 < labels.sum() < len(labels):
                    continue  # too short a session for so many keys
                scores = score(trials)
                one = scored[case.name]
                one.eer[user] = equal_error_rate(labels, scores)
                one.auroc[user] = auroc(labels, scores)
                one.scores.append(scores)
                one.labels.append(labels)
    return {name: one for name, one in scored.items() if one.eer}


def comparisons(found: Found, *, ours: str, baselines: Sequence[str]) -> Iterator[Comparison]:
    """Ours less each baseline in each file and over all: people are resampled, with the mean of their cases."""
    files = list(dict.fromkeys(case.rsplit(" ", 1)[0] for case in found[ours]))
    for baseline in baselines:
        of_files = [_by_person(found, ours, baseline, file) for file in files]
        named = list(zip([f"eer {file}" for file in files], of_files, strict=True))
        for metric, differences in [*named, ("eer all people", np.concatenate(of_files))]:
            low, high = interval_of_mean(differences)
            yield Comparison(
                metric=metric,
                baseline=baseline,
                difference=float(differences.mean()),
                low=low,
                high=high,
                n_cases=len(differences),
            )


def _by_person(found: Found, ours: str, baseline: str, file: str) -> NDArray[np.float64]:
    cases = [case for case in found[ours] if case.rsplit(" ", 1)[0] == file]
    by_person: dict[str, list[float]] = {}
    for case in cases:
        for user, own in found[ours][case].eer.items():
            by_person.setdefault(user, []).append(own - found[baseline][case].eer[user])
    return np.array([np.mean(differences) for differences in by_person.values()])


def table_of_cases(found: Found, *, ours: str) -> Table:
    names = list(found)
    return Table(
        title="EER of each file and number of keys",
        columns=("case", *names),
        rows=tuple(
            (case, *(defined(float(np.mean(list(found[name][case].eer.values())))) for name in names))
            for case in found[ours]
        ),
    )
