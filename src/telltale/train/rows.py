"""Row hashes: which rows a version was trained on, and whether rows to be judged on are among them."""

import hashlib

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
    # -0.0 and 0.0 are one value. A sum in place would fail: one column comes out of Polars as a read-only view.
    values = np.ascontiguousarray(frame.select(columns).to_numpy() + 0.0, dtype=np.float64)
    times = frame[TIME].dt.epoch("us").to_numpy()
    hashes = np.empty(len(values), dtype=np.uint64)
    for i, (entity, time_us, row) in enumerate(zip(frame[ENTITY], times.tolist(), values, strict=True)):
        text = f"{entity}\0{time_us}\0".encode()
        hashes[i] = int.from_bytes(hashlib.blake2b(text + row.tobytes(), digest_size=8).digest(), "little")
    return hashes


def snapshot_sha256(frame: pl.DataFrame, columns: tuple[str, ...]) -> str:
    """A hash over all rows in order, of their values alone where they carry no time."""
    digest = hashlib.sha256(hash_rows(frame, columns).tobytes())
    digest.update(np.ascontiguousarray(frame.select(columns).to_numpy(), dtype=np.float64).tobytes())
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
