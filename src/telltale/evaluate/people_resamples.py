"""Figures of verification over resampled people: how much they would move, had other people come."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.evaluate.error_rates import equal_error_rate_of, zero_miss_false_alarm_rate_of
from telltale.evaluate.ranking import Cuts, auroc_of

N_RESAMPLES: Final = 400

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PeopleResamples:
    """Each figure in every resample, shape (resamples,), by name; NaN where a resample does not define it."""

    values: Mapping[str, Floats]

    def interval(self, name: str) -> tuple[float, float]:
        """The 2.5 % and 97.5 % quantile; (inf, -inf), which widens nothing, where no resample defines the figure."""
        values = self.values[name]
        defined = values[np.isfinite(values)]
        if defined.size == 0:
            return np.inf, -np.inf
        low, high = np.quantile(defined, (0.025, 0.975))
        return float(low), float(high)


def resample_people(
    labels: NDArray[np.integer],
    scores: Floats,
    person: NDArray[np.integer],
    *,
    threshold: float,
    rates: Mapping[str, Floats],
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> PeopleResamples:
    """Draw as many people as there are, with replacement and with all of their rows, again and again.

    Rows are sorted once; a resample only weighs them, in time linear in the rows. An impostor's rows go with the account
    that they claim: who the impostor was is not drawn.

    Args:
        labels: shape (n,), 1 genuine, 0 impostor.
        scores: shape (n,), finite.
        person: shape (n,), whose account each row claims, numbered from 0 without a gap.
        threshold: the cut on the score.
        rates: figures that are means over people, shape (people,) each, NaN for who has none.
        n_resamples: how often.
        seed: of the drawing.

    References:
        Field & Welsh, "Bootstrapping clustered data", JRSS B 69 (2007), the cluster bootstrap.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, whose = scores[order], person[order]
    is_genuine = labels[order] == 1
    last_of_tie = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    distinct = ranked[last_of_tie]
    n_accepted = int(np.count_nonzero(distinct >= threshold))
    names = ("accuracy", "far", "frr", "eer", "eer_global", "auroc", "zero_miss_false_alarm_rate", *rates)
    values = {name: np.full(n_resamples, np.nan) for name in names}
    rng, n_people = np.random.default_rng(seed), int(person.max()) + 1
    even = np.full(n_people, 1.0 / n_people)
    for number in range(n_resamples):
        times = rng.multinomial(n_people, even)
        weight = times[whose]
        accepted, genuine = np.cumsum(weight)[last_of_tie], np.cumsum(weight * is_genuine)[last_of_tie]
        at = Cuts(threshold=distinct, tp=genuine, fp=accepted - genuine)
        drawn = _figures(at, n_accepted) | {name: _mean(rate, times) for name, rate in rates.items()}
        for name, value in drawn.items():
            values[name][number] = value
    return PeopleResamples(values=values)


def _figures(at: Cuts, n_accepted: int) -> dict[str, float]:
    """The figures of one resample; `n_accepted` is how many distinct scores are at or above the threshold."""
    tp, fp = (int(at.tp[n_accepted - 1]), int(at.fp[n_accepted - 1])) if n_accepted else (0, 0)
    n_genuine, n_impostor = int(at.tp[-1]), int(at.fp[-1])
    eer = equal_error_rate_of(at)
    return {
        "accuracy": (tp + n_impostor - fp) / (n_genuine + n_impostor),
        "far": fp / n_impostor if n_impostor else np.nan,
        "frr": (n_genuine - tp) / n_genuine if n_genuine else np.nan,
        "eer": eer,
        "eer_global": eer,
        "auroc": auroc_of(at),
        "zero_miss_false_alarm_rate": zero_miss_false_alarm_rate_of(at),
    }


def _mean(rates: Floats, times: NDArray[np.integer]) -> float:
    is_defined = np.isfinite(rates)
    n = int(times[is_defined].sum())
    return float(rates[is_defined] @ times[is_defined] / n) if n else np.nan
