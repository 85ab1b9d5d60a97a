"""What answers turned out to be worth, from the labels that came, and what these labels cannot tell."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from telltale.contract.verdict import Measured
from telltale.evaluate.intervals import rate
from telltale.monitor.answer_counts import Stratum
from telltale.monitor.drawn_rates import N_DRAWS, PRIOR, Draws, drawn_rates

_OF_BOTH: Final = ("recall", "false_positive_rate", "accuracy")
_NAMES: Final = ("precision", *_OF_BOTH)


class Realised(msgspec.Struct, frozen=True, kw_only=True):
    """Figures with 95 % intervals by name, and for each that is not known, why."""

    rates: dict[str, Measured]
    unknown: dict[str, str]


def realised_rates(strata: Sequence[Stratum], *, rng: np.random.Generator) -> Realised:
    """Precision, recall, false-positive rate and accuracy of decisions, as far as their labels tell them.

    With a label on every row they are plain shares, with Wilson's intervals. Else each stratum counts with all its rows,
    labelled or not: people look at what was flagged more often than at what was not, and the plain share of the labelled
    positives that were flagged would be far too good a recall. It supposes that within a stratum labels do not depend on
    the truth. Where a stratum has no label at all, what needs it is not known, and no number is made up; where that is one
    of answers in the shadow of another version, the answers that it decided itself are taken alone.

    Args:
        strata: of a task that decides.
        rng: for the draws behind the intervals.

    References:
        Begg & Greenes, "Assessment of diagnostic tests when disease verification is subject to selection bias",
        Biometrics 39 (1983).

    >>> flagged = Stratum(decided=True, decision=True, n=10, n_labelled=10, n_positive=9)
    >>> passed = Stratum(decided=False, decision=False, n=90, n_labelled=0, n_positive=0)
    >>> found = realised_rates([flagged, passed], rng=np.random.default_rng(0))
    >>> round(found.rates["precision"].value, 2), found.unknown["recall"]
    (0.9, 'none of the 90 rows that were not flagged has a label')
    """
    found = _of_strata(strata, rng=rng)
    decided = [stratum for stratum in strata if not stratum.in_shadow]
    if not found.unknown or not decided or len(decided) == len(strata):
        return found
    alone = _of_strata(decided, rng=rng)
    rates = {**alone.rates, **found.rates}
    unknown = {name: why for name, why in found.unknown.items() if name not in rates}
    return Realised(rates={name: rates[name] for name in _NAMES if name in rates}, unknown=unknown)


def realised_hits(strata: Sequence[Stratum]) -> Realised:
    """The share of good answers, of a task whose answers are no decisions: 1 is a good one."""
    labelled = _labelled(strata)
    if not labelled:
        return Realised(rates={}, unknown={"hit_rate": "no answer has a label"})
    return Realised(rates={"hit_rate": rate(sum(stratum.n_positive for stratum in strata), labelled)}, unknown={})


def _of_strata(strata: Sequence[Stratum], *, rng: np.random.Generator) -> Realised:
    flagged = [stratum for stratum in strata if stratum.decision]
    passed = [stratum for stratum in strata if not stratum.decision]
    tp, fn = sum(stratum.n_positive for stratum in flagged), sum(stratum.n_positive for stratum in passed)
    n_flagged, n_passed = _labelled(flagged), _labelled(passed)
    rests_on = {
        "precision": n_flagged,
        "recall": tp + fn,
        "false_positive_rate": n_flagged + n_passed - tp - fn,
        "accuracy": n_flagged + n_passed,
    }
    unknown = _unlabelled(flagged, passed)
    if _is_complete(strata):
        rights = {
            "precision": tp,
            "recall": tp,
            "false_positive_rate": n_flagged - tp,
            "accuracy": tp + n_passed - fn,
        }
        rates = {name: rate(right, rests_on[name]) for name, right in rights.items() if rests_on[name]}
    else:
        rows_flagged, tp_drawn = _drawn(flagged, rng=rng)
        rows_passed, fn_drawn = _drawn(passed, rng=rng)
        known = {name: n for name, n in rests_on.items() if name not in unknown}
        rates = drawn_rates(tp_drawn, fn_drawn, flagged=rows_flagged, passed=rows_passed, rests_on=known)
    missing = {
        "precision": "no row was flagged",
        "recall": "no labelled row is positive",
        "false_positive_rate": "no labelled row is negative",
        "accuracy": "no row was answered",
    }
    return Realised(
        rates=rates, unknown={**{name: why for name, why in missing.items() if name not in rates}, **unknown}
    )


def _unlabelled(flagged: Sequence[Stratum], passed: Sequence[Stratum]) -> dict[str, str]:
    found: dict[str, str] = {}
    for strata, names, told in (
        (flagged, _NAMES, "flagged"),
        (passed, _OF_BOTH, "not flagged"),
    ):
        for stratum in strata:
            if stratum.n_labelled == 0:
                others = "" if stratum.decided == stratum.decision else ", on which another version decided otherwise,"
                why = f"none of the {stratum.n:,} rows that were {told}{others} has a label"
                found.update({name: why for name in names if name not in found})
    return found


def _drawn(strata: Sequence[Stratum], *, rng: np.random.Generator) -> tuple[Draws, Draws]:
    """Rows and positive rows of all of these strata, as estimated and as other days could have had them: (1 + draws,)."""
    rows, positives = np.zeros(1 + N_DRAWS), np.zeros(1 + N_DRAWS)
    for stratum in strata:
        n, hits = stratum.n_labelled, stratum.n_positive
        size = np.concatenate(([stratum.n], rng.gamma(stratum.n, size=N_DRAWS)))
        share = np.concatenate(([hits / n if n else 0.0], rng.beta(hits + PRIOR, n - hits + PRIOR, size=N_DRAWS)))
        rows += size
        positives += size * share
    return rows, positives


def _is_complete(strata: Sequence[Stratum]) -> bool:
    return all(stratum.n_labelled == stratum.n for stratum in strata)


def _labelled(strata: Sequence[Stratum]) -> int:
    return sum(stratum.n_labelled for stratum in strata)
