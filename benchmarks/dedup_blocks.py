"""Real blocks, and edits of them as files are edited: what is overwritten, put in, taken out, moved, or read at another place."""

import lzma
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.catalogue import Progress
from telltale.apps.pakit.collect import files_below
from telltale.apps.pakit.dedup.chunks import chunk_fingerprints
from telltale.apps.pakit.schema import BLOCK_BYTES
from telltale.apps.pakit.statistics import block_statistics
from telltale.contract.errors import NotFoundError
from telltale.contract.estimator import Floats
from telltale.contract.learners import Fingerprints

_NOT_CASES = {"manifest.json", "README.md"}
_LEAST_BYTES = 8_192
_MOST_PER_FILE = 24
_RUN = (32, 768)  # bytes of one edit, least and most
_MOST_RUNS = 24  # of a whole block; of a shorter one in proportion
_MOVED = (1_024, 8_192)
_MOST_SHIFT = 0.45  # of a block

Edit = Callable[[bytes, np.random.Generator], bytes]


@dataclass(frozen=True)
class Block:
    """What a store is told of a block: the fingerprints of its chunks, and its statistics, shape (m,)."""

    fingerprints: Fingerprints
    figures: Floats


def real_blocks(data: Path | None, n: int, *, progress: Progress) -> list[bytes]:
    """At most `n` blocks of 8 to 64 KiB, at most 24 of a file: files of a folder, or of the Python installation."""
    root = Path(sysconfig.get_path("stdlib")) if data is None else data
    if not root.exists():
        raise NotFoundError("there is no such folder", where=str(root), mend="Name a folder of files.")
    progress(f"reading blocks of {root}")
    found: list[bytes] = []
    seen: set[bytes] = set()
    for path in files_below(root):
        if path.name in _NOT_CASES or (data is None and "site-packages" in path.parts):
            continue
        for block in _blocks(path):
            if block not in seen:
                seen.add(block)
                found.append(block)
        if len(found) >= n:
            break
    if len(found) < 2:
        raise NotFoundError(
            f"{len(found)} blocks of {_LEAST_BYTES} bytes", where=str(root), mend="Name another folder."
        )
    return found[:n]


def described(blocks: list[bytes]) -> list[Block]:
    """What a store is told of each."""
    statistics = block_statistics(blocks)
    return [
        Block(fingerprints=np.array(chunk_fingerprints(block), dtype=np.int64), figures=figures)
        for block, figures in zip(blocks, statistics, strict=True)
    ]


def overwritten(block: bytes, rng: np.random.Generator) -> bytes:
    """Some runs are others."""
    made = bytearray(block)
    for start, length in _runs(block, rng):
        made[start : start + length] = rng.bytes(min(length, len(made) - start))
    return bytes(made)


def inserted(block: bytes, rng: np.random.Generator) -> bytes:
    """Some runs are put in; what no longer fits into the block is in the next one."""
    made = bytearray(block)
    for start, length in _runs(block, rng):
        made[start:start] = rng.bytes(length)
    return bytes(made[:BLOCK_BYTES])


def deleted(block: bytes, rng: np.random.Generator) -> bytes:
    """Some runs are taken out."""
    made = bytearray(block)
    for start, length in _runs(block, rng):
        del made[start : start + length]
    return bytes(made)


def moved(block: bytes, rng: np.random.Generator) -> bytes:
    """Some passages stand elsewhere."""
    made = bytearray(block)
    for _ in range(int(rng.integers(1, 9))):
        length = int(rng.integers(*_MOVED))
        start, to = (int(rng.integers(0, max(1, len(made) - length))) for _ in range(2))
        passage = made[start : start + length]
        del made[start : start + length]
        made[to:to] = passage
    return bytes(made)


def shifted(block: bytes, rng: np.random.Generator) -> bytes:
    """The block of the same file that begins later: the rest of it, and as much that is new."""
    start = int(rng.integers(1, max(2, round(_MOST_SHIFT * len(block)))))
    return block[start:] + rng.bytes(start)


EDITS: dict[str, Edit] = {
    "overwritten": overwritten,
    "inserted": inserted,
    "deleted": deleted,
    "moved": moved,
    "shifted": shifted,
}


def _runs(block: bytes, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    n = max(1, round(float(rng.integers(1, _MOST_RUNS + 1)) * len(block) / BLOCK_BYTES))
    for _ in range(n):
        yield int(rng.integers(0, len(block))), int(rng.integers(*_RUN))


def _blocks(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    if path.suffix == ".xz":
        content = lzma.decompress(content)
    n = -(-len(content) // BLOCK_BYTES)
    for number in range(min(n, _MOST_PER_FILE)):
        at = number * n // min(n, _MOST_PER_FILE) * BLOCK_BYTES
        block = content[at : at + BLOCK_BYTES]
        if len(block) >= _LEAST_BYTES:
            yield block
