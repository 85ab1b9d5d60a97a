"""What the relay remembers: every pattern it saw, its score, and the very bytes that carry the score to the chain.

A file of its own in TELLTALE_HOME, since it belongs to an account and a chain and not to the models. Every step is on disk
(`synchronous = FULL`) before the next is taken:

    found -> scored -> signed -> in_block          refused: the service says that it cannot be
                 ^        |                        failed: a block took it, and the runtime said no
                 +--------+                        malformed: bytes that are no pattern
         never came into a block, and never can any more

The bytes that were signed are kept, and they alone are sent again: a chain takes a nonce once, so whatever was sent
before a crash, the same bytes are no second submission.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from telltale.apps.personhood.chain.codec import Pattern
from telltale.contract.errors import ConflictError

State = Literal["found", "scored", "signed", "in_block", "refused", "failed", "malformed"]
FILE: Final = "relay.db"
_TABLES: Final = """
    CREATE TABLE IF NOT EXISTS cursor (chain TEXT PRIMARY KEY, height INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS pattern (
        id INTEGER PRIMARY KEY, chain TEXT NOT NULL, did BLOB NOT NULL, pattern_hash BLOB NOT NULL, features BLOB NOT NULL,
        state TEXT NOT NULL, score INTEGER, account TEXT NOT NULL DEFAULT '', nonce INTEGER, extrinsic BLOB,
        extrinsic_hash BLOB, valid_until INTEGER, block INTEGER, in_vain INTEGER NOT NULL DEFAULT 0,
        fault TEXT NOT NULL DEFAULT '',
        UNIQUE (chain, did, pattern_hash)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS pattern_state ON pattern (chain, state);
"""
_COLUMNS: Final = (
    "id, did, pattern_hash, features, state, score, account, nonce, extrinsic, extrinsic_hash, valid_until, fault"
)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern and how far it has come.

    Args:
        id: rises with every pattern.
        score: 0 to 100; None until it was asked for.
        account: who signed, as ss58 address.
        nonce: of the signed bytes.
        extrinsic: the signed bytes, as they are sent.
        extrinsic_hash: of them.
        valid_until: the first block that can take them no more.
        fault: why it was refused, or has failed.
    """

    id: int
    did: bytes
    pattern_hash: bytes
    features: bytes
    state: State
    score: int | None
    account: str
    nonce: int | None
    extrinsic: bytes | None
    extrinsic_hash: bytes | None
    valid_until: int | None
    fault: str


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """The last block that was read."""

    height: int
    hash: str


class Journal:
    """The journal of one chain.

    Args:
        connection: of `open_journal`.
        chain: hash of the chain's first block.
    """

    def __init__(self, connection: sqlite3.Connection, chain: str) -> None:
        self._connection = connection
        self._chain = chain

    @contextmanager
    def together(self) -> Iterator[None]:
        """All that is noted in the block is on disk when it ends, or nothing of it."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield

    def cursor(self) -> Cursor | None:
        """The last block that was read; None before the first."""
        found = self._connection.execute("SELECT height, hash FROM cursor WHERE chain = ?", (self._chain,)).fetchone()
        return None if found is None else Cursor(height=found[0], hash=found[1])

    def move(self, cursor: Cursor) -> None:
        """Note that everything up to a block was read."""
        self._connection.execute(
            "INSERT INTO cursor VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET height = excluded.height, hash = excluded.hash",
            (self._chain, cursor.height, cursor.hash),
        )

    def find(self, pattern: Pattern) -> bool:
        """Note a pattern; False for one that is known."""
        return self._insert(pattern.did, pattern.pattern_hash, pattern.features, "found", "")

    def malformed(self, did: bytes, pattern_hash: bytes, data: bytes, fault: str) -> bool:
        """Note bytes that are no pattern; False for those that are known."""
        return self._insert(did, pattern_hash, data, "malformed", fault)

    def scored(self, entry: Entry, score: int) -> None:
        """Note the answer."""
        self._connection.execute("UPDATE pattern SET state = 'scored', score = ? WHERE id = ?", (score, entry.id))

    def put_aside(self, entry: Entry, state: Literal["refused", "failed"], fault: str) -> None:
        """Note that nothing more is done about it by itself, and why."""
        self._connection.execute("UPDATE pattern SET state = ?, fault = ? WHERE id = ?", (state, fault, entry.id))

    def signed(
        self, entry: Entry, extrinsic: bytes, extrinsic_hash: bytes, *, account: str, nonce: int, valid_until: int
    ) -> None:
        """Note the bytes that are going to be sent."""
        self._connection.execute(
            "UPDATE pattern SET state = 'signed', extrinsic = ?, extrinsic_hash = ?, account = ?, nonce = ?, valid_until = ? "
            "WHERE id = ?",
            (extrinsic, extrinsic_hash, account, nonce, valid_until, entry.id),
        )

    def unsigned(self, entry: Entry) -> None:
        """Note that the signed bytes can come into no block any more."""
        self._connection.execute(
            "UPDATE pattern SET state = 'scored', extrinsic = NULL, extrinsic_hash = NULL, nonce = NULL WHERE id = ?",
            (entry.id,),
        )

    def in_block(self, did: bytes, pattern_hash: bytes, block: int, *, score: int) -> None:
        """Note that a block has the score; what it was made of is needed no more, and goes."""
        self._insert(did, pattern_hash, b"", "in_block", "")
        self._connection.execute(
            "UPDATE pattern SET state = 'in_block', block = ?, score = ?, fault = '', features = x'' "
            "WHERE chain = ? AND did = ? AND pattern_hash = ?",
            (block, score, self._chain, did, pattern_hash),
        )

    def take_up_again(self) -> int:
        """Begin anew with what was put aside; how many. What is no pattern stays none."""
        return self._connection.execute(
            "UPDATE pattern SET fault = '', state = CASE WHEN score IS NULL THEN 'found' ELSE 'scored' END "
            "WHERE chain = ? AND state IN ('refused', 'failed')",
            (self._chain,),
        ).rowcount

    def asked_in_vain(self, entry: Entry) -> None:
        """Note that there was no answer, so that others are asked for first next time."""
        self._connection.execute("UPDATE pattern SET in_vain = in_vain + 1 WHERE id = ?", (entry.id,))

    def to_ask(self) -> list[Entry]:
        """Those without a score: the ones that were asked for in vain least often, then the oldest, first."""
        return self._read("found", "in_vain, id")

    def entries(self, state: State) -> list[Entry]:
        """Those of a state, the oldest first."""
        return self._read(state, "id")

    def _read(self, state: State, order: Literal["id", "in_vain, id"]) -> list[Entry]:
        query = f"SELECT {_COLUMNS} FROM pattern WHERE chain = ? AND state = ? ORDER BY {order}"  # noqa: S608 - constants
        names = Entry.__struct_fields__
        found = self._connection.execute(query, (self._chain, state)).fetchall()
        return [Entry(**dict(zip(names, row, strict=True))) for row in found]

    def counts(self) -> dict[str, int]:
        """How many are in each state that any is in."""
        query = "SELECT state, count(*) FROM pattern WHERE chain = ? GROUP BY state ORDER BY state"
        return dict(self._connection.execute(query, (self._chain,)).fetchall())

    def _insert(self, did: bytes, pattern_hash: bytes, features: bytes, state: State, fault: str) -> bool:
        statement = (
            "INSERT INTO pattern (chain, did, pattern_hash, features, state, fault) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING"
        )
        row = (self._chain, did, pattern_hash, features, state, fault)
        return self._connection.execute(statement, row).rowcount == 1


@contextmanager
def open_journal(home: Path) -> Iterator[sqlite3.Connection]:
    """The file of the journals, for this process alone.

    Args:
        home: TELLTALE_HOME.

    Raises:
        ConflictError: another process has it open: two would sign with the same nonce.
    """
    # The lock ends with the process, however it ends.
    with (home / f"{FILE}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                "another relay works with it",
                where=str(home / FILE),
                mend="Stop that one, or give this one a TELLTALE_HOME and an account of its own.",
            ) from None
        connection = sqlite3.connect(home / FILE, isolation_level=None)
        try:
            connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + _TABLES)
            yield connection
        finally:
            connection.close()
