"""Answers that are given once: kept by whom and what they are about, and told again as they were."""

from collections.abc import Sequence
from typing import Final, NamedTuple, final

import msgspec
from sqlalchemy import Connection

from telltale.storage.database import Database

_FIND: Final = "SELECT answer FROM confidence WHERE app = ? AND task = ? AND entity = ? AND pattern = ?"
_KEEP: Final = """
INSERT INTO confidence (app, task, entity, pattern, confidence, answer, at_us) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""


class ConfidenceKey(NamedTuple):
    """What an answer is known by."""

    app: str
    task: str
    entity: str
    pattern: str


class KeptAnswer(msgspec.Struct, frozen=True):
    """An answer as it was told, and the digest of what it was told of."""

    digest: str
    sent: msgspec.Raw

    @property
    def body(self) -> bytes:
        """As it was sent."""
        return bytes(self.sent)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(KeptAnswer).decode


@final
class ConfidenceWrite:
    """An answer on its way to the disk; fits `GroupCommit` with `write_confidences`.

    Args:
        key: what it is known by.
        digest: of what was asked.
        confidence: 0..100.
        sent: the answer, as JSON.
        at_us: when it was given.

    Attributes:
        known: the answer that another process gave first; this one was not written then.
    """

    __slots__ = ("at_us", "confidence", "digest", "key", "known", "sent")

    def __init__(self, key: ConfidenceKey, *, digest: str, confidence: int, sent: bytes, at_us: int) -> None:
        self.key = key
        self.digest = digest
        self.confidence = confidence
        self.sent = sent
        self.at_us = at_us
        self.known: KeptAnswer | None = None


def find_answers(events: Database, keys: Sequence[ConfidenceKey]) -> list[KeptAnswer | None]:
    """What is kept under each key; None where there is nothing yet."""
    return [None if row is None else _decode(row[0]) for row in events.fetch_each(_FIND, keys)]


def write_confidences(connection: Connection, writes: Sequence[ConfidenceWrite]) -> None:
    """Keep each answer, or find the one that was given first."""
    rows = [
        (*write.key, write.confidence, _encode(KeptAnswer(write.digest, msgspec.Raw(write.sent))).decode(), write.at_us)
        for write in writes
    ]
    n_kept = connection.exec_driver_sql(_KEEP, rows).rowcount
    if n_kept == len(writes):
        return
    for write in writes:
        row = connection.exec_driver_sql(_FIND, write.key).one()
        kept = _decode(row[0])
        write.known = None if kept.body == write.sent else kept
