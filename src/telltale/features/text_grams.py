"""Hashed n-grams of texts, and what a table says of each: the same numbers for one text and for a frame of them.

A table holds one byte per bin, in eighths; it stands in the plan deflated, as base85: most bins are alike.
"""

import zlib
from base64 import b85decode, b85encode
from collections.abc import Callable, Iterable
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from telltale.features.text import Form, parameters, shaped, unescaped

Bins = NDArray[np.int64]
Table = NDArray[np.uint8]

# So many bins: n-grams of a shop's normal texts are some thousands, and two of one bin are one.
N_BINS: Final = 16_384
_SHIFT: Final = np.uint32(32 - 14)
_START, _END = b"\x02", b"\x03"
# Odd multipliers whose bits are well mixed: each place of an n-gram has its own.
_MULTIPLIERS: Final = np.array(
    [0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1, 0xD3A2646D, 0xFD7046C5, 0xB55A4F09], dtype=np.uint32
)
_MIXER: Final = np.uint32(0x2C1B3C6D)
_EIGHTHS: Final = 8.0
# The worst stretch of a text is looked for in windows of so many n-grams.
STRETCH: Final = 8


def grams(text: str, *, form: Form, size: int, by_parameter: bool) -> Bins:
    """The bin of each n-gram of a text in order, shape (n,); n-grams of marks for start and end among them.

    Args:
        text: as measured.
        form: what letters and digits are taken for.
        size: characters of an n-gram, 1 to 8.
        by_parameter: of `name=value&…` each value by itself, and n-grams of another name are others.
    """
    if not by_parameter:
        return _bins(_START + shaped(unescaped(text)[0], form) + _END, None, size)
    parts: list[bytes] = []
    seeds: list[int] = []
    lengths: list[int] = []
    for name, value in parameters(text):
        part = _START + shaped(unescaped(value)[0], form) + _END
        parts.append(part)
        seeds.append(_seed(name))
        lengths.append(len(part))
    of_bytes = np.repeat(np.array(seeds, dtype=np.uint32), lengths)
    return _bins(b"".join(parts), of_bytes, size)


def mean_of_table(bins: Bins, table: Table) -> float:
    """The mean of what a table says of n-grams, in its own unit; 0 where there are none."""
    return float(table[bins].mean()) / _EIGHTHS if len(bins) else 0.0


def worst_of_table(bins: Bins, table: Table) -> float:
    """The highest mean over a stretch of `STRETCH` n-grams that follow one another, or over all where they are fewer."""
    found = table[bins].astype(np.int64)
    if len(found) <= STRETCH:
        return mean_of_table(bins, table)
    sums = np.cumsum(found)
    sums[STRETCH:] -= sums[:-STRETCH].copy()
    return float(sums[STRETCH - 1 :].max()) / (STRETCH * _EIGHTHS)


def read_table(written: str) -> Table:
    """A table as bytes."""
    return np.frombuffer(zlib.decompress(b85decode(written)), dtype=np.uint8)


def write_table(values: NDArray[np.float64]) -> str:
    """A table as text: values from 0 to 31.875 in eighths."""
    held = np.clip(np.rint(values * _EIGHTHS), 0, 255).astype(np.uint8)
    return b85encode(zlib.compress(held.tobytes(), 9)).decode()


def document_counts(texts: Iterable[str], bins_of: Callable[[str], Bins]) -> NDArray[np.int64]:
    """In how many of some texts each bin is, shape (bins,)."""
    counts = np.zeros(N_BINS, dtype=np.int64)
    for text in texts:
        counts[np.unique(bins_of(text))] += 1
    return counts


def _bins(content: bytes, seeds: NDArray[np.uint32] | None, size: int) -> Bins:
    codes = np.frombuffer(content, dtype=np.uint8).astype(np.uint32)
    n = len(codes) - size + 1
    if n <= 0:
        return np.empty(0, dtype=np.int64)
    mixed = codes[:n] * _MULTIPLIERS[0]
    for place in range(1, size):
        mixed += codes[place : place + n] * _MULTIPLIERS[place]
    if seeds is not None:
        mixed ^= seeds[size - 1 :]
    mixed ^= mixed >> np.uint32(15)
    mixed *= _MIXER
    return np.asarray(mixed >> _SHIFT, dtype=np.int64)


def _seed(name: str) -> int:
    return crc32(unescaped(name)[0])
