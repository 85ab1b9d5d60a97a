"""A million names in little memory: their bytes one after another, in the order of a hash by which one is found again."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telltale.models.similarity.ragged import Starts, starts_of, take_rows


@dataclass(frozen=True, kw_only=True)
class PackedNames:
    """Names, numbered from 0.

    Args:
        hashes: of each name, ascending.
        text: the names in UTF-8.
        starts: where each begins, shape (n + 1,).
    """

    hashes: NDArray[np.uint64]
    text: NDArray[np.uint8]
    starts: Starts

    def __len__(self) -> int:
        """How many there are."""
        return len(self.hashes)

    def name(self, number: int) -> str:
        """The name of that number."""
        return self.text[self.starts[number] : self.starts[number + 1]].tobytes().decode()

    def numbers_of(self, names: Sequence[str]) -> NDArray[np.int64]:
        """The number of each, -1 for one that is not there."""
        found = np.full(len(names), -1, dtype=np.int64)
        if not len(self):
            return found
        hashes = _hashes(names)
        places = np.searchsorted(self.hashes, hashes)
        is_near = self.hashes[np.minimum(places, len(self) - 1)] == hashes
        for row in np.flatnonzero(is_near).tolist():
            place = int(places[row])
            while place < len(self) and self.hashes[place] == hashes[row]:  # two names may have one hash
                if self.name(place) == names[row]:
                    found[row] = place
                place += 1
        return found

    def taken(self, which: NDArray[np.int64]) -> "PackedNames":
        """Some of them, in the order asked for, which has to be that of their hashes."""
        text, starts = take_rows(self.text, self.starts, which)
        return PackedNames(hashes=self.hashes[which], text=text, starts=starts)


def pack_names(names: Sequence[str]) -> tuple[PackedNames, NDArray[np.int64]]:
    """Names packed, and the place of each packed one among those given; each is there once."""
    written = [name.encode() for name in names]
    hashes = _hashes(names)
    order = np.lexsort((np.array(written, dtype=object), hashes)) if _has_equal(hashes) else np.argsort(hashes)
    text = np.frombuffer(b"".join(written), dtype=np.uint8)
    starts = starts_of(np.fromiter(map(len, written), dtype=np.int64, count=len(written)))
    taken, taken_starts = take_rows(text, starts, order)
    return PackedNames(hashes=hashes[order], text=taken, starts=taken_starts), order


def _has_equal(hashes: NDArray[np.uint64]) -> bool:
    return len(np.unique(hashes)) < len(hashes)


def _hashes(names: Iterable[str]) -> NDArray[np.uint64]:
    digests = b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)
