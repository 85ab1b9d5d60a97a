"""The figures of a search for what is alike, beside a search through everything."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from telltale.contract.estimator import Floats
from telltale.contract.learners import Found
from telltale.contract.verdict import Measured
from telltale.evaluate.intervals import rate, undefined, wilson

# Below this, what two things have in common is not worth storing one as a difference from the other.
ALIKE: Final = 0.5
TOP: Final = 5
_DIGITS: Final = 9  # similarities are ratios of counts; what is equal to so many digits is equal
_N_RESAMPLES: Final = 1_000


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """One question: what was found, and what a search through everything finds by the same measure."""

    found: Found
    exhaustive: Found


def similar_metrics(questions: Sequence[Searched], errors: Sequence[float], *, seed: int = 0) -> dict[str, Measured]:
    """`recall_5`, `similarity_error` and `alike_share`, with 95 % intervals over resampled questions.

    - recall_5: of the five most similar things there are, those of a similarity of .5 or more: the share that is found,
      over questions that have any. Of things that are equally similar any will do.
    - similarity_error: how far a similarity that is told lies from that of the whole sets, on average.
    - alike_share: of the questions, those that have anything of a similarity of .5 or more.

    Args:
        questions: asked by fingerprints.
        errors: absolute differences, one for each answer of which both whole sets are at hand.
        seed: of the resampling.
    """
    recalls = [share for question in questions if (share := recall_of(question)) is not None]
    return {
        "recall_5": _mean(np.array(recalls), seed=seed),
        "similarity_error": _mean(np.array(errors), seed=seed),
        "alike_share": rate(len(recalls), len(questions)),
    }


def recall_of(question: Searched, *, least: float = ALIKE, most: float = 1.0) -> float | None:
    """Of the five most similar, those of a similarity from `least` to `most`: the share found; None where there are none.

    >>> whole = Found(names=("a", "b"), similarities=(0.9, 0.6), source="fingerprints")
    >>> part = Found(names=("a", "c"), similarities=(0.9, 0.3), source="fingerprints")
    >>> recall_of(Searched(found=part, exhaustive=whole))
    0.5
    """
    wanted = [of for of in question.exhaustive.similarities[:TOP] if least <= of <= most]
    if not wanted or question.exhaustive.source != "fingerprints":
        return None
    told = question.found.similarities[:TOP] if question.found.source == "fingerprints" else ()
    # Each answer stands for one of what there is to be found of its similarity, whichever of equally similar things it is.
    n_of = Counter(round(of, _DIGITS) for of in wanted)
    return (n_of & Counter(round(of, _DIGITS) for of in told)).total() / len(wanted)


def _mean(values: Floats, *, seed: int) -> Measured:
    if not len(values):
        return undefined()
    n, value = len(values), float(values.mean())
    if np.isin(values, (0.0, 1.0)).all():
        low, high = wilson(round(value * n), n)  # keeps a width where all agree
    else:
        drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=_N_RESAMPLES)
        low, high = np.quantile(drawn @ values / n, (0.025, 0.975)).tolist()
    return Measured(value=value, low=min(low, value), high=max(high, value), n=n)
