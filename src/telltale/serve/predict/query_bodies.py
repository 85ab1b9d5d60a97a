"""Bodies of `predict` for kinds that are asked about an entity: the query's fields, the entity under its own name."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from telltale.contract.errors import SchemaError
from telltale.contract.query import Query
from telltale.contract.schema import EventSchema
from telltale.serve.http.struct_bodies import read_body
from telltale.telemetry.values import LONGEST_ENTITY

_ENTITY: Final = "entity"
_SECOND: Final = "entity_by_our_name"  # where the event calls its entity something else
# Ids are text inside; clients whose ids are numbers send numbers.
_WIDENED: Final[dict[Any, Any]] = {
    str: int | str,
    str | None: int | str | None,
    tuple[str, ...]: tuple[int | str, ...],
}


def query_body(schema: EventSchema, query: type[Query]) -> type[msgspec.Struct]:
    """The struct that bodies are decoded into: unknown keys are refused, and a wrong one would else go unnoticed."""
    names = dict.fromkeys((schema.entity or _ENTITY, _ENTITY))
    fields: list[Any] = []
    keys: dict[str, str] = {}
    for field in msgspec.structs.fields(query):
        kind = _WIDENED.get(field.type, field.type)
        for name, key in zip((field.name, _SECOND), names if field.name == _ENTITY else (field.name,), strict=False):
            keys[name] = key
            fields.append((name, kind, field.default))
    return msgspec.defstruct(
        f"{schema.name.title()}{query.__name__}",
        fields,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        rename=keys,
        namespace={"__doc__": query.__doc__},
    )


class QueryReader:
    """Reads bodies of queries.

    Args:
        schema: the event: the name of the entity.
        query: what the runtime is asked with.
    """

    def __init__(self, schema: EventSchema, query: type[Query]) -> None:
        self._query: Callable[..., Query] = query
        self._entity = schema.entity or _ENTITY
        self._body = query_body(schema, query)
        self._read_as = {
            field.name: _as_text if field.type in _WIDENED else _as_it_is for field in msgspec.structs.fields(query)
        }
        self._decode = msgspec.json.Decoder(self._body).decode

    def read(self, body: bytes) -> Query:
        """The query of a body.

        Raises:
            UsageError: it is not JSON.
            SchemaError: a key is unknown or named twice, a value is of the wrong type, or the entity is given twice or longer
                than is stored.
        """
        decoded = read_body(self._decode, body, self._body)
        values = {name: read(getattr(decoded, name)) for name, read in self._read_as.items()}
        second = _as_text(getattr(decoded, _SECOND, None))
        if second is not None:
            if values[_ENTITY] not in {None, second}:
                raise SchemaError(
                    f"{self._entity} is {values[_ENTITY]!r} and entity is {second!r}",
                    where="request body",
                    mend=f"Send {self._entity} alone.",
                )
            values[_ENTITY] = second
        entity = values[_ENTITY]
        if entity is not None and (len(entity) > LONGEST_ENTITY or "\0" in entity):
            raise SchemaError(
                f"{self._entity} has {len(entity)} characters, or a NUL in it",
                where=f"request body, {self._entity}",
                mend=f"Send a name of at most {LONGEST_ENTITY} characters, without NUL.",
            )
        return self._query(**values)


def _as_text(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(str, value))
    return value if value is None else str(value)


def _as_it_is(value: Any) -> Any:
    return value
