"""Forgetting an entity: everything that is kept of a person, removed in one transaction, and what is left, said.

Rows go, and their bytes with them (`telltale.storage.erasure`). Versions are immutable: those that were trained on rows of
the entity, or that hold its name, are listed, to be retired or trained again. Backups are nobody's but the operator's.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Text, func, or_, select

from telltale.contract.errors import UnavailableError, UsageError
from telltale.registry.audit import record_act
from telltale.registry.forget_files import files_that_name
from telltale.registry.forget_rows import PLACES, remove_rows
from telltale.registry.forget_versions import Affected, affected_versions
from telltale.storage.database import Database
from telltale.storage.erasure import empty_log, erasing, is_quick_to_write, n_bytes_found, write_anew
from telltale.storage.folder import Folder
from telltale.storage.tables import EVENTS, STATE
from telltale.storage.text_position import position_of
from telltale.telemetry.backend.kept import forget_kept

# A shorter name stands by chance in the bytes of any file.
_SHORTEST_LOOKED_FOR: Final = 8
# Large, and their rows are gone or unnamed by then.
_DONE_WITH: Final = {*PLACES, "shadow", "quarantine", "idempotency"}


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """What became of everything that was kept of an entity. Its name is not in it.

    Args:
        removed: rows by table; of "idempotency" the answers that named it, which no longer do; "source copies" are files with
            the last rows of a backend that named it.
        versions: trained on its rows, or holding its name: retire them, or train again and release.
        mentions: rows by table that name it still, among reports, jobs and findings.
        files: of the home, beside databases and versions, that name it: recordings, an app's journal.
        remnants: how often its name still stands in the bytes of the databases; None where it is too short to look for, or
            a server keeps them.
        advice: what is left to do, in sentences.
        is_done: False of a trial run, after which everything is as it was.
    """

    removed: dict[str, int]
    versions: tuple[Affected, ...]
    mentions: dict[str, int]
    files: tuple[str, ...]
    remnants: int | None
    advice: tuple[str, ...]
    is_done: bool


def forget(
    folder: Folder,
    entity: str,
    *,
    actor: str,
    now: datetime,
    app: str | None = None,
    trial: bool = False,
    vacuum: bool | None = None,
) -> Forgotten:
    """Remove what is kept of an entity; all of it or, where something fails, none.

    That is events, predictions with their shadows and feedback, profiles, confidences, and rows set aside that name it. A
    serving process may still hold answers of the last moments in memory, and write them afterwards: flush it first, or run
    this again.

    Args:
        folder: the open home.
        entity: whose.
        actor: who asks, for the audit; the audit gets a hash of the entity.
        now: aware.
        app: of this app alone; None for all.
        trial: count, and remove nothing.
        vacuum: write the database file anew afterwards, during which nobody else can write; None: where something is left
            in free space and the file is small.

    Raises:
        UsageError: the entity is "", which stands for rows of nobody.
        UnavailableError: the database stayed locked; nothing was removed.
    """
    if not entity:
        raise UsageError("the entity is empty", where="forget", mend="Name whom to forget.")
    # Before their rows go, by which they are known.
    versions = tuple(affected_versions(folder, entity, app=app))
    with erasing(folder.events) as connection, connection.begin_nested() as attempt:
        removed = remove_rows(connection, entity, app)
        if trial:
            attempt.rollback()
    if trial:
        return Forgotten(
            removed=removed, versions=versions, mentions={}, files=(), remnants=None, advice=(), is_done=False
        )
    if n_copies := forget_kept(folder.path, entity, app=app):
        removed = {**removed, "source copies": n_copies}
    record_act(folder.state, "forget", _hashed(entity, app), actor=actor, status=200, now=now)
    mentions = dict(_mentions(folder, entity))
    is_emptied, is_anew, remnants = _clean(folder.events, entity, vacuum=vacuum, others_hold=app is not None)
    files = tuple(files_that_name(folder, entity)) if len(entity) >= _SHORTEST_LOOKED_FOR else ()
    done = Forgotten(
        removed=removed,
        versions=versions,
        mentions=mentions,
        files=files,
        remnants=remnants,
        advice=(),
        is_done=True,
    )
    is_server = folder.events.dialect == "postgresql"
    advice = tuple(_advice(done, is_emptied=is_emptied, is_anew=is_anew, is_all=app is None, is_server=is_server))
    return msgspec.structs.replace(done, advice=advice)


def _mentions(folder: Folder, entity: str) -> Iterator[tuple[str, int]]:
    """Tables of documents that name it: of what is written for people about many at once, a part cannot be taken out."""
    quoted = msgspec.json.encode(entity).decode()[1:-1]
    for database, tables in ((folder.state, STATE), (folder.events, EVENTS)):
        with database.read() as connection:
            for table in tables.sorted_tables:
                texts = [column for column in table.columns if isinstance(column.type, Text)]
                if texts and table.name not in _DONE_WITH:
                    named = or_(*(position_of(column, quoted) > 0 for column in texts))
                    n = connection.execute(select(func.count()).select_from(table).where(named)).scalar_one()
                    if n:
                        yield table.name, n


def _clean(events: Database, entity: str, *, vacuum: bool | None, others_hold: bool) -> tuple[bool, bool, int | None]:
    """Whether the log could be emptied, whether the file was written anew, and what is found in their bytes afterwards."""
    is_emptied = empty_log(events)
    can_look = len(entity) >= _SHORTEST_LOOKED_FOR
    remnants = n_bytes_found(events, entity) if can_look else None
    if vacuum is None:
        # What other apps hold of it stands in the file by right.
        vacuum = remnants != 0 and not others_hold and is_quick_to_write(events)
    if not vacuum:
        return is_emptied, False, remnants
    try:
        write_anew(events)
    except UnavailableError:
        return is_emptied, False, remnants
    return empty_log(events), True, n_bytes_found(events, entity) if can_look else None


def _advice(done: Forgotten, *, is_emptied: bool, is_anew: bool, is_all: bool, is_server: bool) -> Iterator[str]:
    if done.versions:
        names = ", ".join(version.reference for version in done.versions)
        yield f"Versions are never changed: retire {names}, or train again and release; retention then removes their files."
    if done.mentions:
        tables = ", ".join(f"{name} ({n})" for name, n in done.mentions.items())
        yield f"Documents that name it were left: {tables}."
    if done.files:
        yield f"Files of the home that name it were left: {', '.join(done.files)}."
    if not is_emptied:
        yield "Others were reading: older copies stand in the log of the database until it is emptied; run this again."
    if done.remnants and is_anew:
        yield "The same characters stand in rows that are not its own: in what names it beside, or as part of other names."
    elif done.remnants and is_all:
        yield "The same characters stand in the file still, in free space or in other rows: --vacuum, best while no server runs."
    if done.remnants is None and is_server:
        yield "The database server's own log and backups were not looked into: they are its operator's."
    elif done.remnants is None and not is_anew:
        yield "The name is too short to be looked for in the bytes of the file: --vacuum writes it anew."
    yield "A server that runs may have held answers of the last second in memory: run this again in a moment."
    yield "Backups, exports, logs, copies on other machines and what was sent to a chain are not reached from here."


def _hashed(entity: str, app: str | None) -> str:
    digest = hashlib.sha256(entity.encode()).hexdigest()
    return f"sha256:{digest}" if app is None else f"{app} sha256:{digest}"
