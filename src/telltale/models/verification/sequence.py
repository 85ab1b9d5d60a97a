"""Sequences of acts, from when each began and ended."""

from typing import Any

import numpy as np

from telltale.contract.sequence import TimedSequence

__all__ = ["MOST_KINDS", "TimedSequence", "timed_sequence"]

MOST_KINDS = 16


def timed_sequence(kinds: Any, began_ms: Any, ended_ms: Any) -> TimedSequence:
    """From when each act began and ended, in any order. All of one length; not checked further.

    >>> timed_sequence([0, 1], [0.0, 150.0], [80.0, 240.0]).since_ms.tolist()
    [0.0, 150.0]
    """
    began = np.asarray(began_ms, dtype=np.float64)
    order = np.argsort(began, kind="stable")
    began, ended = began[order], np.asarray(ended_ms, dtype=np.float64)[order]
    return TimedSequence(
        kinds=np.asarray(kinds, dtype=np.uint8)[order],
        lasted_ms=np.maximum(ended - began, 0.0).astype(np.float32),
        since_ms=np.diff(began, prepend=began[:1]).astype(np.float32),
    )
