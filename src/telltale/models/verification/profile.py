"""What enrolment keeps of a person: their timed sequences in at most 8,000 bytes, and nothing else.

A time is one byte: its place on a logarithmic grid from 2 ms to 60 s, a step of 4.06 %. A time that was read from a profile
lies on that grid, so that a profile packed again and again (each accepted sample does it) loses nothing more. Patterns of
kinds are stored once, however many sequences share them.

Layout, little-endian: u8 format; u16 number of patterns; u16 number of sequences; u16 length of each pattern; the kinds of
each pattern, two in a byte; u16 place of each sequence's pattern; then of each sequence, oldest first, a byte for how long
each act lasted and a byte for each time between two.
"""

import math
import struct
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import SchemaError, TelltaleError
from telltale.models.verification.sequence import MOST_KINDS, TimedSequence

MOST_BYTES: Final = 8_000
FORMAT: Final = 1
LEAST_MS: Final = 2.0
MOST_MS: Final = 60_000.0
LEAST_CUT: Final = 50  # acts; a shorter rest of a sequence is not worth keeping

_STEP: Final = math.log(MOST_MS / LEAST_MS) / 254.0
RELATIVE_ERROR: Final = math.expm1(_STEP / 2.0)
_GRID: Final = np.concatenate([[0.0], LEAST_MS * np.exp(_STEP * np.arange(255))]).astype(np.float32)
_HEAD: Final = struct.Struct("<BHH")


def pack(sequences: Sequence[TimedSequence]) -> bytes:
    """Sequences, oldest first, as at most `MOST_BYTES` bytes.

    The newest are kept, as many as fit. The first that does not fit is cut to its latest acts where `LEAST_CUT` of them
    fit; all older ones are dropped, and so are empty ones. Between 2 ms and 60 s a time comes back within
    `RELATIVE_ERROR` (2.05 %) of what it was; shorter ones come back as 0 or 2 ms, longer ones as 60 s.

    Raises:
        SchemaError: a kind is too high, a time is negative or not finite, or lengths differ.
    """
    kept, n_bytes, patterns = [], _HEAD.size, dict[bytes, int]()
    for sequence in reversed(sequences):
        _check(sequence)
        if not len(sequence):
            continue
        fitting = _newest(sequence, MOST_BYTES - n_bytes, patterns)
        if fitting is not None:
            kept.append(fitting)
            n_bytes += _cost(fitting, patterns)
            patterns.setdefault(fitting.kinds.tobytes(), len(patterns))
        if fitting is not sequence:
            break
    kept.reverse()
    kinds = [np.frombuffer(pattern, dtype=np.uint8) for pattern in patterns]
    return b"".join(
        [
            _HEAD.pack(FORMAT, len(kinds), len(kept)),
            np.array([len(pattern) for pattern in kinds], dtype="<u2").tobytes(),
            *(_halved(pattern) for pattern in kinds),
            np.array([patterns[sequence.kinds.tobytes()] for sequence in kept], dtype="<u2").tobytes(),
            _codes([time for sequence in kept for time in (sequence.lasted_ms, sequence.since_ms[1:])]),
        ]
    )


def unpack(profile: bytes) -> tuple[TimedSequence, ...]:
    """The sequences of a profile, oldest first.

    Raises:
        TelltaleError: the profile is of another format, or damaged.
    """
    if len(profile) < _HEAD.size or profile[0] != FORMAT:
        raise TelltaleError(
            f"its format is {profile[0] if profile else None}; this version reads {FORMAT}",
            where="profile",
            mend="Read it with the version of telltale that wrote it, or enrol the person again.",
        )
    _, n_patterns, n_sequences = _HEAD.unpack_from(profile)
    try:
        return _sequences(np.frombuffer(profile, dtype=np.uint8), n_patterns, n_sequences)
    except (ValueError, IndexError) as error:
        raise TelltaleError("its bytes do not add up", where="profile", mend="Enrol the person again.") from error


def _sequences(data: NDArray[np.uint8], n_patterns: int, n_sequences: int) -> tuple[TimedSequence, ...]:
    lengths, at = _read_u16(data, _HEAD.size, n_patterns)
    patterns = []
    for length in lengths.tolist():
        halves = data[at : at + (length + 1) // 2]
        patterns.append(np.stack([halves & 15, halves >> 4], axis=1).reshape(-1)[:length])
        at += (length + 1) // 2
    places, at = _read_u16(data, at, n_sequences)
    sizes = lengths[places]
    times = _GRID[data[at:]]
    if len(times) != int((2 * sizes - 1).sum()):
        raise ValueError(len(times))
    made, at = [], 0
    for place, size in zip(places.tolist(), sizes.tolist(), strict=True):
        since = times[at + size - 1 : at + 2 * size - 1].copy()
        since[0] = 0.0
        made.append(TimedSequence(kinds=patterns[place], lasted_ms=times[at : at + size], since_ms=since))
        at += 2 * size - 1
    return tuple(made)


def _read_u16(data: NDArray[np.uint8], at: int, n: int) -> tuple[NDArray[np.int64], int]:
    return data[at : at + 2 * n].view("<u2").astype(np.int64).reshape(n), at + 2 * n


def _newest(sequence: TimedSequence, room: int, patterns: dict[bytes, int]) -> TimedSequence | None:
    """The sequence, or as much of its end as there is room for; None where that is too little."""
    if _cost(sequence, patterns) <= room:
        return sequence
    n_acts = min(len(sequence), 2 * (room - 4) // 5)  # two and a half bytes an act, and four for pattern and place
    if n_acts < LEAST_CUT:
        return None
    since = sequence.since_ms[-n_acts:].copy()
    since[0] = 0.0
    return TimedSequence(kinds=sequence.kinds[-n_acts:], lasted_ms=sequence.lasted_ms[-n_acts:], since_ms=since)


def _cost(sequence: TimedSequence, patterns: dict[bytes, int]) -> int:
    pattern = 0 if sequence.kinds.tobytes() in patterns else 2 + (len(sequence) + 1) // 2
    return pattern + 2 + 2 * len(sequence) - 1


def _codes(times: Sequence[NDArray[np.float32]]) -> bytes:
    if not times:
        return b""
    together = np.concatenate(times).astype(np.float64)
    with np.errstate(divide="ignore"):
        places = 1.0 + np.rint(np.log(together / LEAST_MS) / _STEP)
    return np.where(together < LEAST_MS / 2.0, 0.0, np.clip(places, 1.0, 255.0)).astype(np.uint8).tobytes()


def _halved(kinds: NDArray[np.uint8]) -> bytes:
    even = np.concatenate([kinds, np.zeros(len(kinds) % 2, dtype=np.uint8)])
    return bytes(even[::2] | even[1::2] << 4)


def _check(sequence: TimedSequence) -> None:
    lengths = {len(sequence.kinds), len(sequence.lasted_ms), len(sequence.since_ms)}
    if len(lengths) > 1:
        raise SchemaError(
            f"kinds and times have lengths {sorted(lengths)}", where="profile", mend="Give one of each per act."
        )
    if len(sequence) and int(sequence.kinds.max()) >= MOST_KINDS:
        raise SchemaError(f"kind {sequence.kinds.max()}; the highest is {MOST_KINDS - 1}", where="profile")
    for times in (sequence.lasted_ms, sequence.since_ms):
        if not (np.isfinite(times).all() and (times >= 0).all()):
            raise SchemaError("a time is negative or not finite", where="profile", mend="Leave that sample out.")
