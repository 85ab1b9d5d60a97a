"""The quick way for bodies in which every row is clean: decoded straight into a struct made for the event.

It says nothing of what is wrong: a body with anything doubtful in it is left to `telltale.telemetry.validate`, which then
decides. What it takes, it takes as that does: the same rows in the same order, to the byte.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from telltale.contract.schema import Column, EventSchema
from telltale.storage.instants import to_us
from telltale.telemetry.event_rows import EventRow
from telltale.telemetry.raw_rows import is_row_index
from telltale.telemetry.times import FIRST_S, SECONDS_LIMIT
from telltale.telemetry.values import LONGEST_ENTITY

# Of the spellings that a time may have, those that nearly all senders use.
_is_plain_time = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
).fullmatch
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_UNSET: Final = msgspec.UNSET
_astuple: Callable[[Any], tuple[Any, ...]] = msgspec.structs.astuple
_encode = msgspec.json.Encoder().encode


class CleanReader:
    """Reads bodies of one event in which every row is clean.

    Clean: each row has its time, as epoch seconds or as plain ISO 8601, under its first name; no column but declared
    ones; every value within its range; each entity's rows apart in time and key, and in order as far as the event asks.

    Args:
        schema: the event.
    """

    def __init__(self, schema: EventSchema) -> None:
        self._lateness_us = int(min(schema.lateness_s, 1e12) * 1e6)
        self._n = len(schema.columns)
        place = {column.name: number for number, column in enumerate(schema.columns)}
        self._key = tuple(place[name] for name in schema.key if name in place)
        self._wholes = tuple(place[column.name] for column in schema.columns if column.dtype == "int")
        self._texts = tuple(place[column.name] for column in schema.columns if column.dtype == "str")
        self._lists = tuple(place[column.name] for column in schema.columns if column.dtype == "strs")
        self._aligned = tuple(place[name] for name in schema.aligned)
        self._has_texts = bool(self._texts or self._lists)
        self._is_able = _is_able(schema) and len(self._key) == len(schema.key)
        # An event that it cannot say all of has none of its columns, and no body of it is read this way.
        row = _struct(schema if self._is_able else EventSchema(name=schema.name, columns=()))
        decoder = msgspec.json.Decoder(row)
        self._n_fields = len(row.__struct_fields__)
        self._decode, self._decode_lines = decoder.decode, decoder.decode_lines
        self._decode_list = msgspec.json.Decoder(list[row]).decode  # type: ignore[valid-type]  # made at run time

    def read(self, body: bytes) -> list[EventRow] | None:
        """The rows of a body, in the order in which they are stored; None where any of it is not clean, or there is none."""
        if not self._is_able:
            return None
        try:
            decoded = self._decoded(body)
            rows = [] if decoded is None else self._rows(decoded, n_quotes=body.count(b'"'))
        except _UNREADABLE:
            return None
        if not rows or (len(rows) > 1 and not self._is_in_order(rows)):
            return None
        rows.sort()
        return rows

    def _decoded(self, body: bytes) -> list[Any] | None:
        if body[:1] == b"[":
            return self._decode_list(body)
        text = body.rstrip()
        if b"\n" not in text:
            return [self._decode(text)]
        decoded = self._decode_lines(text)
        # The decoder would take objects of one line, or one object of two; nothing of ours has an object inside, so these
        # are as many lines as rows, and each line begins one.
        n_breaks = len(decoded) - 1
        return decoded if text[:1] == b"{" and text.count(b"\n") == n_breaks == text.count(b"\n{") else None

    def _rows(self, decoded: Sequence[Any], *, n_quotes: int) -> list[EventRow]:
        """The rows in the order of the body; none where one is not clean."""
        n, key = self._n, self._key
        n_told = len(decoded) * self._n_fields  # keys and texts: each stands between two quotes
        rows: list[EventRow] = []
        entities: set[str] = set()
        last_stamp, at_us = None, None
        for row in decoded:
            parts = _astuple(row)
            if _UNSET in parts:
                n_told -= parts.count(_UNSET)
                parts = self._filled(row, parts)
            stamp, entity, label = parts[n:]
            if stamp != last_stamp:
                last_stamp, at_us = stamp, _time_us(stamp)
            if type(entity) is not str:
                entity = ""
            else:
                n_told += 1
                if entity not in entities:
                    if len(entity) > LONGEST_ENTITY or "\0" in entity:
                        return []
                    entities.add(entity)
            if at_us is None or (self._wholes and not self._are_whole(parts)):
                return []
            if self._aligned and len({len(parts[number] or ()) for number in self._aligned}) > 1:
                return []
            n_told += (type(stamp) is str) + (self._n_texts(parts) if self._has_texts else 0)
            row.time = row.entity = row.label = _UNSET  # then what is left to encode are the values
            row_key = _encode([parts[number] for number in key]).decode() if key else ""
            rows.append((entity, at_us, row_key, _encode(row).decode(), None if label is _UNSET else label))
        # More quotes: some object names a key twice, of which the decoder kept the last, or a text has a quote in it.
        return rows if n_quotes == 2 * n_told else []

    def _filled(self, row: Any, parts: tuple[Any, ...]) -> tuple[Any, ...]:
        """The parts of a row in which values that were left out are None, as they are stored."""
        if _UNSET not in parts[: self._n]:
            return parts
        for number in range(self._n):
            if parts[number] is _UNSET:
                setattr(row, f"c{number}", None)
        return _astuple(row)

    def _are_whole(self, parts: tuple[Any, ...]) -> bool:
        return all(parts[number] is None or parts[number].is_integer() for number in self._wholes)

    def _n_texts(self, parts: tuple[Any, ...]) -> int:
        n_alone = sum(parts[number] is not None for number in self._texts)
        return n_alone + sum(len(parts[number] or ()) for number in self._lists)

    def _is_in_order(self, rows: Sequence[EventRow]) -> bool:
        """Whether no two rows are the same one, and none is later than the event allows."""
        if len({row[:3] for row in rows}) < len(rows):
            return False
        times = [row[1] for row in rows]
        if max(times) - min(times) <= self._lateness_us:
            return True
        latest: dict[str, int] = {}
        for entity, at_us, *_ in rows:
            before = latest.get(entity, at_us)
            if before - at_us > self._lateness_us:
                return False
            latest[entity] = max(before, at_us)
        return True


def _time_us(stamp: str | float) -> int | None:
    """Epoch microseconds, or None for what is no time or a less usual spelling of one."""
    if type(stamp) is float:
        return round(stamp * 1e6) if FIRST_S <= stamp <= SECONDS_LIMIT else None
    assert isinstance(stamp, str)
    if not _is_plain_time(stamp):
        return None
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    if not 1 < at.year < 9999:  # an offset could lead out of the calendar
        return None
    return to_us(at if at.tzinfo is not None else at.replace(tzinfo=UTC))


def _is_able(schema: EventSchema) -> bool:
    """Whether the struct says all there is to the event."""
    names = [column.name for column in schema.columns]
    others = [name for name in (schema.time, schema.entity, schema.label) if name is not None]
    return (
        len({*names, *others}) == len(names) + len(others)
        and not any(name.startswith("@") or is_row_index(name) for name in (*names, *others))
        # A row without a declared value may be one of other columns.
        and not (schema.any_numeric and all(column.nullable for column in schema.columns))
    )


def _struct(schema: EventSchema) -> Any:
    """The values first, in order, so that what is stored is the struct without its last three."""
    fields: list[Any] = []
    names: dict[str, str] = {}
    for number, column in enumerate(schema.columns):
        names[f"c{number}"] = column.name
        kind = _kind(column)
        fields.append(
            (f"c{number}", kind | None | msgspec.UnsetType, _UNSET) if column.nullable else (f"c{number}", kind)
        )
    # A name of ours, which no body may use, stands where the event has no entity or label.
    names |= {"time": schema.time, "entity": schema.entity or "@entity", "label": schema.label or "@label"}
    fields.append(("time", float | str))
    fields.append(("entity", (str | None | msgspec.UnsetType) if schema.entity else msgspec.UnsetType, _UNSET))
    fields.append(("label", (Literal[0, 1] | None | msgspec.UnsetType) if schema.label else msgspec.UnsetType, _UNSET))
    return msgspec.defstruct("Row", fields, kw_only=True, rename=names, forbid_unknown_fields=True, gc=False)


def _kind(column: Column) -> Any:
    number: Any = float
    if column.low is not None or column.high is not None:
        number = Annotated[float, msgspec.Meta(ge=column.low, le=column.high)]
    text: Any = Literal[column.allowed] if column.allowed else str
    kinds = {"float": number, "int": number, "str": text, "floats": list[number], "strs": list[text]}
    return kinds[column.dtype]
