"""From messages to rows: each message is read as the body of a request with events would be."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from telltale.contract.errors import TelltaleError
from telltale.contract.schema import EventSchema
from telltale.serve.consume.broker import Delivery
from telltale.telemetry.clean_rows import CleanReader
from telltale.telemetry.event_rows import EventRow, event_rows
from telltale.telemetry.raw_rows import Quarantined, cut, rows_from_objects
from telltale.telemetry.repeated_keys import refuse_repeated
from telltale.telemetry.request_bodies import read_objects
from telltale.telemetry.validate import check_rows

# What is a number in JSON; fields of Redis are text, whatever they hold.
_is_number = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class SetAside(NamedTuple):
    """A row that was not taken: the message it came in, whether that came again, and the row with its reason."""

    delivery: Delivery
    row: Quarantined


class Taken(NamedTuple):
    """The rows of some messages: good ones, each once, by entity, time and key; and those set aside."""

    rows: list[EventRow]
    set_aside: list[SetAside]


class MessageReader:
    """Reads messages of one event. Time is not compared between messages: which come together is chance.

    Args:
        schema: the event.
    """

    def __init__(self, schema: EventSchema) -> None:
        self._schema = schema
        self._clean = CleanReader(schema)
        # Rows of several messages are checked together: one that goes back in time is late in no message.
        self._apart = replace(schema, lateness_s=float("inf"))
        self._clean_apart = CleanReader(self._apart)
        texts = [column.name for column in schema.columns if column.dtype == "str"]
        self._texts = frozenset(name.encode() for name in (*texts, schema.entity) if name)
        self._lists = frozenset(column.name.encode() for column in schema.columns if column.dtype in {"floats", "strs"})

    def read(self, deliveries: Sequence[Delivery]) -> Taken:
        """All of them: at once where every row is clean, which nearly always is so; else whatever is not, by itself."""
        bodies = [one.body if type(one.body) is bytes else self._object(one.body) for one in deliveries]  # type: ignore[arg-type]  # no bytes, then fields
        whole = b"\n".join(bodies)
        # Whose rows are one a line: a list, or an object on several lines, is left to the way below.
        if whole.count(b"\n") == len(bodies) - 1 and not any(not body or body[0] != 123 for body in bodies):
            rows = self._clean_apart.read(whole)
            if rows is not None:
                return Taken(rows, [])
        return self._read_each(deliveries, bodies)

    def _read_each(self, deliveries: Sequence[Delivery], bodies: Sequence[bytes]) -> Taken:
        rows: list[EventRow] = []
        set_aside: list[SetAside] = []
        alike: defaultdict[tuple[str, ...], list[tuple[int, dict[str, Any]]]] = defaultdict(list)
        for place, body in enumerate(bodies):
            clean = self._clean.read(body)
            if clean is not None:
                rows += clean
                continue
            row = _one_object(body)
            if row is None:
                self._read_alone(deliveries[place], body, rows, set_aside)
            else:
                alike[tuple(sorted(row))].append((place, row))
        for group in alike.values():
            for place in self._read_alike(group, rows):
                self._read_alone(deliveries[place], bodies[place], rows, set_aside)
        # Of rows that are the same one the first stays, as in the store.
        once = {row[:3]: row for row in reversed(rows)}
        return Taken(sorted(once.values()), set_aside)

    def _read_alike(self, group: Sequence[tuple[int, dict[str, Any]]], rows: list[EventRow]) -> Iterable[int]:
        """Rows with the same columns, checked together; the places of those with something doubtful about them."""
        places = [place for place, _ in group]
        if len(group) == 1:
            return places
        try:
            raw = rows_from_objects([row for _, row in group], lines=places)
            checked = check_rows(self._apart, raw, require_time=True)
        except Exception:  # noqa: BLE001 - each is read alone then, and says what is wrong with it
            return places
        rows += event_rows(checked.frame, checked.columns, where="stream")
        return [row.line for row in checked.quarantined]

    def _read_alone(self, delivery: Delivery, body: bytes, rows: list[EventRow], set_aside: list[SetAside]) -> None:
        """As the body of a request."""
        try:
            checked = check_rows(self._schema, read_objects(body), require_time=True)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one message, the stream must go on
            reason = error.what if isinstance(error, TelltaleError) else f"cannot be read ({type(error).__name__})"
            raw = "" if self._schema.forbidden else cut(body.decode(errors="replace"))
            set_aside.append(SetAside(delivery, Quarantined(line=1, reason=reason, raw=raw)))
            return
        rows += event_rows(checked.frame, checked.columns, where="stream")
        set_aside += [SetAside(delivery, row) for row in checked.quarantined]

    def _object(self, fields: Mapping[bytes, bytes]) -> bytes:
        """Fields as a JSON object: numbers where they are numbers, and text else, to be told of as such."""
        texts, lists = self._texts, self._lists
        return b"{%b}" % b",".join(
            [
                b"%b:%b"
                % (
                    _text(name),
                    value if name in lists or (name not in texts and _is_number(value)) else _text(value),
                )
                for name, value in fields.items()
            ]
        )


def _text(value: bytes) -> bytes:
    return _encode(value.decode(errors="replace"))


def _one_object(body: bytes) -> dict[str, Any] | None:
    """The object that a body is; None where it is something else."""
    try:
        decoded = _decode(body)
        refuse_repeated(body, decoded)
    except (*_UNREADABLE, TelltaleError):
        return None
    return decoded if isinstance(decoded, dict) else None
