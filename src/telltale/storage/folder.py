"""TELLTALE_HOME: one folder with everything that is kept; or with all but the databases, which a server keeps."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from telltale.contract.errors import ConflictError, UsageError
from telltale.storage.artifacts import Artifacts
from telltale.storage.database import Database, open_database

_WHOSE: Final = ".home"


@dataclass(frozen=True)
class Folder:
    """An open home.

    Args:
        path: the folder.
        state: registry, ledger, roles, schedules, leases, jobs.
        events: events, quarantine, predictions, feedback. Apart, so that telemetry never waits for a promotion.
        artifacts: the files of versions.
        database: the address of the server that keeps both databases, or "" for files in the folder.
    """

    path: Path
    state: Database
    events: Database
    artifacts: Artifacts
    database: str = ""

    def close(self) -> None:
        """Close the databases' connections."""
        self.state.close()
        self.events.close()


def open_folder(path: Path, *, artifacts: Path | None = None, database: str = "") -> Folder:
    """Open a home, creating it (readable by its owner alone) where there is none.

    Args:
        path: the home.
        artifacts: where versions' files are kept, of this home alone; None for a folder in it.
        database: `postgresql://USER@HOST/NAME`, which homes on several hosts may share, and with it `artifacts`; "" for files
            in the home.

    Raises:
        UsageError: a folder cannot be made or written.
        ConflictError: a newer release wrote the home, or `artifacts` is another home's.
        UnavailableError: the database's server does not answer.
    """
    root = path.expanduser().absolute()
    kept = root / "artifacts" if artifacts is None else artifacts.expanduser().absolute()
    _make(root, named_by="TELLTALE_HOME")
    _make(kept, named_by="TELLTALE_HOME" if artifacts is None else "MODEL_DIR")
    state = open_database(database or root / "state.db", schema="state")
    events = open_database(database or root / "events.db", schema="events")
    if artifacts is not None:
        _claim(kept, f"database {make_url(database).database}" if database else str(root))
    return Folder(path=root, state=state, events=events, artifacts=Artifacts(kept), database=database)


def _make(folder: Path, *, named_by: str) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the folder cannot be made ({error.strerror})",
            where=str(folder),
            mend=f"Choose another one with {named_by}, or make it writable.",
        ) from error


def _claim(artifacts: Path, whose: str) -> None:
    """Note whose versions lie there: the numbers of two homes are the same, and one would overwrite the other's files."""
    if not os.access(artifacts, os.W_OK):
        return  # who only reads overwrites nothing, and what is loaded is held against the registry's SHA-256
    note = artifacts / _WHOSE
    try:
        with note.open("x", encoding="utf-8") as file:
            file.write(f"{whose}\n")
    except FileExistsError:
        noted = note.read_text(encoding="utf-8").strip()
        if noted != whose:
            raise ConflictError(
                f"it holds the versions of {noted}, not of {whose}",
                where=str(artifacts),
                mend=f"Give each home a MODEL_DIR of its own; if that home was moved, write {whose} into {note}.",
            ) from None
