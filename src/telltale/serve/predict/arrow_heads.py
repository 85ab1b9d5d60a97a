"""The heads of Arrow messages: the few fields of their flatbuffers that must be known, each place checked.

Every place in a head is a number that a client sent. None is followed before it is known to lie inside the head, and a
batch must have the buffers that its columns and rows ask for: Polars sees nothing that does not add up.

References:
    "Arrow columnar format", https://arrow.apache.org/docs/format/Columnar.html, with Message.fbs and Schema.fbs beside it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple

from telltale.contract.errors import SchemaError, TooLargeError, UsageError

SCHEMA, DICTIONARY, ROWS = 1, 2, 3  # kinds of message that a stream has
WHERE: Final = "Arrow stream"
MOST_ROWS: Final = 1_000_000  # of one record batch
MOST_BYTES: Final = 64_000_000  # of one message, as it comes and once it is unpacked

_I8, _U16, _I16, _I32, _U32, _I64 = (Struct(f"<{code}") for code in "bHhiIq")
_PAIR: Final = Struct("<qq")
_KINDS: Final[dict[int, str]] = {
    1: "null", 2: "int", 3: "float", 4: "binary", 5: "text", 6: "bool", 7: "decimal", 8: "date", 9: "time",
    10: "timestamp", 15: "fixed-size binary", 18: "duration", 19: "large binary", 20: "large text", 23: "binary view",
    24: "text view",
}  # fmt: skip
TEXTS: Final = frozenset({"text", "large text", "text view"})
_OFFSET_BITS: Final = {"text": 32, "binary": 32, "large text": 64, "large binary": 64}
_VIEWS: Final = frozenset({"text view", "binary view"})


class Field(NamedTuple):
    """A column: its name, the kind of its values, bits of one value in its own buffer, and its dictionary or None."""

    name: str
    kind: str
    bits: int
    dictionary: int | None = None
    index_bits: int = 0


class Head(NamedTuple):
    """What a message is, and how many bytes of body follow."""

    kind: int
    body_length: int
    table: "Table"


class Table:
    """A flatbuffer table: fields by number, looked up in a head that may be wrong anywhere."""

    __slots__ = ("_at", "_data", "_size", "_slots")

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._slots = at - _get(_I32, data, at)
        self._size = _get(_U16, data, self._slots)

    def _place(self, number: int) -> int | None:
        if 6 + 2 * number > self._size:
            return None
        offset = _get(_U16, self._data, self._slots + 4 + 2 * number)
        return self._at + offset if offset else None

    def number(self, number: int, kind: Struct, default: int = 0) -> int:
        """A field that holds a number."""
        place = self._place(number)
        return default if place is None else _get(kind, self._data, place)

    def table(self, number: int) -> "Table | None":
        """A field that holds a table."""
        place = self._place(number)
        return None if place is None else Table(self._data, place + _get(_U32, self._data, place))

    def text(self, number: int) -> str:
        """A field that holds a text."""
        first, n_bytes = self._vector(number, 1)
        try:
            return self._data[first : first + n_bytes].decode()
        except UnicodeDecodeError:
            raise broken("a column's name is no UTF-8") from None

    def tables(self, number: int) -> "Iterator[Table]":
        """A field that holds tables."""
        first, n = self._vector(number, 4)
        for place in range(first, first + 4 * n, 4):
            yield Table(self._data, place + _get(_U32, self._data, place))

    def pairs(self, number: int) -> list[tuple[int, int]]:
        """A field that holds pairs of whole numbers."""
        first, n = self._vector(number, _PAIR.size)
        return list(_PAIR.iter_unpack(self._data[first : first + n * _PAIR.size]))

    def numbers(self, number: int) -> list[int]:
        """A field that holds whole numbers."""
        first, n = self._vector(number, _I64.size)
        return [value for (value,) in _I64.iter_unpack(self._data[first : first + n * _I64.size])]

    def count(self, number: int) -> int:
        """How many a field holds."""
        return self._vector(number, 1)[1]

    def _vector(self, number: int, width: int) -> tuple[int, int]:
        place = self._place(number)
        if place is None:
            return 0, 0
        start = place + _get(_U32, self._data, place)
        n = _get(_U32, self._data, start)
        if start + 4 + n * width > len(self._data):
            raise broken("a head ends too early")
        return start + 4, n


def read_head(metadata: bytes) -> Head:
    """The head of a message. Raises UsageError, TooLargeError."""
    message = Table(metadata, _get(_U32, metadata, 0))
    table, body_length = message.table(2), message.number(3, _I64)
    if table is None or body_length < 0:
        raise broken("a message says neither what it is nor how long")
    if body_length > MOST_BYTES:
        raise too_large(f"a message is {body_length} bytes long")
    return Head(message.number(1, _I8), body_length, table)


def read_fields(schema: Table) -> list[Field]:
    """The columns of a stream. Raises SchemaError where one is of a kind that is not taken, or named twice."""
    if schema.number(0, _I16):
        raise broken("its numbers are big-endian")
    fields = [_field(table) for table in schema.tables(1)]
    twice = [name for name, n in Counter(field.name for field in fields).items() if n > 1]
    if twice:
        raise SchemaError(f"columns {twice[:5]} are named twice", where=WHERE, mend="Name each column once.")
    return fields


def read_dictionary(table: Table, fields: Sequence[Field], body: memoryview) -> int:
    """Whose dictionary it is, once it is known to be whole. Raises UsageError, TooLargeError."""
    number, batch = table.number(0, _I64), table.table(1)
    own = next((field for field in fields if field.dictionary == number), None)
    if own is None or batch is None:
        raise broken("it has a dictionary of no column")
    if table.number(2, _I8):
        raise UsageError(
            f"the dictionary of column {own.name!r} grows",
            where=WHERE,
            mend="Send each dictionary whole, or the texts themselves.",
        )
    check_batch(batch, [Field(own.name, own.kind, own.bits)], body)
    return number


def check_batch(table: Table, fields: Sequence[Field], body: memoryview) -> int:
    """How many rows a batch has, once its buffers are those that its columns ask for.

    Args:
        table: the head of a record batch, or of the batch inside a dictionary.
        fields: its columns.
        body: what follows the head.

    Raises:
        UsageError: they are not.
        TooLargeError: it has too many rows, or too many bytes once unpacked.
    """
    n_rows = table.number(0, _I64)
    nodes, buffers, views = table.pairs(1), table.pairs(2), table.numbers(4)
    if n_rows > MOST_ROWS:
        raise too_large(f"a record batch has {n_rows} rows")
    if n_rows < 0 or [length for length, _ in nodes] != [n_rows] * len(fields):
        raise broken("the columns of a batch are not equally long")
    is_packed = table.table(3) is not None
    sizes = iter([_size(body, place, length, is_packed=is_packed) for place, length in buffers])
    more = iter(views)
    total = 0
    try:
        for field, (_, n_null) in zip(fields, nodes, strict=True):
            needed = _needed(field, n_rows, n_null)
            needed += [0] * (
                _within(next(more), len(buffers)) if field.kind in _VIEWS and field.dictionary is None else 0
            )
            own = [next(sizes) for _ in needed]
            total += sum(own)
            if not 0 <= n_null <= n_rows or any(size < least for size, least in zip(own, needed, strict=True)):
                raise broken(f"column {field.name!r} of a batch is too short")
    except StopIteration:
        raise broken("a batch has too few buffers") from None
    if next(sizes, None) is not None or next(more, None) is not None:
        raise broken("a batch has too many buffers")
    if total > MOST_BYTES:
        raise too_large(f"a message is {total} bytes long once unpacked")
    return n_rows


def broken(what: str) -> UsageError:
    """The error for bytes that are no Arrow stream."""
    return UsageError(
        f"this is no Arrow IPC stream that can be read: {what}",
        where=WHERE,
        mend="Send what pyarrow.ipc.new_stream or Polars' write_ipc_stream writes.",
    )


def too_large(what: str) -> TooLargeError:
    """The error for a message that does not fit into memory several times over."""
    return TooLargeError(
        what, where=WHERE, mend=f"Send record batches of at most {MOST_ROWS} rows and {MOST_BYTES} bytes."
    )


def _field(table: Table) -> Field:
    name, kind, of_type, encoded = table.text(0), table.number(2, _I8), table.table(3), table.table(4)
    if kind not in _KINDS or of_type is None or table.count(5):
        raise SchemaError(
            f"column {name!r} holds lists, structs or another kind that is not taken",
            where=WHERE,
            mend="Leave it out: numbers, texts and times are read.",
        )
    bits = _bits(_KINDS[kind], of_type)
    if encoded is None:
        return Field(name, _KINDS[kind], bits)
    index = encoded.table(1)
    index_bits = 32 if index is None else _within(index.number(0, _I32), 64)
    return Field(name, _KINDS[kind], bits, encoded.number(0, _I64), index_bits)


def _bits(kind: str, of_type: Table) -> int:
    """Bits of one value, 0 where values differ in length; defaults are those of Schema.fbs."""
    match kind:
        case "int":
            return _within(of_type.number(0, _I32), 64)
        case "float":
            return 16 << _within(of_type.number(0, _I16), 2)
        case "bool":
            return 1
        case "decimal":
            return _within(of_type.number(2, _I32, 128), 256)
        case "date":
            return 64 if of_type.number(0, _I16, 1) else 32
        case "time":
            return _within(of_type.number(1, _I32, 32), 64)
        case "timestamp" | "duration":
            return 64
        case "fixed-size binary":
            return 8 * _within(of_type.number(0, _I32), 1 << 20)
        case _:
            return 0


def _needed(field: Field, n_rows: int, n_null: int) -> list[int]:
    """Bytes that each buffer of a column must have at least."""
    if field.kind == "null" and field.dictionary is None:
        return []
    present = -(-n_rows // 8) if n_null else 0
    if field.dictionary is not None:
        return [present, -(-n_rows * field.index_bits // 8)]
    if field.kind in _VIEWS:
        return [present, 16 * n_rows]
    if field.kind in _OFFSET_BITS:
        return [present, (n_rows + 1) * _OFFSET_BITS[field.kind] // 8 if n_rows else 0, 0]
    return [present, -(-n_rows * field.bits // 8)]


def _size(body: memoryview, place: int, length: int, *, is_packed: bool) -> int:
    """Bytes of a buffer, once unpacked."""
    if place < 0 or length < 0 or place + length > len(body):
        raise broken("a buffer lies outside its message")
    if not is_packed or not length:
        return length
    if length < _I64.size:
        raise broken("a packed buffer does not say how long it is")
    (size,) = _I64.unpack_from(body, place)
    if size < -1:
        raise broken("a packed buffer does not say how long it is")
    return length - _I64.size if size == -1 else int(size)


def _within(number: int, most: int) -> int:
    if not 0 <= number <= most:
        raise broken(f"its head says {number} where at most {most} is possible")
    return number


def _get(kind: Struct, data: bytes, place: int) -> int:
    if not 0 <= place <= len(data) - kind.size:
        raise broken("a head points outside itself")
    value: int = kind.unpack_from(data, place)[0]
    return value
