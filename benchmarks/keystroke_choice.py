"""What the constants of `keystroke` were chosen by: `python -m benchmarks.keystroke_choice --data DIR`. Nothing is scored here that the benchmark scores.

Only the first 200 repetitions are read, of which the benchmark scores 1 to 5 as impostors': so impostors are 6 to 10 here.
A person's first 100 predict the next 100, the first 150 the next 50, and 51 to 150 the 50 after them; a figure is the mean
of the three mean EERs. With a background, people are in two halves as in the benchmark.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.keystroke_cases import Repetitions, read_people, together
from benchmarks.keystroke_detectors import (
    Features,
    Method,
    MixtureChoice,
    SvmChoice,
    aligned,
    gmm_ubm,
    manhattan_recent,
    manhattan_scaled_21,
    one_class_svm,
)
from telltale.evaluate.error_rates import equal_error_rate
from telltale.models.verification.aligned_person import SETTINGS

# Repetitions to learn from, and to be genuine.
_FOLDS: Final = ((slice(0, 100), slice(100, 200)), (slice(0, 150), slice(150, 200)), (slice(50, 150), slice(150, 200)))
_IMPOSTORS: Final = slice(5, 10)
_TRIED: Final[Mapping[str, Sequence[float]]] = {
    "location_half_life": (12, 30),
    "spread_half_life": (40, 160),
    "neighbour_half_life": (15, 40),
    "most_neighbours": (50, 120),
    "trend_width": (15, 30),
    "prior_samples": (2, 16),
    "decorrelated": (0.0, 0.15, 0.4),
    "least_spread": (0.04, 0.12),
    "most_distance": (2.5, 3.0, 4.0),
    "softness": (1.0, 2.0, 4.5),
    "cohort_weight": (0.3, 0.5, 0.6),
    "cohort_freedom": (4, 20),
    "first_of_each": (5, 20),
}
_COHORT: Final = frozenset({"cohort_weight", "cohort_freedom", "first_of_each"})


def alone(method: Method, people: Mapping[str, Repetitions]) -> float:
    """Mean EER with a person's own samples only."""
    found = []
    for learnt, genuine in _FOLDS:
        for name, person in people.items():
            score = method(person[learnt], None)
            others = together([other[_IMPOSTORS] for key, other in people.items() if key != name])
            found.append(_eer(score(person[genuine]), score(others)))
    return float(np.mean(found))


def beside_others(method: Method, people: Mapping[str, Repetitions]) -> float:
    """Mean EER with half of the others as background, the other half as impostors."""
    found = []
    for learnt, genuine in _FOLDS:
        for name, person in people.items():
            others = [other for key, other in people.items() if key != name]
            for half in (0, 1):
                score = method(person[learnt], [other[learnt] for other in others[half::2]])
                impostors = together([other[_IMPOSTORS] for other in others[1 - half :: 2]])
                found.append(_eer(score(person[genuine]), score(impostors)))
    return float(np.mean(found))


def _eer(genuine: np.ndarray, impostors: np.ndarray) -> float:
    labels = np.repeat([1, 0], [len(genuine), len(impostors)])
    return equal_error_rate(labels, np.concatenate([genuine, impostors]))


def _baselines() -> Iterator[tuple[str, Method, bool]]:
    yield "manhattan_scaled_21", manhattan_scaled_21, False
    yield "manhattan_recent", manhattan_recent, False
    features: Features
    for features in ("seconds", "logs", "gaps"):
        for newest in (50, 100, 200):
            for nu, width in ((0.2, 1.0), (0.5, 1.0), (0.5, 3.0), (0.5, 10.0)):
                svm = SvmChoice(features=features, newest=newest, nu=nu, width=width)
                yield f"{svm}", one_class_svm(svm), False
            for n_own in (1, 2, 4):
                mixture = MixtureChoice(features=features, newest=newest, n_own=n_own)
                yield f"{mixture}", gmm_ubm(mixture), False
    for n_everybody, newest, first in product((1, 2, 8), (50, 100), (10, 20, 200)):
        for relevance in (4.0, 16.0):
            mixture = MixtureChoice(n_everybody=n_everybody, relevance=relevance, newest=newest, first=first)
            yield f"{mixture}", gmm_ubm(mixture), True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--baselines", action="store_true", help="theirs, instead of ours")
    given = parser.parse_args()
    people = {name: person[:200] for name, person in read_people(given.data, progress=print).items()}
    if given.baselines:
        for name, method, takes_others in _baselines():
            figure = beside_others(method, people) if takes_others else alone(method, people)
            print(f"{figure:.4f} {'with others' if takes_others else 'alone'}  {name}", flush=True)
        return
    print("alone  with others")
    print(f"{alone(aligned(), people):.4f} {beside_others(aligned(), people):.4f} as it is", flush=True)
    for name, values in _TRIED.items():
        for value in values:
            settings = replace(SETTINGS, **{name: type(getattr(SETTINGS, name))(value)})
            own = "      " if name in _COHORT else f"{alone(aligned(settings), people):.4f}"
            print(f"{own} {beside_others(aligned(settings), people):.4f} {name} = {value}", flush=True)


if __name__ == "__main__":
    main()
