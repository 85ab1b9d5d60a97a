"""Blocks of real files as content-free rows: sampled statistics, and what every codec made of them."""

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from telltale.apps.pakit.compression.codecs import codecs, measure_codecs
from telltale.apps.pakit.compression.trials import trial_ratios
from telltale.apps.pakit.dedup.chunks import chunk_fingerprints
from telltale.apps.pakit.schema import BLOCK_BYTES, CODECS, MEASURED_CODECS, TRIALS
from telltale.apps.pakit.statistics import STATISTICS, block_statistics
from telltale.contract.errors import NotFoundError, UsageError

# Blocks of one file are alike: more of them say little more, and a large file would drown the others.
BLOCKS_PER_FILE: Final = 16


def collect_blocks(
    path: str, n_rows: int | None, *, measured_percent: int = 100, seed: int = 0
) -> Iterator[dict[str, float | str | list[float] | None]]:
    """Rows of `pakit/block` for blocks of 64 KiB of a file, or of the files in a folder.

    At most sixteen blocks of a file, evenly spread; files come in an order that has nothing to do with their names, so
    that the first rows are of many kinds. Links, empty files and files that may not be read are passed over. Of a file
    only hashes are kept: of its path, as `object_id`, and of each block.

    Args:
        path: a file or folder.
        n_rows: how many rows, or None for all.
        measured_percent: of blocks on which every codec is measured. Below 100 each block has a codec that was used, drawn at random with
            its propensity, and of the others of a random share of blocks alone: as a store would log that has little time.
        seed: of what is drawn.

    Raises:
        NotFoundError: nothing is there.
        UsageError: the codecs are not installed, or there is no such percentage.
    """
    if not 0 <= measured_percent <= 100:
        raise UsageError(f"{measured_percent} percent", where="collect blocks", mend="Give 0 to 100.")
    root = Path(path)
    if not root.exists():
        raise NotFoundError("there is no such file or folder", where=path, mend="Name a file or folder to read.")
    codecs()  # a missing library is told before anything is read
    return _rows(root, n_rows, share=measured_percent / 100.0, seed=seed)


def block_row(block: bytes, *, object_id: str, now: datetime) -> dict[str, float | str | list[float] | None]:
    """One block as a row: its hash, its size, its statistics. Nothing of the block itself."""
    statistics = block_statistics([block])[0].tolist()
    return {
        "timestamp": now.isoformat(),
        "object_id": object_id,
        "block_hash": hashlib.blake2b(block, digest_size=16).hexdigest(),
        "block_size": float(len(block)),
        **dict(zip(STATISTICS, statistics, strict=True)),
        **dict(zip(TRIALS, trial_ratios(block), strict=True)),
        "chunk_hashes": chunk_fingerprints(block),
    }


def read_blocks(path: Path, *, most: int = BLOCKS_PER_FILE) -> Iterator[bytes]:
    """At most so many blocks of a file, evenly spread, in order."""
    with path.open("rb") as file:
        n_blocks = -(-os.fstat(file.fileno()).st_size // BLOCK_BYTES)
        n_read = min(n_blocks, most)
        for number in range(n_read):
            file.seek(number * n_blocks // n_read * BLOCK_BYTES)
            block = file.read(BLOCK_BYTES)
            if block:
                yield block


def files_below(root: Path) -> list[Path]:
    """The files of a folder that can be read, links left out, in the order of a hash of their names."""
    if root.is_file():
        return [root]
    found = [
        Path(folder) / name
        for folder, _, names in os.walk(root)
        for name in names
        if not (Path(folder) / name).is_symlink()
    ]
    return sorted((path for path in found if _is_readable(path)), key=lambda path: _name_hash(path.relative_to(root)))


def _rows(
    root: Path, n_rows: int | None, *, share: float, seed: int
) -> Iterator[dict[str, float | str | list[float] | None]]:
    n, rng = 0, np.random.default_rng(seed)
    for path in files_below(root):
        name = _name_hash(path.resolve())
        for block in read_blocks(path):
            if n == n_rows:
                return
            row = block_row(block, object_id=name, now=datetime.now(UTC))
            row |= measure_codecs(block) if share == 1.0 else _used_and_maybe_others(block, share, rng)
            yield row
            n += 1


def _used_and_maybe_others(block: bytes, share: float, rng: np.random.Generator) -> dict[str, float | str]:
    """A codec drawn at random, as used, with its propensity; on a share of blocks every other is measured too."""
    used = CODECS[int(rng.integers(len(CODECS)))]
    is_measured = rng.random() < share
    found = measure_codecs(block, of=MEASURED_CODECS if is_measured else (used,))
    return {
        "compression_algorithm": used,
        "compression_ratio": found.get(f"{used}_ratio", 1.0),
        "propensity": 1.0 / len(CODECS),
        **found,
    }


def _is_readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK) and path.stat().st_size > 0


def _name_hash(path: Path) -> str:
    return hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
