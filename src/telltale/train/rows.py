"""Row hashes: which rows a version was trained on, and whether rows to be judged on are among them."""

import hashlib
from collections.abc import Iterator

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.errors import OverlapError
from telltale.telemetry.frames import ENTITY, TIME


def hash_rows(frame: pl.DataFrame, columns: tuple[str, ...]) -> NDArray[np.uint64]:
    """A 64-bit hash of each row's entity, time and values; empty where rows carry no time.

    Rows without time are exempt: equal values at unknown moments are no evidence of the same row.
    """
    if frame.is_empty() or frame[TIME].null_count():
        return np.empty(0, dtype=np.uint64)
    times = frame[TIME].dt.epoch("us").to_list()
    hashes = np.empty(len(frame), dtype=np.uint64)
    # -0.0 and 0.0 are one value.
    for i, (entity, time_us, row) in enumerate(zip(frame[ENTITY], times, _rows(frame, columns, zero=0.0), strict=True)):
        text = f"{entity}\0{time_us}\0".encode()
        hashes[i] = int.from_bytes(hashlib.blake2b(text + row, digest_size=8).digest(), "little")
    return hashes


def snapshot_sha256(frame: pl.DataFrame, columns: tuple[str, ...]) -> str:
    """A hash over all rows in order, of their values alone where they carry no time."""
    digest = hashlib.sha256(hash_rows(frame, columns).tobytes())
    for row in _rows(frame, columns, zero=-0.0):
        digest.update(row)
    return digest.hexdigest()


def refuse_overlap(frame: pl.DataFrame, columns: tuple[str, ...], trained: NDArray[np.uint64], *, where: str) -> None:
    """Raise OverlapError where rows to be judged on were trained on."""
    hashes = hash_rows(frame, columns)
    n = int(np.isin(hashes, trained).sum())
    if n:
        raise OverlapError(
            f"{n} of {len(hashes)} rows were trained on",
            where=where,
            mend="Give rows from before or after the training data.",
        )


def _rows(frame: pl.DataFrame, columns: tuple[str, ...], *, zero: float) -> Iterator[bytes]:
    """Each row as bytes: its numbers as float64, then its lists of numbers, then its texts as JSON.

    Rows of numbers alone are their float64 bytes and nothing else: bundles of the first format hold hashes of those.
    A missing number is NaN, which no checked row holds. `zero` is added to every number.
    """
    kinds = {name: frame.schema[name] for name in columns}
    numbers = [name for name, dtype in kinds.items() if dtype.is_numeric()]
    lists = [name for name, dtype in kinds.items() if isinstance(dtype, pl.List) and dtype.inner.is_numeric()]
    texts = [name for name in columns if name not in {*numbers, *lists}]
    # A sum in place would fail: one column comes out of Polars as a read-only view.
    matrix = np.ascontiguousarray(frame.select(numbers).to_numpy() + zero, dtype=np.float64).reshape(
        len(frame), len(numbers)
    )
    parts: list[Iterator[bytes]] = [map(np.ndarray.tobytes, matrix)]
    parts += [_list_bytes(frame[name], zero=zero) for name in lists]
    if texts:
        parts.append(map(msgspec.json.Encoder().encode, frame.select(texts).iter_rows()))
    return parts[0] if len(parts) == 1 else map(b"".join, zip(*parts, strict=True))


def _list_bytes(series: pl.Series, *, zero: float) -> Iterator[bytes]:
    """Each list as its length and its float64 bytes; a missing list has length -1."""
    lengths = series.list.len().cast(pl.Int64).fill_null(-1).to_numpy()
    flat = series.filter(series.list.len() > 0).explode().cast(pl.Float64).to_numpy() + zero
    start = 0
    for length, prefix in zip(np.maximum(lengths, 0).tolist(), lengths, strict=True):
        yield prefix.tobytes() + flat[start : start + length].tobytes()
        start += length
