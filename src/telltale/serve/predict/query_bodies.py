"""Bodies of `predict` for kinds that are asked about an entity: the query's fields, the entity under its own name."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import msgspec

from telltale.contract.app import Task
from telltale.contract.errors import SchemaError
from telltale.contract.query import Query
from telltale.contract.schema import EventSchema
from telltale.serve.http.struct_bodies import read_body
from telltale.telemetry.forbidden import content_check
from telltale.telemetry.values import LONGEST_ENTITY

_ENTITY: Final = "entity"
_SECOND: Final = "entity_by_our_name"  # where the event calls its entity something else
_FIGURES: Final = dict[str, float]
_CHOSEN: Final = dict[str, tuple[str, ...]]
# Ids are text inside; clients whose ids are numbers send numbers. Stored lists hold whole numbers as floats.
_WIDENED: Final[dict[Any, Any]] = {
    str: int | str,
    str | None: int | str | None,
    tuple[str, ...]: tuple[int | str, ...],
    tuple[int, ...]: tuple[float, ...],
    _FIGURES: dict[str, float | None],
    _CHOSEN: dict[str, int | str | tuple[int | str, ...]],
}


class QueryWords(msgspec.Struct, frozen=True, kw_only=True):
    """How a task's queries are worded.

    Args:
        names: what fields are sent under in place of their own names, as pairs.
        inside: the field that holds figures by name, or "".
        figures: their names; each may also stand by itself, beside the other fields.
        names_entity: whether the event's name of the entity is the query's too; not where it is what an action chooses.
    """

    names: tuple[tuple[str, str], ...] = ()
    inside: str = ""
    figures: tuple[str, ...] = ()
    names_entity: bool = True


def words_of(task: Task, schema: EventSchema) -> QueryWords:
    """How queries of a task on an event are worded."""
    names = tuple(task.query_names.items())
    if task.acting is not None:
        return QueryWords(
            names=names,
            inside="context",
            figures=task.acting.context,
            names_entity=schema.entity not in task.acting.action,
        )
    if task.similarity is not None:
        return QueryWords(names=names, inside="figures", figures=task.similarity.figures)
    return QueryWords(names=names)


@cache
def query_body(schema: EventSchema, query: type[Query], words: QueryWords) -> type[msgspec.Struct]:
    """The struct that bodies are decoded into: unknown keys are refused, and a wrong one would else go unnoticed."""
    own = dict(words.names)
    entities = dict.fromkeys((_entity_name(schema, words), _ENTITY))
    fields: list[Any] = []
    keys: dict[str, str] = {}
    for field in msgspec.structs.fields(query):
        kind = _WIDENED.get(field.type, field.type)
        names = entities if field.name == _ENTITY else (own.get(field.name, field.name),)
        for name, key in zip((field.name, _SECOND), names, strict=False):
            keys[name] = key
            fields.append((name, kind) if field.required else (name, kind, _default(field)))
    for place, name in enumerate(words.figures):
        keys[f"figure_{place}"] = name
        fields.append((f"figure_{place}", float | None, None))
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
        schema: the event: the name of the entity, and what no body may hold.
        query: what the runtime is asked with.
        words: what its fields are called.
    """

    def __init__(self, schema: EventSchema, query: type[Query], words: QueryWords) -> None:
        self._query: Callable[..., Query] = query
        self._entity = _entity_name(schema, words)
        self._words = words
        self._body = query_body(schema, query, words)
        self._check = content_check([schema])
        self._sent_as = {
            field.name: dict(words.names).get(field.name, field.name) for field in msgspec.structs.fields(query)
        }
        self._read_as = {field.name: _READERS.get(field.type, _as_it_is) for field in msgspec.structs.fields(query)}
        self._decode = msgspec.json.Decoder(self._body).decode

    def read(self, body: bytes) -> Query:
        """The query of a body.

        Raises:
            UsageError: it is not JSON.
            SchemaError: a key is unknown or named twice, a value is of the wrong type or given twice, it could hold content,
                or the entity is longer than is stored.
        """
        if self._check is not None:
            self._check(body)
        decoded = read_body(self._decode, body, self._body)
        values = {name: read(getattr(decoded, name), self._sent_as[name]) for name, read in self._read_as.items()}
        if self._words.inside:
            values[self._words.inside] = self._figures(decoded, values[self._words.inside])
        second = _as_text(getattr(decoded, _SECOND, None), _ENTITY)
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

    def _figures(self, decoded: msgspec.Struct, inside: Mapping[str, float]) -> dict[str, float]:
        """Figures by name, wherever they stand in a body."""
        found = dict(inside)
        for place, name in enumerate(self._words.figures):
            value = getattr(decoded, f"figure_{place}")
            if value is None:
                continue
            if found.setdefault(name, value) != value:
                raise SchemaError(
                    f"{name} is {value:g}, and {found[name]:g} in {self._words.inside}",
                    where="request body",
                    mend="Send it once.",
                )
        return found


def _entity_name(schema: EventSchema, words: QueryWords) -> str:
    return schema.entity if schema.entity and words.names_entity else _ENTITY


def _default(field: Any) -> Any:
    return {} if field.type in {_FIGURES, _CHOSEN} else field.default


def _as_text(value: Any, _name: str) -> Any:
    if isinstance(value, tuple):
        return tuple(map(str, value))
    return value if value is None else str(value)


def _as_whole(value: Any, name: str) -> Any:
    broken = next((one for one in value if not one.is_integer()), None)
    if broken is not None:
        raise SchemaError(f"{broken!r} is no whole number", where=f"request body, {name}", mend="Send whole numbers.")
    return tuple(map(int, value))


def _as_texts(value: Any, _name: str) -> Any:
    return {name: tuple(map(str, one)) if isinstance(one, tuple) else (str(one),) for name, one in value.items()}


def _as_known(value: Any, _name: str) -> Any:
    return {name: figure for name, figure in value.items() if figure is not None}


def _as_it_is(value: Any, _name: str) -> Any:
    return value


_READERS: Final[dict[Any, Callable[[Any, str], Any]]] = {
    str: _as_text,
    str | None: _as_text,
    tuple[str, ...]: _as_text,
    tuple[int, ...]: _as_whole,
    _FIGURES: _as_known,
    _CHOSEN: _as_texts,
}
