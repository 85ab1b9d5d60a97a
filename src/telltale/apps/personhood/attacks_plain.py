"""Attackers who know no more of the victim than a recording or a mean."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from telltale.apps.personhood.simulate_text import write_texts
from telltale.apps.personhood.typists import Typed, type_by_imitation
from telltale.contract.sequence import TimedSequence

JITTER_MS: Final = 3.0
LONGEST_GAP_MS: Final = 1_000.0  # a longer one is a pause
_CAPITALS: Final = 0.15  # share of words


def replay(victim: Sequence[TimedSequence], rng: np.random.Generator, n: int) -> list[TimedSequence]:
    """Recordings as they are."""
    return [victim[place] for place in rng.integers(len(victim), size=n)]


def replay_with_jitter(victim: Sequence[TimedSequence], rng: np.random.Generator, n: int) -> list[TimedSequence]:
    """Recordings with each hold and interval off by a deviation of `JITTER_MS`, none below a millisecond."""
    made = []
    for recorded in replay(victim, rng, n):
        lasted, since = (
            np.maximum(times + rng.normal(0, JITTER_MS, len(recorded)), 1.0)
            for times in (recorded.lasted_ms, recorded.since_ms)
        )
        made.append(as_sequence(recorded.kinds, lasted, since))
    return made


def keep_constant(victim: Sequence[TimedSequence], rng: np.random.Generator, n: int) -> list[TimedSequence]:
    """One hold and one interval throughout: the victim's means, pauses left out. The text is the robot's own."""
    hold = float(np.concatenate([known.lasted_ms for known in victim]).mean())
    gaps = np.concatenate([known.since_ms[1:] for known in victim])
    gap = float(gaps[gaps < LONGEST_GAP_MS].mean())
    n_keys = np.array([len(one) for one in replay(victim, rng, n)], dtype=np.int64)
    text = write_texts(rng, n_keys, corrects=np.zeros(n), capitals=np.full(n, _CAPITALS))
    parts = np.split(text.classes, np.cumsum(n_keys)[:-1])
    return [as_sequence(kinds, np.full(len(kinds), hold), np.full(len(kinds), gap)) for kinds in parts]


def sample_plausibly(
    victim: Sequence[TimedSequence],  # noqa: ARG001 - nothing is known of it
    rng: np.random.Generator,
    n: int,
) -> list[TimedSequence]:
    """The imitations that the simulator has among its impostors."""
    return sequences_of_typed(type_by_imitation(rng, n))


def sequences_of_typed(typed: Typed) -> list[TimedSequence]:
    """Simulated sessions as they are compared."""
    ends = np.cumsum(typed.n_keys)
    return [
        as_sequence(
            typed.classes[first:last],
            typed.releases_ms[first:last] - typed.presses_ms[first:last],
            np.diff(typed.presses_ms[first:last], prepend=0.0),
        )
        for first, last in zip(ends - typed.n_keys, ends, strict=True)
    ]


def as_sequence(
    kinds: np.ndarray[tuple[int], np.dtype[np.uint8]],
    lasted_ms: np.ndarray[tuple[int], np.dtype[np.floating]],
    since_ms: np.ndarray[tuple[int], np.dtype[np.floating]],
) -> TimedSequence:
    """Shapes (n,); what is said of the interval before the first key does not count."""
    since = since_ms.astype(np.float32)
    since[:1] = 0.0
    return TimedSequence(kinds=kinds, lasted_ms=lasted_ms.astype(np.float32), since_ms=since)
