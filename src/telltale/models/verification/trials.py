"""From rows to people: which of somebody's sequences are enrolled, and which are then verified."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.errors import SchemaError
from telltale.contract.kinds import Verification
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.sequence import timed_sequence
from telltale.telemetry.frames import ENTITY, LABEL


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody's enrolled sequences, oldest first, and those said to be theirs that come beside them.

    Args:
        entity: who.
        enrolled, trials: sequences.
        enrolled_rows, trial_rows: which rows of the frame they are.
        is_genuine: of each trial, whether it is theirs.
    """

    entity: str
    enrolled: tuple[TimedSequence, ...]
    enrolled_rows: tuple[int, ...]
    trials: tuple[TimedSequence, ...]
    trial_rows: tuple[int, ...]
    is_genuine: NDArray[np.bool_]

    @property
    def genuine(self) -> tuple[TimedSequence, ...]:
        """The trials that are theirs."""
        return tuple(trial for trial, own in zip(self.trials, self.is_genuine, strict=True) if own)


def sequences_of(frame: pl.DataFrame, asked: Verification) -> list[TimedSequence | None]:
    """The sequence of each row of a checked frame; None where it has too few acts to say anything.

    Raises:
        SchemaError: a column is missing, or the lists of a row differ in length.
    """
    missing = set(asked.columns) - set(frame.columns)
    if missing:
        raise SchemaError.missing(missing, frame.columns, where="rows")
    code = pl.element().replace_strict(asked.kind_names, range(len(asked.kind_names)), return_dtype=pl.UInt8)
    rows = frame.select(kinds=pl.col(asked.kinds).list.eval(code), began=asked.began, ended=asked.ended)
    found: list[TimedSequence | None] = []
    for place, (kinds, began, ended) in enumerate(zip(rows["kinds"], rows["began"], rows["ended"], strict=True)):
        if not len(kinds) == len(began) == len(ended):
            raise SchemaError(
                f"row {place} has {len(began)} {asked.began}, {len(ended)} {asked.ended} and {len(kinds)} {asked.kinds}",
                where="rows",
                mend="Give one of each for every act.",
            )
        is_enough = len(kinds) >= asked.least_acts
        found.append(timed_sequence(kinds.to_numpy(), began.to_numpy(), ended.to_numpy()) if is_enough else None)
    return found


def people_of(frame: pl.DataFrame, asked: Verification) -> list[Person]:
    """Everybody of a checked frame with enough sequences of their own, which is what rows without a label are taken for.

    Rows whose label is 0 are somebody else's, said to be theirs: always trials.
    """
    sequences = sequences_of(frame, asked)
    labels = frame[LABEL].fill_null(1).to_list() if LABEL in frame.columns else [1] * frame.height
    rows_of: dict[str, list[int]] = {}
    for row, entity in enumerate(frame[ENTITY].to_list()):
        if entity and sequences[row] is not None:
            rows_of.setdefault(entity, []).append(row)
    found = []
    for entity, rows in rows_of.items():
        own = [row for row in rows if labels[row]]
        n_enrolled = min(asked.enrolled, max(asked.least_samples, len(own) // 2))
        if len(own) < asked.least_samples:
            continue
        enrolled = own[:n_enrolled]
        trials = [row for row in rows if row not in enrolled]
        found.append(
            Person(
                entity=entity,
                enrolled=_known(sequences, enrolled),
                enrolled_rows=tuple(enrolled),
                trials=_known(sequences, trials),
                trial_rows=tuple(trials),
                is_genuine=np.array([labels[row] == 1 for row in trials], dtype=np.bool_),
            )
        )
    return found


def _known(sequences: Sequence[TimedSequence | None], rows: Sequence[int]) -> tuple[TimedSequence, ...]:
    return tuple(sequence for row in rows if (sequence := sequences[row]) is not None)
