"""`telltale restore`: a home made of a backup. Everything is unpacked, checked and migrated beside it; then it is put there."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from telltale.contract.errors import ConflictError, TelltaleError
from telltale.home.backup_file import ARTIFACTS, HEAD, OTHERS, Archive, Head, Progress, open_archive
from telltale.home.database_copies import check_nothing_in, moved_in
from telltale.home.placing import Place, place_for
from telltale.home.staging import staging, sync_tree
from telltale.registry.registry import Registry
from telltale.storage.artifacts import Artifacts
from telltale.storage.database import open_database
from telltale.storage.migrate import LATEST
from telltale.storage.snapshot import held_alone
from telltale.storage.tables import METADATA

_PREFIX: Final = ".telltale-restore-"


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """A home that was made of a backup.

    Args:
        home: where.
        made_at: when the backup was begun.
        release: of telltale, that wrote it.
        revisions: of the tables in it, by "state" and "events".
        migrated: which of them were brought to this release's revision.
        n_versions: versions with files.
        n_files: files.
        damaged: files of versions that were missing or damaged in the home that was backed up.
        set_aside: where what was there before lies now.
    """

    home: Path
    made_at: datetime
    release: str
    revisions: dict[str, str]
    migrated: list[str]
    n_versions: int
    n_files: int
    damaged: list[str]
    set_aside: list[Path]


def restore(
    file: Path,
    home: Path,
    *,
    artifacts: Path | None = None,
    url: str = "",
    replace: bool = False,
    now: datetime,
    progress: Progress,
) -> Restored:
    """Make a home of a backup: whole, or not at all.

    Args:
        file: of `back_up`.
        home: must be empty or not there, unless `replace`.
        artifacts: where versions' files are to be kept; None for a folder in the home. As `home`.
        url: DATABASE_URL, of an empty database; "" for databases in the home.
        replace: what is there is set aside, beside it; nothing is removed. Never of a database that `url` names.
        now: aware; in the name of what is set aside.
        progress: told how much was unpacked, in bytes.

    Raises:
        UsageError: `file` is no backup.
        ConflictError: something is there, or a process uses it, or a newer release wrote the backup.
        UnavailableError: the disk is full.
        TelltaleError: the backup is damaged.
    """
    home = home.expanduser().absolute()
    models = home / ARTIFACTS if artifacts is None else artifacts.expanduser().absolute()
    places = [place_for(home, named_by="TELLTALE_HOME")]
    if not models.is_relative_to(home):
        places.append(place_for(models, named_by="MODEL_DIR"))
    with open_archive(file) as archive, ExitStack() as stack:
        _check_revisions(archive.head, file)
        if not replace:
            for place in places:
                place.check_empty()
        if url:
            check_nothing_in(url)
        staged = [stack.enter_context(staging(place.beside, _PREFIX)) / "new" for place in places]
        for folder in staged:
            folder.mkdir(mode=0o700)
        kept = staged[0] / models.relative_to(home) if models.is_relative_to(home) else staged[1]
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        _unpack(archive, staged[0], kept, progress)
        n_versions = _bring_up(staged[0], kept, archive.head, file)
        if artifacts is not None:
            (kept / ".home").write_text(f"{home}\n", encoding="utf-8")  # whose versions these are
        if url:
            # In one transaction that ends once the folder is in its place.
            stack.enter_context(moved_in(staged[0], url, progress=progress))
        for folder in staged:
            sync_tree(folder)
        set_aside = _put(places, staged, replace=replace, now=now)
    head = archive.head
    return Restored(
        home=home,
        made_at=head.made_at,
        release=head.release,
        revisions=head.revisions,
        migrated=[schema for schema in METADATA if head.revisions[schema] != LATEST[schema]],
        n_versions=n_versions,
        n_files=len(head.files),
        damaged=head.damaged,
        set_aside=set_aside,
    )


def _check_revisions(head: Head, file: Path) -> None:
    for schema, latest in LATEST.items():
        found = head.revisions.get(schema, "")
        if found > latest:
            raise ConflictError(
                f"telltale {head.release} wrote it, with {schema} at revision {found}; this release knows revisions up to "
                f"{latest}",
                where=os.fspath(file),
                mend=f"Upgrade telltale-loop to {head.release} or newer, then restore it.",
            )


def _unpack(archive: Archive, home: Path, artifacts: Path, progress: Progress) -> None:
    roots = {ARTIFACTS: artifacts, OTHERS: home}

    def place(name: str) -> Path:
        first, slash, rest = name.partition("/")
        return roots[first] / rest if slash and first in roots else home / name

    archive.unpack(place, progress=progress)


def _bring_up(home: Path, artifacts: Path, head: Head, file: Path) -> int:
    """Migrate the databases, and see that every version has its files; how many have."""
    events = open_database(home / "events.db", schema="events")
    events.close()
    state = open_database(home / "state.db", schema="state")
    try:
        versions = [one for one in Registry(state, Artifacts(artifacts)).all_versions() if one.removed_at is None]
    finally:
        state.close()
    n_whole = 0
    for version in versions:
        names = {name: f"{ARTIFACTS}/{version.path.relative_to(artifacts).as_posix()}/{name}" for name in version.files}
        missing = [
            told
            for name, told in names.items()
            if told not in head.damaged and (told not in head.files or head.files[told].sha256 != version.files[name])
        ]
        if missing:
            raise TelltaleError(
                f"the backup lacks {missing[0]}, which its registry names",
                where=os.fspath(file),
                mend=f"Its {HEAD} was changed: take another backup.",
            )
        n_whole += not any(told in head.damaged for told in names.values())
    return n_whole


def _put(places: Sequence[Place], staged: Sequence[Path], *, replace: bool, now: datetime) -> list[Path]:
    """Put the folders in their places, the home last; where what was there before lies now."""
    with ExitStack() as stack:
        for schema in METADATA:
            database = places[0].target / f"{schema}.db"
            if database.is_file():
                stack.enter_context(held_alone(database))
        # Again: something may have come meanwhile.
        if not replace:
            for place in places:
                place.check_empty()
        aside = [place.set_aside(now) for place in places]
        for place, folder in reversed([*zip(places, staged, strict=True)]):
            place.put(folder)
    return [path for path in aside if path is not None]
