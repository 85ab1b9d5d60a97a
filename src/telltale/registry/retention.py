"""Which versions may lose their files."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from telltale.registry.roles import rollback_target
from telltale.registry.versions import Version, read_versions, set_columns
from telltale.storage.artifacts import Artifacts
from telltale.storage.instants import to_us


def mark_removed(
    connection: Connection, artifacts: Artifacts, app: str, task: str, *, keep: int, max_age_days: float, now: datetime
) -> list[int]:
    """Mark what `Registry.sweep` removes, and return the numbers.

    Rows are marked before files go: a process killed in between leaves files without use, never a row that promises
    files that are gone.
    """
    versions = [version for version in read_versions(connection, artifacts, app, task) if version.removed_at is None]
    last_good = rollback_target(connection, artifacts, app, task)
    oldest_kept = now - timedelta(days=max_age_days)
    newest = {version.number for version in versions[max(len(versions) - keep, 0) :]}
    leaving = [
        version.number
        for version in versions
        if not _is_protected(version, last_good) and (version.number not in newest or version.created_at < oldest_kept)
    ]
    for number in leaving:
        set_columns(connection, app, task, number, removed_us=to_us(now))
    return leaving


def _is_protected(version: Version, last_good: int | None) -> bool:
    return version.pinned or version.number == last_good or version.role in ("champion", "challenger", "shadow")
