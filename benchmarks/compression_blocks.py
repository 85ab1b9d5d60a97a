"""Files as blocks, what every codec made of each, and a version trained on some of them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.catalogue import Progress
from benchmarks.compression_files import folder_files, machine_blocks, made_files, package_files
from telltale.apps.pakit import APP
from telltale.apps.pakit.collect import block_row
from telltale.apps.pakit.compression.codecs import measure_codecs
from telltale.apps.pakit.compression.features import DEFAULT_READS
from telltale.apps.pakit.schema import BLOCK_BYTES, CODECS, MEASURED_CODECS
from telltale.contract.errors import NotFoundError
from telltale.models.bundle import load_bundle
from telltale.models.choose_runtime import ChooseRuntime
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import check_rows
from telltale.train.fitted import TrainingChoices
from telltale.train.version import TrainingRows, train_version

Floats = NDArray[np.float64]
SIZES = (BLOCK_BYTES, 2 * BLOCK_BYTES)


@dataclass(frozen=True)
class Packed:
    """A file in blocks of one size: its blocks in order, and a row of `pakit/block` for each, measured."""

    file: str
    blocks: tuple[bytes, ...]
    rows: tuple[dict[str, float | str | list[float] | None], ...]

    @property
    def name(self) -> str:
        """The file, and the size of its blocks where that is not the usual one."""
        n_bytes = len(self.blocks[0])
        return self.file if n_bytes <= BLOCK_BYTES else f"{self.file} in {n_bytes // 1_024} KiB"

    @cached_property
    def shares(self) -> Floats:
        """Each block's share of the bytes, shape (n,)."""
        sizes = np.array([len(block) for block in self.blocks], dtype=np.float64)
        return np.asarray(sizes / sizes.sum())

    @cached_property
    def outcomes(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Sizes in 1e6 bytes, shape (n, 1), and ratio, write and read seconds per 1e6 bytes, shape (n, codecs)."""
        found = [np.array([[row["block_size"]] for row in self.rows], dtype=np.float64) / 1e6]
        for known, name in ((1.0, "ratio"), (0.0, "write_s_per_mb"), (0.0, "read_s_per_mb")):
            measured = [[known, *(row[f"{codec}_{name}"] for codec in MEASURED_CODECS)] for row in self.rows]
            found.append(np.array(measured, dtype=np.float64))
        return found[0], found[1], found[2], found[3]

    def costs(self, bandwidth_mb_s: float) -> Floats:
        """Seconds each codec costs each block, shape (n, codecs): write, transfer, read back."""
        size_mb, ratio, write, read = self.outcomes
        return size_mb * (write + ratio / bandwidth_mb_s + DEFAULT_READS * read)


def read_cases(data: Path | None, *, seed: int, quick: bool, progress: Progress) -> list[Packed]:
    """Every file in blocks of either size: those of a folder, or of the Python installation, and made ones.

    Args:
        data: the folder, or None.
        seed: of the made files.
        quick: few files, few blocks of each.
        progress: told of each.

    Raises:
        NotFoundError: there are fewer than two files.
    """
    files = list(package_files(quick=quick) if data is None else folder_files(data))
    if len(files) < 2:
        raise NotFoundError(f"{len(files)} files", where=str(data), mend="Name a folder with at least two files.")
    found = []
    for name, content in (*files, *made_files(seed)):
        for size in SIZES if len(content) > BLOCK_BYTES else SIZES[:1]:
            blocks = [content[at : at + size] for at in range(0, len(content), size)][: 4 if quick else None]
            progress(f"measuring {name}: {len(blocks)} blocks of {size // 1_024} KiB")
            found.append(measured(name, blocks))
    return found


def read_machine(n_blocks: int, *, with_packages: bool, progress: Progress) -> list[Packed]:
    """Blocks of this machine's own files."""
    progress(f"measuring {n_blocks} blocks of this machine's files")
    return [measured(name, blocks) for name, blocks in machine_blocks(n_blocks, with_packages=with_packages) if blocks]


def measured(file: str, blocks: Sequence[bytes]) -> Packed:
    """A file's blocks with every codec's ratio and times."""
    rows = tuple(
        {**block_row(block, object_id=file, now=datetime.now(UTC)), **measure_codecs(block)} for block in blocks
    )
    return Packed(file=file, blocks=tuple(blocks), rows=rows)


def train(files: Sequence[Packed], directory: Path) -> ChooseRuntime:
    """A version of `pakit/compression` on all blocks of these files, as `telltale train` makes one."""
    frame = pl.DataFrame([row for file in files for row in file.rows], infer_schema_length=None)
    raw = RawRows(frame=frame.with_columns(pl.int_range(1, pl.len() + 1).alias(LINE)), source="blocks")
    checked = check_rows(APP.event("block"), raw, require_time=True)
    rows = TrainingRows(kind="file", train=checked.frame, held_out=checked.frame[:0], columns=checked.columns)
    task = APP.task("compression")
    train_version(APP, task, rows, TrainingChoices(), directory=directory, progress=lambda *_: None)
    return ChooseRuntime(load_bundle(directory))


def codec_table(files: Sequence[Packed]) -> list[tuple[str, float, float, float]]:
    """Of each codec: the ratio over all blocks, and write and read speed over LZ4's. Speeds do not move to other machines."""
    size, ratio, write, read = (np.concatenate(parts) for parts in zip(*(file.outcomes for file in files), strict=True))
    total = size.sum()
    speeds = [total / np.maximum((size * taken).sum(axis=0), 1e-12) for taken in (write, read)]
    lz4 = CODECS.index("lz4")
    return [
        (
            name,
            float((size * ratio).sum(axis=0)[place] / total),
            float(speeds[0][place] / speeds[0][lz4]),
            float(speeds[1][place] / speeds[1][lz4]),
        )
        for place, name in enumerate(CODECS)
        if name != "none"
    ]


def lz4_write_us(files: Sequence[Packed]) -> float:
    """Microseconds that LZ4 takes to write a block of 64 KiB, on average."""
    size, _, write, _ = (np.concatenate(parts) for parts in zip(*(file.outcomes for file in files), strict=True))
    return float((size[:, 0] * write[:, CODECS.index("lz4")]).sum() / size.sum() * BLOCK_BYTES)


def copy_us() -> float:
    """Microseconds that copying 64 KiB takes."""
    block, times = bytes(BLOCK_BYTES), []
    for _ in range(200):
        started = time.perf_counter()
        bytearray(block)
        times.append(time.perf_counter() - started)
    return float(np.median(times) * 1e6)
