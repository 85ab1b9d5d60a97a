"""The figures of a task that verifies people: what is accepted and rejected, over all of them and person by person."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.verdict import Measured, Target
from telltale.evaluate.error_rates import (
    equal_error_rate_of,
    rates_by_entity,
    zero_miss_false_alarm_rate_of,
)
from telltale.evaluate.intervals import undefined, wilson
from telltale.evaluate.metrics import detection_metrics
from telltale.evaluate.people_resamples import PeopleResamples, resample_people
from telltale.evaluate.ranking import cuts

_ERROR_RATES: Final = frozenset(
    {
        "far",
        "frr",
        "eer",
        "eer_global",
        "eer_per_person",
        "zero_miss_false_alarm_rate",
        "zero_miss_false_alarm_rate_per_person",
    }
)


def verifies(targets: Sequence[Target]) -> bool:
    """Whether a task asks for an error rate of verification: its rows labelled 0 are impostors then.

    >>> verifies([Target(metric="far", op="<=", limit=0.03)]), verifies([Target(metric="recall", op=">=", limit=0.9)])
    (True, False)
    """
    return any(target.metric in _ERROR_RATES for target in targets)


def verification_metrics(
    labels: NDArray[np.integer],
    scores: NDArray[np.floating],
    threshold: float,
    entities: NDArray[Any] | Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> Mapping[str, Measured]:
    """Every figure of verification; a row is accepted when its score is at or above the threshold.

    - `accuracy`, `far` (impostors accepted), `frr` (genuine rejected): at the threshold.
    - `auroc`; `eer`, also as `eer_global`: over one threshold for everybody, where FAR and FRR cross on straight lines
      between the thresholds of the ROC curve (`telltale.evaluate.error_rates.equal_error_rate`).
    - `zero_miss_false_alarm_rate`: genuine rows rejected at the one threshold that no impostor passes.
    - `eer_per_person`, `zero_miss_false_alarm_rate_per_person`: the mean over people with rows of both classes, each at a
      threshold of their own. Far lower than over one threshold, and out of reach for a service that knows no impostors of a person:
      always say which is meant.

    Intervals are 95 %, from resamples of people with all of their rows: one person's rows err together. None of those over
    all rows is narrower than with independent rows (as `detection_metrics` has them; Wilson's over genuine rows for
    zero-miss), and those per person are Wilson's where everybody's rate is 0 or 1: they keep a width where nobody errs. The highest impostor's score has no fair bootstrap: for the zero-miss rates read the upper
    bound as that of these impostors, not of others.

    Args:
        labels: shape (n,), 1 genuine, 0 impostor.
        scores: shape (n,), finite, higher = more likely genuine.
        threshold: the cut on the score.
        entities: shape (n,), whose account each row claims; None, or one and the same for all, where nobody knows: then
            rows are taken as independent, and figures per person are not defined (NaN with `n` 0).
        seed: of the resampling.

    Raises:
        ValueError: shapes differ, a label is neither 0 nor 1, or a score is not finite.

    >>> labels, scores = np.array([0, 1, 0, 1], dtype=np.int8), np.array([0.1, 0.4, 0.6, 0.8])
    >>> found = verification_metrics(labels, scores, 0.5, ["ann", "ann", "bob", "bob"])
    >>> found["eer_global"].value, found["eer_per_person"].value, found["eer_per_person"].n
    (0.5, 0.0, 2)
    """
    values: NDArray[np.float64] = scores.astype(np.float64)
    whole = detection_metrics(labels, values, threshold).metrics
    n_genuine = int(np.count_nonzero(labels == 1))
    found = {name: whole[name] for name in ("accuracy", "far", "frr", "eer", "auroc")}
    found["eer_global"] = whole["eer"]
    found["zero_miss_false_alarm_rate"] = _over(zero_miss_false_alarm_rate_of(cuts(labels, values)), n_genuine)
    names, person = _people(entities, n_rows=len(labels))
    if names < 2:
        return found | dict.fromkeys(("eer_per_person", "zero_miss_false_alarm_rate_per_person"), undefined())
    per_person = {
        "eer_per_person": rates_by_entity(labels, values, person, rate_of=equal_error_rate_of),
        "zero_miss_false_alarm_rate_per_person": rates_by_entity(
            labels, values, person, rate_of=zero_miss_false_alarm_rate_of
        ),
    }
    found |= {name: _mean(rates[np.isfinite(rates)]) for name, rates in per_person.items()}
    resampled = resample_people(
        labels,
        values,
        person,
        threshold=threshold,
        rates=per_person,
        seed=seed,
    )
    return {name: _widened(measured, name, resampled) for name, measured in found.items()}


def _people(entities: NDArray[Any] | Sequence[str] | None, *, n_rows: int) -> tuple[int, NDArray[np.intp]]:
    """How many there are, and the number of each row's."""
    if entities is None:
        return 0, np.zeros(n_rows, dtype=np.intp)
    if len(entities) != n_rows:
        msg = f"there must be an entity for each row, got {len(entities)} for {n_rows}"
        raise ValueError(msg)
    names, person = np.unique(np.asarray(entities), return_inverse=True)
    return len(names), person


def _over(value: float, n: int) -> Measured:
    """A rate with Wilson's interval over so many."""
    if n == 0 or np.isnan(value):
        return undefined()
    low, high = wilson(min(max(value, 0.0), 1.0) * n, n)
    return Measured(value=value, low=min(value, low), high=max(value, high), n=n)


def _mean(rates: NDArray[np.float64]) -> Measured:
    """The mean over people; its interval is that of the resamples, or Wilson's where each is all right or all wrong."""
    if rates.size == 0:
        return undefined()
    value = float(rates.mean())
    if np.isin(rates, (0.0, 1.0)).all():
        return _over(value, rates.size)
    return Measured(value=value, low=value, high=value, n=rates.size)


def _widened(measured: Measured, name: str, resampled: PeopleResamples) -> Measured:
    if measured.n == 0:
        return measured
    low, high = resampled.interval(name)
    return Measured(value=measured.value, low=min(measured.low, low), high=max(measured.high, high), n=measured.n)
