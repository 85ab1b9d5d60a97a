"""Repetitions of one password by several people, from files in the form of the CMU set, or made up."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.catalogue import Progress
from telltale.contract.errors import NotEnoughDataError, NotFoundError, SchemaError
from telltale.contract.sequence import TimedSequence

Floats = NDArray[np.float64]

LEAST_PEOPLE: Final = 3
_LEAST_REPETITIONS: Final = 20
_LETTER, _DIGIT, _SPACE, _CORRECTION, _OTHER = range(5)
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_MADE_KEYS = ("period", "t", "i", "e", "five", "Shift.r", "o", "a", "n", "l", "Return")


@dataclass(frozen=True)
class Repetitions:
    """What one or several people typed, oldest first.

    Args:
        columns: shape (n, 3 k - 2), seconds: hold, press to press and release to press, as in the file.
        independent: shape (n, 2 k - 1), seconds: the holds, then press to press; the third is their difference.
        sequences: n, the same as the product takes it.
    """

    columns: Floats
    independent: Floats
    sequences: tuple[TimedSequence, ...]

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, rows: slice) -> "Repetitions":
        return Repetitions(self.columns[rows], self.independent[rows], self.sequences[rows])


def together(parts: Sequence[Repetitions]) -> Repetitions:
    """Repetitions of several people, one after the other."""
    return Repetitions(
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.independent for part in parts]),
        tuple(sequence for part in parts for sequence in part.sequences),
    )


def read_people(folder: Path, *, progress: Progress) -> dict[str, Repetitions]:
    """Everybody in the CSV and Parquet files of a folder that have the columns, by name.

    Raises:
        NotFoundError: there is no such folder, or no such file in it.
        NotEnoughDataError: fewer than three people, each of twenty repetitions or more.
        SchemaError: columns are missing, or no number.
    """
    if not folder.is_dir():
        raise NotFoundError("there is no such folder", where=str(folder))
    found: dict[str, Repetitions] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in {".csv", ".parquet"}:
            frame = pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)
            if "subject" in frame.columns and any(name.startswith("H.") for name in frame.columns):
                found.update(people_in(frame, where=path.name))
    if not found:
        raise NotFoundError("no file with the columns subject, H.* and DD.*", where=str(folder))
    short = sorted(name for name, repetitions in found.items() if len(repetitions) < _LEAST_REPETITIONS)
    if short:
        progress(f"left out, with fewer than {_LEAST_REPETITIONS} repetitions: {', '.join(short)}")
    people = {name: found[name] for name in sorted(found) if name not in short}
    if len(people) < LEAST_PEOPLE:
        raise NotEnoughDataError(
            f"{len(people)} people", where=str(folder), mend=f"At least {LEAST_PEOPLE} are needed."
        )
    return people


def people_in(frame: pl.DataFrame, *, where: str) -> dict[str, Repetitions]:
    """Everybody in a frame with a row per repetition; rows are taken in the order of their sessions."""
    keys = [name.removeprefix("H.") for name in frame.columns if name.startswith("H.")]
    holds = [f"H.{key}" for key in keys]
    presses = [f"DD.{before}.{after}" for before, after in pairwise(keys)]
    missing = set(presses) - set(frame.columns)
    if missing:
        raise SchemaError.missing(missing, frame.columns, where=where)
    order = [name for name in ("sessionIndex", "rep") if name in frame.columns]
    made = {}
    for (name,), rows in frame.group_by(["subject"], maintain_order=True):
        independent = rows.sort(order, maintain_order=True).select(*holds, *presses).to_numpy().astype(np.float64)
        if not np.isfinite(independent).all():
            raise SchemaError("a time is missing", where=f"{where}: {name}", mend="Leave that repetition out.")
        made[str(name)] = _repetitions(independent, [_kind(key) for key in keys])
    return made


def made_people(n_people: int, *, n_repetitions: int, seed: int) -> dict[str, Repetitions]:
    """People who never were: each a rhythm of their own, that grows faster and steadier with practice."""
    rng = np.random.default_rng(seed)
    k = len(_MADE_KEYS)
    practice = np.exp(-np.arange(n_repetitions) / 60.0)[:, None]
    common = rng.normal([np.log(0.09)] * k + [np.log(0.2)] * (k - 1), [0.1] * k + [0.4] * (k - 1))
    made = {}
    for place in range(n_people):
        own = common + rng.normal(0.0, [0.25] * k + [0.35] * (k - 1))
        spread = rng.lognormal(np.log([0.14] * k + [0.3] * (k - 1)), 0.3)
        noise = rng.standard_normal((n_repetitions, 2 * k - 1)) + 0.4 * rng.standard_normal((n_repetitions, 1))
        times = np.exp(own + 0.4 * practice + spread * (1.0 + 0.5 * practice) * noise)
        made[f"made-{place + 1:02d}"] = _repetitions(times, [_kind(key) for key in _MADE_KEYS])
    return made


def _repetitions(independent: Floats, kinds: Sequence[int]) -> Repetitions:
    k = len(kinds)
    holds, presses = independent[:, :k], independent[:, k:]
    columns = np.concatenate([holds, presses, presses - holds[:, :-1]], axis=1)
    since = np.concatenate([np.zeros((len(holds), 1)), presses], axis=1)
    sequences = tuple(
        TimedSequence(
            kinds=np.array(kinds, dtype=np.uint8),
            lasted_ms=(1_000.0 * held).astype(np.float32),
            since_ms=(1_000.0 * waited).astype(np.float32),
        )
        for held, waited in zip(holds, since, strict=True)
    )
    return Repetitions(columns, independent, sequences)


def _kind(key: str) -> int:
    name = key.removeprefix("Shift.").lower()
    if len(name) == 1 and name.isalpha():
        return _LETTER
    if name.isdigit() or name in _DIGITS:
        return _DIGIT
    return {"space": _SPACE, "backspace": _CORRECTION, "delete": _CORRECTION}.get(name, _OTHER)
