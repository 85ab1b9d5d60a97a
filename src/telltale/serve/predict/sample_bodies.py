"""Bodies of `predict` for tasks that verify: a row of the event, of which the acts are read and whose they are said to be."""

from typing import Annotated, Any, Final, Literal

import msgspec

from telltale.contract.errors import SchemaError
from telltale.contract.kinds import Verification
from telltale.contract.query import VerifyQuery
from telltale.contract.schema import Column, EventSchema
from telltale.serve.http.struct_bodies import read_body
from telltale.telemetry.forbidden import content_check
from telltale.telemetry.values import LONGEST_ENTITY

_ENTITY: Final = "entity"
MOST_ACTS: Final = 20_000
_Ms = Annotated[float, msgspec.Meta(ge=0.0)]


def sample_body(schema: EventSchema, asked: Verification) -> type[msgspec.Struct]:
    """The struct that bodies are decoded into: the event's columns, those that are not compared being optional."""
    own = schema.entity or _ENTITY
    kind: Any = tuple[Literal[asked.kind_names], ...]  # type: ignore[name-defined]  # the names are the task's
    needed: dict[str, Any] = {asked.kinds: kind, asked.began: tuple[_Ms, ...], asked.ended: tuple[_Ms, ...]}
    fields: list[Any] = [(own, str | int), *needed.items()]
    fields += [(column.name, _optional(column), None) for column in schema.columns if column.name not in needed]
    fields.append((schema.time, float | str | None, None))
    return msgspec.defstruct(
        f"{schema.name.title()}Sample",
        fields,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        namespace={"__doc__": f"A row of the event {schema.name!r}, and whose it is said to be."},
    )


class SampleReader:
    """Reads rows that are to be verified or enrolled.

    Args:
        schema: the event.
        asked: which of its columns are compared.
    """

    def __init__(self, schema: EventSchema, asked: Verification) -> None:
        self._entity = schema.entity or _ENTITY
        self._asked = asked
        self._body = sample_body(schema, asked)
        self._decode = msgspec.json.Decoder(self._body).decode
        self._check = content_check([schema])
        self._code = {name: code for code, name in enumerate(asked.kind_names)}

    def read(self, body: bytes) -> VerifyQuery:
        """What is asked.

        Raises:
            UsageError: it is not JSON.
            SchemaError: a column is missing, unknown, of the wrong type, could hold content, or lists differ in length.
        """
        if self._check is not None:
            self._check(body)
        row = read_body(self._decode, body, self._body)
        asked = self._asked
        kinds, began, ended = (getattr(row, name) for name in asked.columns)
        if not len(kinds) == len(began) == len(ended) <= MOST_ACTS:
            raise SchemaError(
                f"{len(began)} {asked.began}, {len(ended)} {asked.ended} and {len(kinds)} {asked.kinds}",
                where="request body",
                mend=f"Give one of each for every act, and at most {MOST_ACTS:,}.",
            )
        early = next((place for place, (start, end) in enumerate(zip(began, ended, strict=True)) if end < start), None)
        if early is not None:
            raise SchemaError(
                f"{asked.ended}[{early}] {ended[early]:g} is before {asked.began}[{early}] {began[early]:g}",
                where="request body",
                mend="Give when each act began and ended, in one order.",
            )
        entity = str(getattr(row, self._entity))
        if not entity or len(entity) > LONGEST_ENTITY or "\0" in entity:
            raise SchemaError(
                f"{self._entity} has {len(entity)} characters, or a NUL in it",
                where=f"request body, {self._entity}",
                mend=f"Send a name of 1 to {LONGEST_ENTITY} characters, without NUL.",
            )
        return VerifyQuery(
            entity=entity, kinds=tuple(map(self._code.__getitem__, kinds)), began_ms=began, ended_ms=ended
        )


def _optional(column: Column) -> Any:
    kinds: dict[str, Any] = {
        "float": float, "int": float, "str": str | int, "floats": tuple[float, ...], "strs": tuple[str, ...]
    }  # fmt: skip
    return kinds[column.dtype] | None
