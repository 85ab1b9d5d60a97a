"""Attackers who know how the victim types: by averages, by kinds of keys, and with the patience to shift a profile."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.apps.personhood.attacks_plain import LONGEST_GAP_MS, as_sequence, replay, sequences_of_typed
from telltale.apps.personhood.averages import Averages, averages_of
from telltale.apps.personhood.schema import KEY_CLASSES
from telltale.apps.personhood.simulate_people import draw_people
from telltale.apps.personhood.simulate_text import write_texts
from telltale.apps.personhood.typists import type_by_hand
from telltale.contract.sequence import TimedSequence

CORRECTION: Final = KEY_CLASSES.index("correction")
LETTER: Final = KEY_CLASSES.index("letter")
_CAPITALS: Final = 0.15  # share of words
_ATTACKER_SESSIONS: Final = 5
_LEAST_KNOWN: Final = 8  # times of a pair of kinds, for them to be drawn from
_LONG_PAUSE_MS: Final = 2_000.0

Floats = NDArray[np.float64]


def averages_of_sequence(sequence: TimedSequence) -> Averages | None:
    """The five averages of a sequence; which hour it was it does not say, so that is 0."""
    presses = np.cumsum(sequence.since_ms, dtype=np.float64)
    corrections = int((sequence.kinds == CORRECTION).sum())
    return averages_of(presses, presses + sequence.lasted_ms, corrections=corrections, local_hour=0)


def match_averages(victim: Sequence[TimedSequence], rng: np.random.Generator, n: int) -> list[TimedSequence]:
    """Sessions as long as one of the victim's, with its five averages (the hour is the attacker's to choose)."""
    made = []
    for known in replay(victim, rng, n):
        averages = averages_of_sequence(known)
        made.append(known if averages is None else _with_averages(averages, len(known), rng))
    return made


def _with_averages(averages: Averages, n_keys: int, rng: np.random.Generator) -> TimedSequence:
    """Speed, hold and transition hit the middle of what is cut to their whole numbers.

    Holds differ from each other so little that keys come up in the order in which they went down. What the transitions
    leave of the time that the speed gives goes into a few pauses; below a second of it there are none, and the speed is
    as near as the transitions let it be.
    """
    hold = averages.avg_key_hold_time_ms + 0.5
    transition = averages.avg_transition_time_ms + 0.5
    spread = min(0.5, LONGEST_GAP_MS / transition - 1.01)
    gaps = transition * _around_one(rng, n_keys - 1, spread)
    lasted = hold * _around_one(rng, n_keys, min(0.25, 0.2 * (1.0 - spread) * transition / hold))
    left = n_keys * 12_000.0 / (averages.typing_speed_wpm + 0.5) - hold - transition * (n_keys - 1)
    n_pauses = min(max(int(left / _LONG_PAUSE_MS), 1), n_keys // 2) if left > LONGEST_GAP_MS - transition else 0
    at = rng.choice(n_keys - 1, size=n_pauses, replace=False)
    short = np.delete(np.arange(n_keys - 1), at)
    gaps[short] *= transition / gaps[short].mean()
    if n_pauses:
        gaps[at] = max(left / n_pauses + transition, LONGEST_GAP_MS + 1.0)
    releases = np.concatenate([[0.0], np.cumsum(gaps)]) + lasted[0]
    kinds = _text(rng, n_keys)
    corrected = rng.choice(n_keys, size=round(averages.error_rate_percent * n_keys / 100.0), replace=False)
    kinds[corrected] = CORRECTION
    return as_sequence(kinds, lasted, np.diff(releases - lasted, prepend=0.0))


def match_kinds(victim: Sequence[TimedSequence], rng: np.random.Generator, n: int) -> list[TimedSequence]:
    """A session with the kinds of one of the victim's in the same order, each time drawn anew from the victim's.

    Holds are drawn by kind, intervals by the kinds before and after. What the victim does from one key to the next beside
    that (words, days) is lost. It is the most that somebody can do who has but a table of the victim's times.
    """
    holds, gaps = _Times.of_holds(victim), _Times.of_gaps(victim)
    made = []
    for known in replay(victim, rng, n):
        ranks = rng.random((2, len(known)))
        made.append(
            as_sequence(
                known.kinds,
                np.exp(holds.at(_hold_keys(known.kinds), ranks[0])),
                np.exp(gaps.at(_gap_keys(known.kinds), ranks[1])),
            )
        )
    return made


def move_over(victim: Sequence[TimedSequence], rng: np.random.Generator, n: int) -> list[TimedSequence]:
    """Sessions from the victim's rhythm to the attacker's, in `n` even steps of the logarithm.

    The attacker is somebody whom the simulator makes up. The last session is typed by the attacker's own hand; in those
    before, each time is moved towards the one that the victim has at the same rank among times of that kind.
    """
    person = draw_people(rng, 1)
    own = [sequences_of_typed(type_by_hand(rng, person, day))[0] for day in range(_ATTACKER_SESSIONS)]
    hand = _Times.of_holds(own), _Times.of_gaps(own)
    theirs = _Times.of_holds(victim), _Times.of_gaps(victim)
    made = []
    for step in range(n):
        typed = own[step % len(own)]
        share = step / max(n - 1, 1)
        keys = _hold_keys(typed.kinds), _gap_keys(typed.kinds)
        moved = []
        for key, times, mine, others in zip(keys, (typed.lasted_ms, typed.since_ms), hand, theirs, strict=True):
            log = np.log(np.maximum(times, 1.0))
            moved.append(np.exp(share * log + (1.0 - share) * others.at(key, mine.ranks(key, log))))
        made.append(as_sequence(typed.kinds, *moved))
    return made


class _Times:
    """Logarithms of somebody's times, sorted, of each kind of which there are enough; of all together else."""

    def __init__(self, keys: NDArray[np.int64], times_ms: Floats) -> None:
        log = np.log(np.maximum(times_ms, 1.0))
        self._all = np.sort(log)
        self._of = {
            int(key): np.sort(log[keys == key]) for key in np.unique(keys) if (keys == key).sum() >= _LEAST_KNOWN
        }

    @classmethod
    def of_holds(cls, sequences: Sequence[TimedSequence]) -> "_Times":
        keys = np.concatenate([_hold_keys(one.kinds) for one in sequences])
        return cls(keys, np.concatenate([one.lasted_ms for one in sequences]).astype(np.float64))

    @classmethod
    def of_gaps(cls, sequences: Sequence[TimedSequence]) -> "_Times":
        keys = np.concatenate([_gap_keys(one.kinds)[1:] for one in sequences])
        return cls(keys, np.concatenate([one.since_ms[1:] for one in sequences]).astype(np.float64))

    def at(self, keys: NDArray[np.int64], ranks: Floats) -> Floats:
        """The times at ranks from 0 to 1, between those that there are."""
        found = np.empty(len(keys))
        for key in np.unique(keys):
            known = self._of.get(int(key), self._all)
            found[keys == key] = np.interp(ranks[keys == key], np.linspace(0, 1, len(known)), known)
        return found

    def ranks(self, keys: NDArray[np.int64], log: Floats) -> Floats:
        """Where times stand, 0 to 1."""
        found = np.empty(len(keys))
        for key in np.unique(keys):
            known = self._of.get(int(key), self._all)
            found[keys == key] = np.searchsorted(known, log[keys == key]) / max(len(known), 1)
        return np.minimum(found, 1.0)


def _hold_keys(kinds: NDArray[np.uint8]) -> NDArray[np.int64]:
    return kinds.astype(np.int64)


def _gap_keys(kinds: NDArray[np.uint8]) -> NDArray[np.int64]:
    """One number for the kinds before and after; the first key is taken to follow a letter."""
    before = np.concatenate([[LETTER], kinds[:-1]]).astype(np.int64)
    return np.asarray(before * len(KEY_CLASSES) + kinds)


def _text(rng: np.random.Generator, n_keys: int) -> NDArray[np.uint8]:
    return write_texts(rng, np.array([n_keys]), corrects=np.zeros(1), capitals=np.full(1, _CAPITALS)).classes


def _around_one(rng: np.random.Generator, n: int, spread: float) -> Floats:
    """Shape (n,), mean 1 in the long run, from 1 - spread to 1 + spread; their own mean exactly 1."""
    drawn = 1.0 + spread * rng.uniform(-1, 1, n)
    return np.asarray(drawn / drawn.mean())
