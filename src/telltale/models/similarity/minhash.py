"""MinHash, in its bottom-k form: of a set, the k smallest of its hashed members; of a set of fewer, all of them.

One hash function does for all k, and a set of up to k members is kept whole, so that its similarity to another such set is
exact but for equal hashes of unequal members (one pair of sets of a hundred in half a million).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Floats
from telltale.contract.learners import Fingerprints
from telltale.models.similarity.ragged import Starts, starts_of

Hashes = NDArray[np.uint32]

_EVERYTHING: Final = np.uint32(2**32 - 1)
_BITS: Final = 32
# So many members are sorted at once: what they take beside the result stays below 200 MB.
_TOGETHER: Final = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Sketches:
    """Of each set its smallest hashes, ascending, one set's after the other's; `starts` as in `telltale.models.similarity.ragged`."""

    values: Hashes
    starts: Starts


def hashed(fingerprints: Fingerprints) -> Hashes:
    """Fingerprints as 32 well-mixed bits each.

    References:
        Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, for the mixing function.

    >>> hashed(np.array([1, 2])).tolist()
    [2433363436, 2539140574]
    """
    mixed = fingerprints.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(_BITS)).astype(np.uint32)


def sketch(fingerprints: Fingerprints, *, size: int) -> Hashes:
    """The `size` smallest hashes of one set, ascending; members may come in any order and more than once.

    References:
        Broder, "On the resemblance and containment of documents", Compression and Complexity of Sequences (1997).
    """
    return np.unique(hashed(fingerprints))[:size]


def sketches(fingerprints: Fingerprints, starts: Starts, *, size: int) -> Sketches:
    """The same of many sets: equal to `sketch` of each."""
    kept: list[Hashes] = []
    lengths: list[Starts] = []
    first, n = 0, len(starts) - 1
    while first < n:
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + _TOGETHER, side="right")) - 1)
        values, counts = _smallest(fingerprints[starts[first] : starts[last]], starts[first : last + 1], size=size)
        kept.append(values)
        lengths.append(counts)
        first = last
    values = np.concatenate(kept) if kept else np.empty(0, dtype=np.uint32)
    return Sketches(
        values=values, starts=starts_of(np.concatenate(lengths) if lengths else np.empty(0, dtype=np.int64))
    )


def similarities(asked: Hashes, others: Sketches, *, size: int) -> Floats:
    """The Jaccard similarity of one set to each of several, by their sketches; shape (n,), 0 to 1.

    Of sets that are kept whole it is exact. Else it is that of the members whose hashes lie below the lower of the two
    cuts, a sample of the union that is even over it, of `size` members or more: a standard error of
    sqrt(s (1 - s) / size) at most.

    References:
        Dasgupta, Lang, Rhodes & Thaler, "A framework for estimating stream expression cardinalities", ICDT 2016.
    """
    lengths = np.diff(others.starts)
    if not len(asked) or not len(others.values):
        return np.zeros(len(lengths))
    shared = np.bincount(_owners_of_shared(asked, others), minlength=len(lengths))
    whole = np.where(lengths > 0, others.values[np.maximum(others.starts[1:] - 1, 0)], _EVERYTHING)
    last = np.where(lengths < size, _EVERYTHING, whole)
    cut = asked[-1] if len(asked) == size else _EVERYTHING
    n_asked = np.searchsorted(asked, np.minimum(last, cut), side="right")
    n_other = lengths
    if cut < _EVERYTHING:
        n_below = np.concatenate(([0], np.cumsum(others.values <= cut)))
        n_other = np.where(cut < last, n_below[others.starts[1:]] - n_below[others.starts[:-1]], lengths)
    union = n_asked + n_other - shared
    return np.asarray(np.where(lengths > 0, shared / np.maximum(union, 1), 0.0))


def _owners_of_shared(asked: Hashes, others: Sketches) -> NDArray[np.int64]:
    """Whose the members are that others have in common with what is asked for, one entry for each."""
    # A table of the upper halves passes over nearly all others: a search for each of them takes ten times as long.
    upper = np.zeros(1 << (_BITS // 2), dtype=np.bool_)
    upper[asked >> (_BITS // 2)] = True
    places = np.flatnonzero(upper[others.values >> (_BITS // 2)])
    near = others.values[places]
    is_shared = asked[np.minimum(np.searchsorted(asked, near), len(asked) - 1)] == near
    return np.asarray(np.searchsorted(others.starts, places[is_shared], side="right") - 1)


def _smallest(fingerprints: Fingerprints, starts: Starts, *, size: int) -> tuple[Hashes, Starts]:
    """Values and lengths of the sketches of a few sets."""
    n = len(starts) - 1
    owners = np.repeat(np.arange(n, dtype=np.uint64), np.diff(starts))
    keys = np.sort(owners << np.uint64(_BITS) | hashed(fingerprints))
    is_first = np.ones(len(keys), dtype=np.bool_)
    is_first[1:] = keys[1:] != keys[:-1]
    keys = keys[is_first]
    of = (keys >> np.uint64(_BITS)).astype(np.int64)
    counts = np.bincount(of, minlength=n)
    is_kept = np.arange(len(keys)) - starts_of(counts)[of] < size
    return keys[is_kept].astype(np.uint32), np.minimum(counts, size)
