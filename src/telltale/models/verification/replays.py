"""The same again: nobody acts twice with the same timing."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from telltale.contract.sequence import TimedSequence
from telltale.models.verification.profile import RELATIVE_ERROR

# A profile keeps times to within 2 %, and browsers tell them to a millisecond or less.
_RELATIVE: Final = RELATIVE_ERROR * 1.25
_MS: Final = 1.5
# Of somebody's own times about one in seven is that close to what it was before: nine in ten of ten acts or more never are.
_SHARE: Final = 0.9
_LEAST_ACTS: Final = 10
# Of so many acts nine in ten are not even this close: about a third of them are. Noise of a few ms is no disguise then.
_LONG_ACTS: Final = 25
_LONG_RELATIVE: Final = 0.05
_LONG_MS: Final = 8.0


def is_replay(sequence: TimedSequence, enrolled: Sequence[TimedSequence]) -> bool:
    """Whether a sequence has the kinds and, nearly all, the times of one that is enrolled.

    Of an enrolled sequence a profile may keep the end alone: then the ends are compared.
    """
    return any(_is_same(sequence, known) for known in enrolled)


def _is_same(sequence: TimedSequence, known: TimedSequence) -> bool:
    n = len(known)
    if not _LEAST_ACTS <= n <= len(sequence) or not np.array_equal(sequence.kinds[-n:], known.kinds):
        return False
    ms, relative = (_LONG_MS, _LONG_RELATIVE) if n >= _LONG_ACTS else (_MS, _RELATIVE)
    times = np.concatenate([sequence.lasted_ms[-n:], sequence.since_ms[-n:][1:]])
    others = np.concatenate([known.lasted_ms, known.since_ms[1:]])
    return bool((np.abs(times - others) <= ms + relative * others).mean() >= _SHARE)
