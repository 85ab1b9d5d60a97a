"""The keys that open this server, kept in the process and looked after by a thread."""

import secrets
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from hmac import compare_digest
from typing import Final, NamedTuple

import msgspec

from telltale.contract.errors import UnauthorizedError, UnavailableError
from telltale.contract.route import Scope
from telltale.serve.guard.caller import OPERATOR, Caller
from telltale.serve.http.call import Headers
from telltale.storage.database import Database

# Keys are added and revoked, never changed or removed: these two counts tell of every change.
_STAMP: Final = "SELECT count(*), count(revoked_us) FROM api_key"
_KEYS: Final = "SELECT id, name, digest, scopes, rate FROM api_key WHERE revoked_us IS NULL"
_ID: Final = slice(3, 11)  # tt_<id>_<secret>
# Compared against where there is no key of that id, so that the time an answer takes tells nothing about ids.
_NOBODY: Final = sha256(secrets.token_bytes(32)).digest()


class _Known(NamedTuple):
    digest: bytes
    caller: Caller


class KeyRing:
    """Who a key belongs to.

    Once a key was ever made, keys are asked for: revoking the last one closes the server rather than opening it to
    everybody. While the database cannot be read, the keys last seen go on working.

    Args:
        operator_key: opens everything; "" for none.
        state: where keys are stored.
        interval_s: how often they are looked at: the longest a revoked one goes on working.
    """

    def __init__(self, operator_key: str, state: Database, *, interval_s: float) -> None:
        self._operator = sha256(operator_key.encode()).digest() if operator_key else None
        self._state = state
        self._interval_s = interval_s
        self._known: Mapping[str, _Known] = {}
        self._stamp: tuple[int, ...] = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="key-ring", daemon=True)
        self.is_open = False
        self.refresh()

    def start(self) -> None:
        """Keep looking for keys that were made or revoked."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def refresh(self) -> None:
        """Take up what changed since the last look. Not for two threads at once."""
        stamp = self._state.fetch(_STAMP)[0]
        if stamp != self._stamp:
            self._known = {row[0]: _Known(bytes.fromhex(row[2]), _caller(*row)) for row in self._state.fetch(_KEYS)}
            self._stamp = stamp
        self.is_open = self._operator is None and stamp[0] == 0

    def caller(self, headers: Headers) -> Caller:
        """Whose key a request carries.

        Raises:
            UnauthorizedError: it has none, or none that opens anything. Of a wrong one nothing more is told.
        """
        given = headers.get("x-api-key")
        if given is None:
            kind, _, told = (headers.get("authorization") or "").partition(" ")
            given = told.strip() if kind.lower() == "bearer" else None
        if given is None:
            raise UnauthorizedError(
                "no key was given", where="request", mend="Send it as Authorization: Bearer KEY, or as X-API-Key."
            )
        return self.open_with(given)[1]

    def open_with(self, given: str) -> tuple[str, Caller]:
        """The name of a key (its id, or "operator") and whose it is. Raises UnauthorizedError where it opens nothing."""
        # Looked up by the part that is no secret; the rest is compared in constant time, and as hashes, so that not even
        # its length shows.
        digest = sha256(given.encode("utf-8", "replace")).digest()
        known = self._known.get(given[_ID])
        is_known = compare_digest(digest, known.digest if known is not None else _NOBODY)
        if self._operator is not None and compare_digest(digest, self._operator):
            return OPERATOR.actor, OPERATOR
        if known is None or not is_known:
            raise UnauthorizedError("the key is not the right one", where="request", mend="Ask the operator for one.")
        return given[_ID], known.caller

    def known(self, name: str) -> Caller | None:
        """Whose the key in use of a name is; None where there is none."""
        if name == OPERATOR.actor:
            return None if self._operator is None else OPERATOR
        found = self._known.get(name)
        return None if found is None else found.caller

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            # The database may be locked or away for a moment; the next look is soon.
            with suppress(UnavailableError, sqlite3.Error):
                self.refresh()


def _caller(key_id: str, name: str, _digest: str, scopes: str, rate: float | None) -> Caller:
    allowed = msgspec.json.decode(scopes, type=frozenset[Scope])
    return Caller(actor=f"key {name} ({key_id})", scopes=allowed, rate=rate)
