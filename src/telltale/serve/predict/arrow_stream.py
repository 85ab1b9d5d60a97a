"""Arrow IPC streams, taken apart as they come in and put together as answers go out; Polars reads what is inside.

The library that everyone uses for it, pyarrow, is 160 MB and wants a file to read from. What is needed of it is little:
where a message ends (`ArrowReader`), and that a stream of answers has one schema (`answer_part`).
"""

import io
from collections import deque
from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

import msgspec
import polars as pl

from telltale.serve.http.problems import Problem
from telltale.serve.predict.arrow_heads import (
    DICTIONARY,
    ROWS,
    SCHEMA,
    Field,
    Head,
    broken,
    check_batch,
    read_dictionary,
    read_fields,
    read_head,
    too_large,
)

MOST_HEAD_BYTES: Final = 1_000_000
MOST_DICTIONARY_BYTES: Final = 8_000_000  # of all together: they are read again with every group of batches
_GROUP_BYTES: Final = 16_000_000
_SHOWN: Final = 200  # characters of what Polars says that are told
END: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_MARK: Final = b"\xff\xff\xff\xff"
_PREFIX: Final = 8  # the mark, and the length of the head
_LENGTH: Final = Struct("<i")


class Group(NamedTuple):
    """Record batches to be read together: messages before them that say what they hold, and they themselves."""

    context: tuple[bytes, ...]
    batches: tuple[bytes, ...]
    n_rows: int


class ArrowReader:
    """Takes a stream's bytes as they come, cut anywhere; gives groups of whole record batches.

    Args:
        n_rows: a group is closed once it has so many.
    """

    def __init__(self, *, n_rows: int) -> None:
        self._n_rows = n_rows
        self._rest = bytearray()
        self._head: Head | None = None
        self._needed = _PREFIX  # bytes that must be there before there is anything to do
        self._head_end = 0
        self._is_over = False
        self._schema = b""
        self._dictionaries: dict[int, bytes] = {}
        self._batches: list[bytes] = []
        self._n_open = self._n_bytes = 0
        self._groups: deque[Group] = deque()
        self.fields: list[Field] | None = None  # once the schema was read

    def feed(self, chunk: bytes) -> None:
        """Take more bytes.

        Raises:
            UsageError: they are no Arrow stream.
            SchemaError: a column is of a kind that is not taken.
            TooLargeError: a message is too large.
        """
        self._rest += chunk
        while len(self._rest) >= self._needed:
            self._step()

    def finish(self) -> None:
        """The stream is at its end. Raises UsageError where it stops within a message."""
        if self._rest or self._head is not None:
            raise broken("it ends within a message")
        if self.fields is None:
            raise broken("it has no schema")

    @property
    def n_waiting(self) -> int:
        """Batches that are in no group yet."""
        return len(self._batches)

    def take(self) -> Group | None:
        """The oldest group that is closed."""
        return self._groups.popleft() if self._groups else None

    def _step(self) -> None:
        if self._is_over:
            raise broken("bytes follow its end")
        if self._head_end == 0:
            if self._rest[:4] != _MARK:
                raise broken("a message does not begin with FF FF FF FF")
            (length,) = _LENGTH.unpack_from(self._rest, 4)
            if length == 0:
                self._is_over, self._needed = True, 1
                del self._rest[:_PREFIX]
                return
            if not 0 < length <= MOST_HEAD_BYTES:
                raise broken(f"the head of a message is {length} bytes long")
            self._head_end = self._needed = _PREFIX + length
            return
        if self._head is None:
            self._head = read_head(bytes(self._rest[_PREFIX : self._head_end]))
            self._needed = self._head_end + self._head.body_length
            return
        message, head, body = bytes(self._rest[: self._needed]), self._head, self._head_end
        del self._rest[: self._needed]
        self._head, self._head_end, self._needed = None, 0, _PREFIX
        self._keep(message, head, memoryview(message)[body:])

    def _keep(self, message: bytes, head: Head, body: memoryview) -> None:
        if head.kind == SCHEMA and self.fields is None:
            self._schema, self.fields = message, read_fields(head.table)
        elif self.fields is None or head.kind == SCHEMA:
            raise broken("it does not begin with a schema, or has two")
        elif head.kind == DICTIONARY:
            self._keep_dictionary(read_dictionary(head.table, self.fields, body), message)
        elif head.kind == ROWS:
            n_rows = check_batch(head.table, self.fields, body)
            self._batches.append(message)
            self._n_open += n_rows
            self._n_bytes += len(message)
            if self._n_open >= self._n_rows or self._n_bytes >= _GROUP_BYTES:
                self.close_group()
        else:
            raise broken(f"it has a message of kind {head.kind}")

    def _keep_dictionary(self, number: int, message: bytes) -> None:
        self.close_group()  # its batches were written with the dictionaries of before
        self._dictionaries[number] = message
        if sum(map(len, self._dictionaries.values())) > MOST_DICTIONARY_BYTES:
            raise too_large(f"its dictionaries are longer than {MOST_DICTIONARY_BYTES} bytes")

    def close_group(self) -> None:
        """Wait for no more batches to join those that are in no group."""
        if self._batches:
            context = (self._schema, *self._dictionaries.values())
            self._groups.append(Group(context, tuple(self._batches), self._n_open))
            self._batches, self._n_open, self._n_bytes = [], 0, 0


def read_group(group: Group, columns: Sequence[str]) -> pl.DataFrame:
    """The rows of a group, of these columns. Raises UsageError where Polars cannot read them."""
    source = b"".join((*group.context, *group.batches, END))
    try:
        return pl.read_ipc_stream(source, columns=list(columns))
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - it fails in as many ways as there are
        what = str(error).partition("\n")[0]
        raise broken(what if len(what) <= _SHOWN else what[: _SHOWN - 1] + "…") from None


def write_batch(frame: pl.DataFrame) -> bytes:
    """A stream of one batch. Texts have offsets, not views: readers of a few years ago do not know views."""
    written = io.BytesIO()
    frame.write_ipc_stream(written, compat_level=pl.CompatLevel.oldest())
    return written.getvalue()


def answer_part(stream: bytes, *, is_first: bool) -> bytes:
    """Of a whole stream what is its part in a longer one: no end, and a schema where it is the first."""
    (head_length,) = _LENGTH.unpack_from(stream, 4)
    return stream[0 if is_first else _PREFIX + head_length : -len(END)]


def broken_end(problem: Problem) -> bytes:
    """The end of answers that cannot go on: a message that says what happened and is shorter than it says.

    A stream that simply stops is a whole one to most readers; over this one each of them stumbles.
    """
    told = msgspec.json.encode(problem)
    return _MARK + _LENGTH.pack(len(told) + 64) + told
