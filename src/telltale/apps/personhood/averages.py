"""Five averages of a typing session, from when its keys went down and up."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

LEAST_KEYS: Final = 10
_LONGEST_GAP_MS: Final = 1_000.0
_KEYS_PER_WORD: Final = 5


class Averages(msgspec.Struct, frozen=True, kw_only=True):
    """What a session was like. The hour is that of the typist's own clock, 0 to 23."""

    typing_speed_wpm: int
    avg_key_hold_time_ms: int
    avg_transition_time_ms: int
    error_rate_percent: float
    activity_hour_preference: int


def averages_of(
    presses_ms: Sequence[float] | NDArray[np.float64],
    releases_ms: Sequence[float] | NDArray[np.float64],
    *,
    corrections: int,
    local_hour: int,
) -> Averages | None:
    """The averages, or None for fewer than ten keys.

    Speed counts five keys as a word, from the first press to the last release. A hold is a release less its own press. A
    transition is the time between one release and the next, whichever key's; gaps of nothing and of a second or more
    (pauses to think) are left out, and where none is left it is 0. Speed, hold and transition are cut to whole numbers.
    The error rate is the share of keys that were corrections: how many, never which.

    Args:
        presses_ms: when each key went down.
        releases_ms: when it came up, in the same order.
        corrections: backspaces and deletions among them.
        local_hour: of the typist's clock.

    >>> presses = [100.0 * i for i in range(20)]
    >>> averages_of(presses, [press + 80.0 for press in presses], corrections=1, local_hour=14)
    Averages(typing_speed_wpm=121, avg_key_hold_time_ms=80, avg_transition_time_ms=100, error_rate_percent=5.0,
             activity_hour_preference=14)
    """
    presses, releases = np.asarray(presses_ms, dtype=np.float64), np.asarray(releases_ms, dtype=np.float64)
    n_keys = len(releases)
    if n_keys < LEAST_KEYS:
        return None
    minutes = (releases.max() - presses.min()) / 60_000.0
    gaps = np.diff(np.sort(releases))
    gaps = gaps[(gaps > 0) & (gaps < _LONGEST_GAP_MS)]
    return Averages(
        typing_speed_wpm=int(n_keys / _KEYS_PER_WORD / minutes) if minutes > 0 else 0,
        avg_key_hold_time_ms=int((releases - presses).mean()),
        avg_transition_time_ms=int(gaps.mean()) if len(gaps) else 0,
        error_rate_percent=round(100.0 * corrections / n_keys, 2),
        activity_hour_preference=local_hour,
    )
