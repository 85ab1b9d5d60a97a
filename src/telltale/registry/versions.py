"""A registered version, and its row."""

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, Select, and_, select, update

from telltale.contract.errors import BundleError, NotFoundError
from telltale.contract.verdict import Outcome
from telltale.storage.artifacts import Artifacts
from telltale.storage.instants import from_us
from telltale.storage.tables import role as role_table
from telltale.storage.tables import version as version_table

Role = Literal["champion", "challenger", "shadow", "none", "retired"]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable trained model of a task, and what is said of it now.

    Args:
        app: the app.
        task: the task.
        number: 1, 2, 3, ... within the task, never given twice.
        label: UTC time of registration, as in "20241201_143022"; a second one of that second ends in "_2".
        role: what it does now; "retired" never comes back by itself.
        created_at: when it was registered.
        path: the directory of its files.
        sha256: of the bundle as a whole.
        files: SHA-256 of each file, by name.
        estimator: the model's name.
        data_kind: what it was trained on: "simulated", "store" or "file".
        outcome: what the gate said.
        metrics: figures by name; NaN where one is undefined.
        facts: whatever else is worth keeping, a JSON object.
        pinned: retention leaves it alone.
        retired_at: when it was retired, or None.
        removed_at: when retention removed its files, or None while they are there.
    """

    app: str
    task: str
    number: int
    label: str
    role: Role
    created_at: datetime
    path: Path
    sha256: str
    files: dict[str, str]
    estimator: str
    data_kind: str
    outcome: Outcome
    metrics: dict[str, float]
    facts: dict[str, Any]
    pinned: bool
    retired_at: datetime | None = None
    removed_at: datetime | None = None

    @property
    def reference(self) -> str:
        """How people write it: "helios/anomaly@3"."""
        return f"{self.app}/{self.task}@{self.number}"


def read_versions(connection: Connection, artifacts: Artifacts, app: str, task: str) -> list[Version]:
    """Every version of a task, oldest first, removed ones included."""
    query = _query().where(version_table.c.app == app, version_table.c.task == task)
    return [_version(row, artifacts) for row in connection.execute(query.order_by(version_table.c.number))]


def read_all_versions(connection: Connection, artifacts: Artifacts) -> list[Version]:
    """Every version of every task, by app, task and number."""
    query = _query().order_by(version_table.c.app, version_table.c.task, version_table.c.number)
    return [_version(row, artifacts) for row in connection.execute(query)]


def read_version(connection: Connection, artifacts: Artifacts, app: str, task: str, number: int) -> Version:
    """One version. Raises NotFoundError, naming those that exist."""
    row = connection.execute(_query().where(*_is(app, task, number))).first()
    if row is None:
        raise not_found(f"version {number}", read_versions(connection, artifacts, app, task), where=f"{app}/{task}")
    return _version(row, artifacts)


def read_role(connection: Connection, artifacts: Artifacts, app: str, task: str, role: Role) -> Version | None:
    """The version that plays a role, or None."""
    query = _query().where(version_table.c.app == app, version_table.c.task == task, role_table.c.role == role)
    row = connection.execute(query).first()
    return None if row is None else _version(row, artifacts)


def set_columns(connection: Connection, app: str, task: str, number: int, **columns: object) -> None:
    """Change what may change of a version's row: `pinned`, `retired_us`, `removed_us`."""
    connection.execute(update(version_table).where(*_is(app, task, number)).values(**columns))


def not_found(wanted: str, versions: list[Version], *, where: str) -> NotFoundError:
    """`wanted` does not exist among `versions`."""
    if not versions:
        return NotFoundError(f"there is no {wanted}, nor any other", where=where, mend=f"Run: telltale train {where}")
    names = ", ".join(
        f"{version.number} ({version.role}, {version.label})"
        if version.role != "none"
        else f"{version.number} ({version.label})"
        for version in versions
    )
    return NotFoundError(f"there is no {wanted}", where=where, mend=f"There are: {names}.")


def verify_files(directory: Path, files: Mapping[str, str], *, where: str) -> None:
    """Hash the files again and compare.

    Raises:
        BundleError: a file is missing or is not what was registered; the message names it.
    """
    for name, expected in files.items():
        try:
            with (directory / name).open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise BundleError(
                f"the file {name!r} is missing in {directory}",
                where=where,
                mend="Restore it from a backup, or roll back to another version.",
            ) from error
        if found != expected:
            raise BundleError(
                f"the file {name!r} has SHA-256 {found[:12]}..., and {expected[:12]}... was registered",
                where=where,
                mend="It was changed after training: restore it from a backup, or roll back to another version.",
            )


def encode_document(document: Mapping[str, Any]) -> str:
    """JSON text; NaN and infinity, which JSON lacks, become null."""
    return msgspec.json.encode(document).decode()


def _is(app: str, task: str, number: int) -> tuple[Any, ...]:
    return version_table.c.app == app, version_table.c.task == task, version_table.c.number == number


def _query() -> Select[Any]:
    on = and_(
        role_table.c.app == version_table.c.app,
        role_table.c.task == version_table.c.task,
        role_table.c.number == version_table.c.number,
    )
    return select(version_table, role_table.c.role).select_from(version_table.outerjoin(role_table, on))


def _version(row: Row[Any], artifacts: Artifacts) -> Version:
    metrics = msgspec.json.decode(row.metrics, type=dict[str, float | None])
    return Version(
        app=row.app,
        task=row.task,
        number=row.number,
        label=row.label,
        role="retired" if row.retired_us is not None else row.role or "none",
        created_at=from_us(row.created_us),
        path=artifacts.path(row.path),
        sha256=row.sha256,
        files=msgspec.json.decode(row.files, type=dict[str, str]),
        estimator=row.estimator,
        data_kind=row.data_kind,
        outcome=row.outcome,
        metrics={name: math.nan if value is None else value for name, value in metrics.items()},
        facts=msgspec.json.decode(row.facts, type=dict[str, Any]),
        pinned=row.pinned,
        retired_at=None if row.retired_us is None else from_us(row.retired_us),
        removed_at=None if row.removed_us is None else from_us(row.removed_us),
    )
