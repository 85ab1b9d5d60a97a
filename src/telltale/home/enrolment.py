"""Enrolling everybody of a file: their own rows become what later ones are compared with."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from telltale.contract.app import App, Task
from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.models.verification.replays import is_replay
from telltale.models.verification.trials import sequences_of
from telltale.registry.profiles import Profile, add_samples, find_profile
from telltale.storage.database import Database
from telltale.telemetry.frames import ENTITY, LABEL


@dataclass(frozen=True, kw_only=True)
class Enrolled:
    """Who was enrolled, and what was left aside: rows of others, too short ones, and those that were in a profile already."""

    profiles: tuple[Profile, ...]
    n_rows: int
    n_aside: int


def enrol_rows(events: Database, app: App, task: Task, frame: pl.DataFrame, *, actor: str, now: datetime) -> Enrolled:
    """Add the rows of a checked frame to the profiles of their entities, in the order of their times.

    Rows whose label is 0 are somebody else's and are left aside; rows without a label are taken for the entity's own.

    Raises:
        UsageError: the task does not verify.
        NotEnoughDataError: no row can be enrolled.
    """
    where = f"{app.name}/{task.name}"
    if task.verification is None:
        raise UsageError(f"{where} does not verify", where="enrol", mend='Name a task of kind "verify".')
    labels = frame[LABEL].fill_null(1).to_list() if LABEL in frame.columns else [1] * frame.height
    own: dict[str, list[int]] = {}
    sequences = sequences_of(frame, task.verification)
    for row, entity in enumerate(frame[ENTITY].to_list()):
        if entity and labels[row] and sequences[row] is not None:
            own.setdefault(entity, []).append(row)
    profiles, n_rows = [], 0
    for entity, rows in own.items():
        known = find_profile(events, app.name, task.name, entity)
        enrolled = () if known is None else known.sequences()
        new = [one for row in rows if (one := sequences[row]) is not None and not is_replay(one, enrolled)]
        n_rows += len(new)
        if new:
            reason = "enrolled"
            profiles.append(add_samples(events, app.name, task.name, entity, new, actor=actor, reason=reason, now=now))
        elif known is not None:
            profiles.append(known)
    if not profiles:
        raise NotEnoughDataError(
            f"none of {frame.height} rows can be enrolled",
            where=where,
            mend=f"Give rows with an entity and at least {task.verification.least_acts} {task.verification.kinds}.",
        )
    return Enrolled(profiles=tuple(profiles), n_rows=n_rows, n_aside=frame.height - n_rows)
