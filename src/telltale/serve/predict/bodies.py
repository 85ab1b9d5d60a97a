"""Bodies of `predict`: a decoder made for one version's columns, so that decoding is the check."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import msgspec

from telltale.contract.answer import RowValue
from telltale.contract.errors import SchemaError, TelltaleError
from telltale.contract.schema import Column, EventSchema
from telltale.serve.http.body_faults import bounded, explain_fault
from telltale.serve.http.body_times import parse_time
from telltale.serve.http.struct_bodies import UNREADABLE
from telltale.telemetry.forbidden import content_check
from telltale.telemetry.repeated_keys import refuse_repeated
from telltale.telemetry.values import LONGEST_ENTITY

MOST_ROWS: Final = 10_000  # of a window; the longest that an app asks for has some hundred
_astuple: Callable[[Any], tuple[Any, ...]] = msgspec.structs.astuple


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded body of several rows, oldest first; a time that the body left out is None."""

    rows: tuple[tuple[RowValue, ...], ...]
    times: tuple[float | None, ...]
    entity: str | None
    explain: bool


class BodyReader:
    """Reads bodies for a version's columns.

    A body is one object with a number for each column, or `{"rows": [...]}` with several such objects, oldest first,
    of which the last is decided. Beside the columns it may have a time, an entity, and `explain`; other keys are
    ignored, but for columns that could hold content: those are refused, so that nobody goes on sending them. A key that
    is named twice is refused, known or not: which of the two was meant, nobody can tell.

    Args:
        schema: the event: ranges, names of time and entity.
        columns: the version's measured columns, in order.
        nullable: those of them that may be null or left out, since the version's plan fills them.
    """

    def __init__(self, schema: EventSchema, columns: Sequence[str], *, nullable: frozenset[str] = frozenset()) -> None:
        self._columns = tuple(columns)
        self._declared = [_declared(schema, name, is_nullable=name in nullable) for name in self._columns]
        self._n = len(self._columns)
        self._text = [place for place, column in enumerate(self._declared) if column.dtype == "str"]
        taken = set(self._columns)
        self._times = tuple(name for name in (schema.time, *schema.time_aliases) if name not in taken)
        self._entities = tuple(
            name for name in dict.fromkeys((schema.entity or "entity", "entity")) if name not in taken
        )
        self._time_name = next(iter(self._times), "")
        self._entity_name = next(iter(self._entities), "")
        self._check_content = content_check([schema])
        self._all_needed = not any(column.nullable for column in self._declared)
        # Then a body without a single value would decode too: what it says nothing of cannot be filled from it.
        self._may_be_empty = nullable >= set(self._columns)
        row = self._struct("Row", with_columns=True)
        self._decode_row: Callable[[bytes], Any] = msgspec.json.Decoder(row).decode
        self._decode_window: Callable[[bytes], Any] = msgspec.json.Decoder(self._window_struct(row)).decode

    def row(self, body: bytes) -> tuple[tuple[RowValue, ...], float | None, str | None, bool] | None:
        """Values, time in epoch seconds, entity and `explain` of a body of one row; None where it holds several.

        Raises:
            UsageError: it is not JSON.
            SchemaError: a column is missing, of the wrong type or out of range; the time cannot be read; a key is named
                twice; or there is a column that could hold content.
        """
        if self._check_content is not None:
            self._check_content(body)
        try:
            parts = _astuple(self._decode_row(body))
        except UNREADABLE as error:
            if b'"rows"' in body:
                return None
            raise self._fault(body, error) from None
        n = self._n
        values = parts[:n]
        if self._may_be_empty and values.count(None) == n:
            if b'"rows"' in body:
                return None
            raise SchemaError(
                f"there is no value for any of {list(self._columns)}",
                where="request body",
                mend="Send a number for at least one of them.",
            )
        stamp, entity, explain = parts[n : n + 3]
        if len(parts) > n + 3 and (stamp is None or entity is None):
            stamp, entity = self._other_names(parts, stamp, entity)
        # Two quotes about each key and each text: a body with more says something twice, or something besides.
        n_quotes = 2 * n if self._all_needed else 2 * (n - values.count(None))
        if self._text:
            n_quotes += 2 * sum(values[place] is not None for place in self._text)
        if stamp is not None:
            n_quotes += 4 if type(stamp) is str else 2
            stamp = parse_time(stamp, self._time_name)
        if entity is not None:
            n_quotes += 4 if type(entity) is str else 2
            entity = self._entity(entity)
        if explain:
            n_quotes += 2
        if body.count(b'"') != n_quotes:
            refuse_repeated(body)
            self._refuse_two_names(parts)
        return values, stamp, entity, explain

    def window(self, body: bytes) -> Window:
        """A body of several rows.

        Raises:
            UsageError: it is not JSON.
            SchemaError: as for one row; or there is no row, rows are of several entities, or go back in time.
        """
        try:
            decoded = self._decode_window(body)
        except UNREADABLE as error:
            raise self._fault(body, error) from None
        if len(decoded.rows) > MOST_ROWS:
            raise SchemaError(
                f"there are {len(decoded.rows)} rows",
                where="request body, rows",
                mend=f"Send at most {MOST_ROWS}: the last ones are what counts.",
            )
        refuse_repeated(body)
        rows, times, entities = [], [], set()
        for row in decoded.rows:
            parts = _astuple(row)
            stamp, entity = self._other_names(parts, *parts[self._n : self._n + 2])
            self._refuse_two_names(parts)
            rows.append(parts[: self._n])
            times.append(None if stamp is None else parse_time(stamp, self._time_name))
            entities.add(None if entity is None else self._entity(entity))
        _, entity, explain = _astuple(decoded)[1:4]
        if entity is not None:
            entities = entities - {None} | {self._entity(entity)}
        known = [time for time in times if time is not None]
        if not rows or len(entities) > 1 or len(known) not in {0, len(times)} or known != sorted(known):
            raise SchemaError(
                "the rows are none, of several entities, not in time order, or only some of them have a time",
                where="request body, rows",
                mend="Give consecutive rows of one entity, oldest first, each with its time.",
            )
        return Window(rows=tuple(rows), times=tuple(times), entity=next(iter(entities)), explain=explain)

    def entity_alone(self, body: bytes) -> tuple[str, bool] | None:
        """Entity and `explain` of a body that says no more than whose answer is wanted; None for any other body."""
        try:
            decoded = msgspec.json.decode(body)
        except UNREADABLE:
            return None
        if not isinstance(decoded, dict) or len(decoded) > 2:
            return None
        n_keys = len(decoded)
        explain = decoded.pop("explain", False)
        entity = next(iter(decoded.values()), None)
        if len(decoded) != 1 or next(iter(decoded)) not in self._entities or not isinstance(explain, bool):
            return None
        if not isinstance(entity, str | int) or isinstance(entity, bool):
            return None
        refuse_repeated(body, {next(iter(decoded)): entity} | ({"explain": True} if n_keys == 2 else {}))
        return self._entity(entity), explain

    def _other_names(
        self, parts: tuple[Any, ...], stamp: str | float | None, entity: str | int | None
    ) -> tuple[str | float | None, str | int | None]:
        """Time and entity, looked for under their other names where the first has none."""
        others = parts[self._n + 3 :]
        n_times = len(self._times) - 1
        if stamp is None:
            stamp = next((value for value in others[:n_times] if value is not None), None)
        if entity is None:
            entity = next((value for value in others[n_times:] if value is not None), None)
        return stamp, entity

    def _entity(self, given: str | int) -> str:
        """The entity as text. Raises SchemaError where it could not be stored as it is."""
        entity = given if type(given) is str else str(given)
        if len(entity) > LONGEST_ENTITY or "\0" in entity:
            name = self._entity_name
            raise SchemaError(
                f"{name} has {len(entity)} characters" if len(entity) > LONGEST_ENTITY else f"{name} has a NUL in it",
                where=f"request body, {name}",
                mend=f"Send a name of at most {LONGEST_ENTITY} characters, without NUL.",
            )
        return entity

    def _refuse_two_names(self, parts: tuple[Any, ...]) -> None:
        """Time or entity under two names may be said twice, but not with two values."""
        n, n_times = self._n, len(self._times) - 1
        others = parts[n + 3 :]
        if others.count(None) == len(others):
            return
        for names, values in (
            (self._times, (parts[n], *others[:n_times])),
            (self._entities, (parts[n + 1], *others[n_times:])),
        ):
            given = {name: value for name, value in zip(names, values, strict=False) if value is not None}
            if len(set(given.values())) > 1:
                raise SchemaError(
                    f"{' and '.join(given)} differ", where="request body", mend=f"Send {next(iter(given))} alone."
                )

    def _struct(self, name: str, *, with_columns: bool, extra: tuple[tuple[str, Any], ...] = ()) -> type:
        """Columns first, in order, so that a slice of the struct is the row; keys keep any spelling by renaming."""
        keys: dict[str, str] = {}
        fields: list[Any] = []
        if with_columns:
            for place, column in enumerate(self._declared):
                keys[f"c{place}"] = column.name
                fields.append(_field(f"c{place}", column))
        for key, kind in extra:
            keys[key] = key
            fields.append((key, kind))
        optional: list[tuple[str, Any, Any]] = [
            (self._times[0] if self._times else "", str | float | None, None),
            (self._entities[0] if self._entities else "", str | int | None, None),
            ("" if "explain" in self._columns else "explain", bool, False),
            *((key, str | float | None, None) for key in self._times[1:]),
            *((key, str | int | None, None) for key in self._entities[1:]),
        ]
        for place, (key, kind, default) in enumerate(optional):
            # A name that a column has taken stays in its place under a key that is reserved.
            keys[f"o{place}"] = key or f"@{place}"
            fields.append((f"o{place}", kind, default))
        return msgspec.defstruct(name, fields, kw_only=True, rename=keys, gc=False)

    def _window_struct(self, row: type) -> type:
        return self._struct("Rows", with_columns=False, extra=(("rows", list[row]),))  # type: ignore[valid-type]  # made at run time

    def _fault(self, body: bytes, error: Exception) -> TelltaleError:
        return explain_fault(body, error, self._declared)


def _declared(schema: EventSchema, name: str, *, is_nullable: bool) -> Column:
    """The column as a version reads it: what its plan fills may be missing, whatever the event says."""
    return msgspec.structs.replace(schema.column(name) or Column(name=name), nullable=is_nullable)


def _field(name: str, column: Column) -> tuple[str, Any] | tuple[str, Any, Any]:
    limits = bounded(column)
    kind: Any = Annotated[float, msgspec.Meta(ge=limits.low, le=limits.high)]
    if column.dtype == "str":
        kind = Annotated[str, msgspec.Meta(max_length=LONGEST_ENTITY)]
    return (name, kind | None, None) if column.nullable else (name, kind)
