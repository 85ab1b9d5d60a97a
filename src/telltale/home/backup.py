"""`telltale backup`: all that a home holds, in one file, while servers and workers go on.

The order makes the parts fit each other. The events are copied first, then the state: whatever version an event, a
prediction or a label names is in the copied state. Then the files of the versions that the copied state knows: they were
there before their row was, and never change.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Final

import msgspec

from telltale.contract.errors import ConflictError, NotFoundError, UnavailableError, UsageError
from telltale.home.backup_file import ARTIFACTS, OTHERS, Head, Progress, StoredFile, describe, write_archive
from telltale.home.database_copies import copy_out
from telltale.home.other_files import other_files
from telltale.home.staging import staging
from telltale.storage.on_disk import sync
from telltale.storage.snapshot import is_sqlite, snapshot

_PREFIX: Final = ".telltale-backup-"


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that was made.

    Args:
        file: the backup.
        n_bytes: its size.
        made_at: when it was begun: all that was acknowledged before is in it.
        seconds: how long it took.
        release: of telltale.
        revisions: of the tables, by "state" and "events".
        n_versions: versions with files.
        n_files: files in it.
        damaged: files of versions that were missing or not what was registered; they are not in it.
        left_out: what else in the home is not in it: homes of their own, links, sockets.
    """

    file: Path
    n_bytes: int
    made_at: datetime
    seconds: float
    release: str
    revisions: dict[str, str]
    n_versions: int
    n_files: int
    damaged: list[str]
    left_out: list[str]


@dataclass
class _Contents:
    """What goes into the file, in the order in which it does."""

    sources: dict[str, Path] = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)

    def add(self, name: str, path: Path, file: StoredFile) -> None:
        self.sources[name], self.files[name] = path, file


def back_up(home: Path, file: Path, *, artifacts: Path | None = None, url: str = "", progress: Progress) -> Backup:
    """Write a backup of a home. It changes nothing there, and migrates nothing.

    Args:
        home: the home.
        file: must not exist; appears whole or not at all, readable by its owner alone.
        artifacts: where versions' files are kept; None for a folder in the home.
        url: DATABASE_URL; "" where the databases are in the home.
        progress: told what was copied, in pages or bytes, and of how many.

    Raises:
        NotFoundError: there is no home.
        UsageError: `file` cannot be made there, or is in the home.
        ConflictError: `file` exists, or a newer release wrote the home.
        UnavailableError: the disk is full, or a database cannot be read.
        TelltaleError: a database is damaged.
    """
    begun = datetime.now(UTC)
    home, file = home.absolute(), file.absolute()
    artifacts = home / ARTIFACTS if artifacts is None else artifacts
    _check_places(home, file, url)
    left_out: list[str] = []
    with staging(file.parent, _PREFIX) as work:
        revisions = {"events": copy_out(home, url, "events", work / "events.db", progress=progress)}
        revisions["state"] = copy_out(home, url, "state", work / "state.db", progress=progress)
        contents = _version_files(work / "state.db", artifacts)
        if contents.damaged:
            # Perhaps not damaged but swept since the state was copied; a newer copy knows.
            copy_out(home, url, "state", work / "state.db", progress=progress)
            contents = _version_files(work / "state.db", artifacts)
        n_versions = len({Path(name).parent for name in contents.files})
        for name in ("state.db", "events.db"):
            contents.add(name, work / name, describe(work / name))
        for name, path in other_files(home, artifacts, left_out):
            copied = _copy_other(path, work / OTHERS / name, progress)
            contents.add(f"{OTHERS}/{name}", copied, describe(copied))
        head = Head(
            release=installed_version("telltale-loop"),
            made_at=begun,
            revisions=revisions,
            files=contents.files,
            damaged=contents.damaged,
        )
        n_bytes = _write(work / "whole", head, contents.sources, progress)
        _check_free(file)
        (work / "whole").rename(file)
        sync(file.parent)
    return Backup(
        file=file,
        n_bytes=n_bytes,
        made_at=begun,
        seconds=round((datetime.now(UTC) - begun).total_seconds(), 3),
        release=head.release,
        revisions=revisions,
        n_versions=n_versions,
        n_files=len(head.files),
        damaged=contents.damaged,
        left_out=left_out,
    )


def _check_places(home: Path, file: Path, url: str) -> None:
    if not url and not (home / "state.db").is_file():
        raise NotFoundError("there is no home to back up", where=str(home), mend="Name it with TELLTALE_HOME.")
    if file.resolve().is_relative_to(home.resolve()):
        raise UsageError(
            "the file would be in the home that it is a backup of",
            where=str(file),
            mend="Name one elsewhere, best on another disk.",
        )
    if not file.parent.is_dir():
        raise UsageError("there is no such folder", where=str(file.parent), mend="Make it, or name another one.")
    _check_free(file)


def _check_free(file: Path) -> None:
    if file.exists():
        raise ConflictError("something is there already", where=str(file), mend="Name a new file, or remove this one.")


def _version_files(state: Path, artifacts: Path) -> _Contents:
    """The files of every version that has some, each held against the SHA-256 of its registration."""
    found = _Contents()
    with closing(sqlite3.connect(state)) as connection:
        rows = connection.execute(
            "SELECT path, files FROM version WHERE removed_us IS NULL ORDER BY app, task, number"
        ).fetchall()
    for path, files in rows:
        for name, sha256 in msgspec.json.decode(files, type=dict[str, str]).items():
            source, told = artifacts / path / name, f"{ARTIFACTS}/{path}/{name}"
            try:
                described = describe(source)
            except OSError:
                described = None
            if described is None or described.sha256 != sha256:
                found.damaged.append(told)
            else:
                found.add(told, source, described)
    return found


def _copy_other(source: Path, to: Path, progress: Progress) -> Path:
    """Copy a file that may be written meanwhile, so that its size and hash stay what they are."""
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if is_sqlite(source):
        snapshot(source, to, progress=lambda done, of: progress(source.name, done, of))
        shutil.copystat(source, to)
    else:
        shutil.copy2(source, to)
    return to


def _write(path: Path, head: Head, sources: dict[str, Path], progress: Progress) -> int:
    with path.open("xb") as out:
        path.chmod(0o600)
        try:
            write_archive(out, head, sources, progress=progress)
        except FileNotFoundError as error:
            raise UnavailableError(
                "files of a version were removed meanwhile", where=str(error.filename), mend="Make the backup again."
            ) from error
        out.flush()
        os.fsync(out.fileno())
        return out.tell()
