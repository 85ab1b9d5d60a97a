"""Files as blocks, what every codec made of each, and a version trained on some of them."""

import lzma
import sysconfig
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.catalogue import Progress
from telltale.apps.pakit import APP
from telltale.apps.pakit.codecs import measure_codecs
from telltale.apps.pakit.collect import block_row, files_below, read_blocks
from telltale.apps.pakit.features import DEFAULT_READS
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
_NOT_CASES = {"manifest.json", "README.md"}
# Without --data: cases are files of at least so many blocks, and no more of each.
_OWN_LEAST, _OWN_MOST = 2, 32


@dataclass(frozen=True)
class Packed:
    """A file: its blocks in order, and a row of `pakit/block` for each, measured."""

    name: str
    blocks: tuple[bytes, ...]
    rows: tuple[dict[str, float | str | None], ...]

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


def read_cases(data: Path | None, *, quick: bool, progress: Progress) -> list[Packed]:
    """The files of a folder, unpacked where they are packed with xz; without one, files of the Python installation."""
    most = (8 if quick else _OWN_MOST) if data is None else 8 if quick else None
    found = []
    for name, content in _own_files(quick=quick) if data is None else _files(data):
        blocks = [content[at : at + BLOCK_BYTES] for at in range(0, len(content), BLOCK_BYTES)][:most]
        progress(f"measuring {name}: {len(blocks)} blocks")
        found.append(measured(name, blocks))
    if len(found) < 2:
        raise NotFoundError(f"{len(found)} files", where=str(data), mend="Name a folder with at least two files.")
    return found


def read_machine(n_rows: int, *, progress: Progress) -> list[Packed]:
    """Blocks of this machine's own standard library, as `telltale collect blocks` picks them."""
    progress(f"measuring {n_rows} blocks of this machine's files")
    found: list[Packed] = []
    n = 0
    for path in files_below(Path(sysconfig.get_path("stdlib"))):
        if "site-packages" in path.parts:
            continue
        blocks = list(read_blocks(path))[: n_rows - n]
        found.append(measured(str(path), blocks))
        n += len(blocks)
        if n >= n_rows:
            break
    return found


def measured(name: str, blocks: Sequence[bytes]) -> Packed:
    """A file's blocks with every codec's ratio and times."""
    rows = tuple(
        {**block_row(block, object_id=name, now=datetime.now(UTC)), **measure_codecs(block)} for block in blocks
    )
    return Packed(name=name, blocks=tuple(blocks), rows=rows)


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


def _files(data: Path) -> Iterator[tuple[str, bytes]]:
    if not data.is_dir():
        raise NotFoundError("no such folder", where=str(data), mend="Name a folder of files with --data.")
    for path in sorted(data.rglob("*")):
        if not path.is_file() or path.name in _NOT_CASES or path.stat().st_size == 0:
            continue
        packed = path.suffix == ".xz"
        content = lzma.decompress(path.read_bytes()) if packed else path.read_bytes()
        yield (path.with_suffix("") if packed else path).relative_to(data).as_posix(), content


def _own_files(*, quick: bool) -> Iterator[tuple[str, bytes]]:
    """Files of the installed packages, of many kinds: at most four of a suffix."""
    root = Path(sysconfig.get_path("platlib"))
    of_suffix: dict[str, int] = {}
    n = 0
    for path in files_below(root):
        taken = of_suffix.get(path.suffix, 0)
        if path.stat().st_size < _OWN_LEAST * BLOCK_BYTES or taken >= 4:
            continue
        of_suffix[path.suffix] = taken + 1
        with path.open("rb") as file:
            yield path.relative_to(root).as_posix(), file.read(_OWN_MOST * BLOCK_BYTES)
        n += 1
        if n >= (8 if quick else 40):
            return
