"""Other people's samples of the same pattern: how likely anybody's would be, seen from one person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telltale.models.verification.aligned_features import aligned_features
from telltale.models.verification.aligned_person import SETTINGS, AlignedSettings, Person, Rows, slow_change
from telltale.models.verification.sequence import TimedSequence

LEAST_PEOPLE: Final = 4  # what fewer have in common is an accident
_FEW_PEOPLE: Final = 8.0  # of so many, half of the cohort's correlations is believed
_LEAST_VARIANCE: Final = 0.5  # of the person's own; what is unlike a narrower cohort would pass for the person
_WINSOR: Final = 4.0


def aligned_background(
    people: Sequence[Sequence[TimedSequence]], *, settings: AlignedSettings = SETTINGS
) -> dict[str, NDArray[Any]]:
    """What other people are like who made the same pattern; the same arrays for the same people in the same order.

    The pattern that most people share is taken (of two as common, the longer); people without it are left out. Nothing
    is given where fewer than `LEAST_PEOPLE` share one: place by place, people who made something else tell nothing.

    Args:
        people: of each person, samples, oldest first. None of them is to be verified with it.
        settings: of the matcher.

    Returns:
        `kinds` (k,), `samples` (m, 2 k - 1), `correlation` (2 k - 1, 2 k - 1), `n_people` (1,); or nothing.
    """
    shared = Counter(pattern for person in people for pattern in {sequence.kinds.tobytes() for sequence in person})
    shared.pop(b"", None)
    if not shared or max(shared.values()) < LEAST_PEOPLE:
        return {}
    pattern = max(shared, key=lambda pattern: (shared[pattern], len(pattern), pattern))
    kinds = np.frombuffer(pattern, dtype=np.uint8)
    alike = [[sequence for sequence in person if sequence.kinds.tobytes() == pattern] for person in people]
    rows = [aligned_features(samples, kinds) for samples in alike if samples]
    return {
        "kinds": kinds.copy(),
        "samples": np.concatenate([of_one[: settings.first_of_each] for of_one in rows]).astype(np.float32),
        "correlation": _correlation_within(rows, settings).astype(np.float32),
        "n_people": np.array([len(rows)]),
    }


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """A multivariate t distribution of other people's samples, in one person's deviations.

    Args:
        centre: shape (f,).
        precision: shape (f, f).
        log_volume: logarithm of the determinant of the scatter.
        freedom: degrees of freedom.
    """

    centre: Rows
    precision: Rows
    log_volume: float
    freedom: float

    def surprise(self, deviations: Rows) -> Rows:
        """How unlikely the cohort finds rows of one person's deviations: minus the log density, up to a constant; (n,)."""
        about = deviations - self.centre
        squared = np.einsum("nf,fg,ng->n", about, self.precision, about)
        made: Rows = 0.5 * ((self.freedom + len(self.centre)) * np.log1p(squared / self.freedom) + self.log_volume)
        return made


def cohort_of(person: Person, background: Mapping[str, NDArray[Any]], *, settings: AlignedSettings) -> Cohort:
    """The background as this person sees it."""
    n_people = int(background["n_people"][0])
    rows = person.standardised(background["samples"].astype(np.float64))
    about = rows - rows.mean(axis=0)
    scatter = about.T @ about / len(rows)
    believed = n_people / (n_people + _FEW_PEOPLE)
    scatter = believed * scatter + (1.0 - believed) * np.diag(np.diag(scatter))
    scatter = scatter * (1.0 + 1.0 / n_people) + _LEAST_VARIANCE * np.eye(len(scatter))
    return Cohort(
        centre=rows.mean(axis=0),
        precision=np.linalg.inv(scatter),
        log_volume=float(np.linalg.slogdet(scatter)[1]),
        freedom=settings.cohort_freedom,
    )


def _correlation_within(people: Sequence[Rows], settings: AlignedSettings) -> Rows:
    """How features vary together within a person, over all people, each about their own slow change."""
    about = [rows - slow_change(rows, settings.trend_width) for rows in people]
    together = np.concatenate([np.clip(d / (np.abs(d).mean(axis=0) + 1e-9), -_WINSOR, _WINSOR) for d in about])
    covariance = together.T @ together / len(together) + 1e-6 * np.eye(together.shape[1])
    scale = np.sqrt(np.diag(covariance))
    made: Rows = covariance / np.outer(scale, scale)
    return made
