"""Keys of clients: made, listed, revoked; only their SHA-256 is kept.

A key is `tt_<id>_<secret>` with 256 random bits in its secret: nobody can go through those, so one round of SHA-256 hides
them as well as a slow hash would, which is for passwords that people think of, and would cost each request milliseconds.
"""

import math
import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, get_args

import msgspec
from sqlalchemy import insert, or_, select, update

from telltale.contract.errors import ConflictError, NotFoundError, UsageError
from telltale.contract.route import Scope
from telltale.storage.database import Database
from telltale.storage.instants import from_us, to_us
from telltale.storage.tables import api_key

_ID_BYTES: Final = 4
_SECRET_BYTES: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID: Final = re.compile(r"[0-9a-f]{8}")


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a key.

    Args:
        id: eight hexadecimal digits, part of the key itself.
        name: what its maker calls it; of the keys in use one each.
        scopes: what it allows.
        rate: requests a second and task, or None for the server's limit.
        created_at: when it was made.
        actor: who made it.
        revoked_at: when it was revoked, or None.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    rate: float | None
    created_at: datetime
    actor: str
    revoked_at: datetime | None


class CreatedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new key, with what must be sent to use it: `secret` is shown here and kept nowhere."""

    key: ApiKey
    secret: str


def create_key(
    state: Database, name: str, scopes: Iterable[str], *, actor: str, now: datetime, rate: float | None = None
) -> CreatedKey:
    """Make a key.

    Args:
        state: the state database.
        name: letters, digits, dots, dashes and underscores, 64 at most.
        scopes: of `telltale.contract.route.Scope`, one at least.
        actor: who makes it.
        now: aware.
        rate: requests a second and task; None for the server's limit.

    Raises:
        UsageError: a name, scope or rate that cannot be.
        ConflictError: a key of that name is in use.
    """
    chosen = _checked(name, scopes, rate)
    key_id = secrets.token_hex(_ID_BYTES)
    secret = f"tt_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    with state.write() as connection:
        same = select(api_key.c.id).where(api_key.c.name == name, api_key.c.revoked_us.is_(None))
        if connection.execute(same).first() is not None:
            raise ConflictError(
                "a key of that name is in use", where=name, mend="Choose another name, or revoke that one first."
            )
        connection.execute(
            insert(api_key).values(
                id=key_id,
                name=name,
                digest=sha256(secret.encode()).hexdigest(),
                scopes=msgspec.json.encode(chosen).decode(),
                rate=rate,
                created_us=to_us(now),
                actor=actor,
            )
        )
        made = connection.execute(select(api_key).where(api_key.c.id == key_id)).one()
    return CreatedKey(key=_read(made), secret=secret)


def list_keys(state: Database) -> list[ApiKey]:
    """Every key that was ever made, oldest first, revoked ones among them."""
    with state.read() as connection:
        return [_read(row) for row in connection.execute(select(api_key).order_by(api_key.c.created_us, api_key.c.id))]


def revoke_key(state: Database, reference: str, *, now: datetime) -> ApiKey:
    """Let a key open nothing from now on; servers see it within half a second.

    Args:
        state: the state database.
        reference: its id or its name.
        now: aware.

    Raises:
        NotFoundError: no key in use is called so.
        UsageError: it is a whole key: whoever can read the command line could have used it.
    """
    if reference.startswith("tt_"):
        raise UsageError(
            "that is a key itself", where="keys revoke", mend="Give its id, the eight signs after tt_, or its name."
        )
    with state.write() as connection:
        in_use = api_key.c.revoked_us.is_(None)
        called = or_(api_key.c.id == reference, api_key.c.name == reference)
        found = connection.execute(select(api_key.c.id).where(in_use, called)).scalar()
        if found is None:
            names = connection.execute(select(api_key.c.name).where(in_use).order_by(api_key.c.name)).scalars()
            raise NotFoundError(
                "no key in use is called so", where=reference, mend=f"In use: {', '.join(names) or 'none'}."
            )
        connection.execute(update(api_key).where(api_key.c.id == found).values(revoked_us=to_us(now)))
        return _read(connection.execute(select(api_key).where(api_key.c.id == found)).one())


def allows_operating(keys: Iterable[ApiKey]) -> bool:
    """Whether one of them is in use and has the scope `operate`."""
    return any(key.revoked_at is None and "operate" in key.scopes for key in keys)


def _checked(name: str, scopes: Iterable[str], rate: float | None) -> list[Scope]:
    """The scopes in their own order, each once. Raises UsageError."""
    if _NAME.fullmatch(name) is None or _ID.fullmatch(name) is not None:
        raise UsageError(
            f"{name!r} cannot be the name of a key",
            where="keys create",
            mend="Give letters, digits, dots, dashes and underscores, 64 at most; not eight digits like an id.",
        )
    known, given = get_args(Scope), set(scopes)
    for scope in sorted(given):
        if scope not in known:
            raise UsageError.not_one_of(scope, known, where="scope")
    if not given:
        raise UsageError("a key needs a scope", where="scope", mend=f"Known: {', '.join(known)}.")
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise UsageError(f"{rate} is no rate", where="rate", mend="Give requests a second, above 0, or leave it out.")
    return [scope for scope in known if scope in given]


def _read(row: Any) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=msgspec.json.decode(row.scopes, type=tuple[Scope, ...]),
        rate=row.rate,
        created_at=from_us(row.created_us),
        actor=row.actor,
        revoked_at=None if row.revoked_us is None else from_us(row.revoked_us),
    )
