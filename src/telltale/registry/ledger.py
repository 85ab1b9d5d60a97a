"""What happened, in order: rows are added in the transaction of the move they tell of, and never change."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Select, func, insert, select

from telltale.registry.versions import Role
from telltale.storage.instants import from_us, to_us
from telltale.storage.tables import ledger

Action = Literal["register", "promote", "rollback", "assign", "retire", "release"]
Evidence = dict[str, Any]


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One version changed its role.

    Args:
        id: rises with every move of any task.
        app: the app.
        task: the task.
        number: the version.
        action: what was asked for; one action may move two versions.
        role_from: its role before; "" where it is new.
        role_to: its role after.
        at: when.
        actor: who asked, a person or a program.
        reason: why.
        evidence: the figures that it rests on, where a controller moved it; else None.
    """

    id: int
    app: str
    task: str
    number: int
    action: Action
    role_from: Role | Literal[""]
    role_to: Role
    at: datetime
    actor: str
    reason: str
    evidence: Evidence | None = None


def record_move(
    connection: Connection,
    app: str,
    task: str,
    number: int,
    *,
    action: Action,
    role_from: Role | Literal[""],
    role_to: Role,
    now: datetime,
    actor: str,
    reason: str,
    evidence: Evidence | None = None,
) -> None:
    """Add a row."""
    connection.execute(
        insert(ledger).values(
            app=app,
            task=task,
            number=number,
            action=action,
            role_from=role_from,
            role_to=role_to,
            at_us=to_us(now),
            actor=actor,
            reason=reason,
            evidence=None if evidence is None else msgspec.json.encode(evidence).decode(),
        )
    )


def read_history(connection: Connection, app: str, task: str) -> list[Move]:
    """Every move of a task, oldest first."""
    return _moves(connection, select(ledger).where(ledger.c.app == app, ledger.c.task == task))


def read_generation(connection: Connection) -> int:
    """A number that rises with every move of any task, and only then."""
    generation: int | None = connection.execute(select(func.max(ledger.c.id))).scalar()
    return generation or 0


def champion_of(moves: list[Move], *, at: datetime) -> int | None:
    """The number of the version that was champion at a moment, or None."""
    champion = None
    for move in moves:
        if move.at > at:
            continue
        if move.role_to == "champion":
            champion = move.number
        elif move.role_from == "champion" and move.number == champion:
            champion = None
    return champion


def former_champions(moves: list[Move]) -> list[int]:
    """The champions that a rollback goes back through, the last one last; the present one is not among them.

    A promotion puts the champion of then on the list. A rollback takes back everything after the version it returned
    to: rolling back twice goes two steps back, never forward again to the version that was left because it was bad.

    >>> moves = [
    ...     Move(id=i, app="a", task="t", number=n, action=action, role_from="none", role_to="champion",
    ...          at=from_us(i), actor="x", reason="")
    ...     for i, (n, action) in enumerate([(1, "promote"), (2, "promote"), (3, "promote"), (2, "rollback")])
    ... ]
    >>> former_champions(moves)
    [1]
    """
    line: list[int] = []
    for move in moves:
        if move.role_to != "champion":
            continue
        if move.action == "rollback" and move.number in line[:-1]:
            last = len(line) - 2 - line[:-1][::-1].index(move.number)
            del line[last + 1 :]
        else:
            line.append(move.number)
    return line[:-1]


def _moves(connection: Connection, query: Select[Any]) -> list[Move]:
    return [
        Move(
            id=row.id,
            app=row.app,
            task=row.task,
            number=row.number,
            action=row.action,
            role_from=row.role_from,
            role_to=row.role_to,
            at=from_us(row.at_us),
            actor=row.actor,
            reason=row.reason,
            evidence=None if row.evidence is None else msgspec.json.decode(row.evidence),
        )
        for row in connection.execute(query.order_by(ledger.c.id))
    ]
