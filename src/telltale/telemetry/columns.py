"""Which columns of a source are the time, the entity, the label and the measured ones, and why the rest is not used."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from telltale.contract.errors import SchemaError
from telltale.contract.schema import Column, EventSchema
from telltale.telemetry.forbidden import refuse_forbidden
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.times import parse_times
from telltale.telemetry.values import as_floats

_TIMES_SHOWN: Final = 20  # so many values that are times are no accident


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What each column of a source is for.

    Args:
        time, entity, label: its column, or None where the source has none.
        measured: the measured columns in order; one that is nullable may be absent from the source.
        ignored: every other column of the source, with why it is not used.
    """

    time: str | None
    entity: str | None
    label: str | None
    measured: tuple[Column, ...]
    ignored: dict[str, str]

    @property
    def used(self) -> frozenset[str]:
        """The columns that are read."""
        named = {self.time, self.entity, self.label, *(column.name for column in self.measured)}
        return frozenset(name for name in named if name is not None)


def assign_roles(schema: EventSchema, raw: RawRows, *, columns: tuple[str, ...] | None, require_time: bool) -> Roles:
    """Decide what each column is for.

    Args:
        schema: the declared shape.
        raw: the rows.
        columns: the measured columns wanted, exactly; None to take the schema's.
        require_time: refuse a source without event time.

    Raises:
        SchemaError: a forbidden column is present, a required one is missing, or nothing is measured.
    """
    names = raw.columns
    where = f"{raw.source}: event {schema.name}"
    refuse_forbidden(schema, names, where=where)
    time = _first(names, (schema.time, *schema.time_aliases))
    label = _first(names, (*((schema.label,) if schema.label else ()), *schema.label_aliases))
    entity = schema.entity if schema.entity in names else None
    if time is None and require_time:
        raise SchemaError.missing([schema.time], names, where=where)
    ignored = dict(raw.dropped)
    ignored |= {name: f"is an alias of {time}" for name in schema.time_aliases if name in names and name != time}
    ignored |= {name: f"is an alias of {label}" for name in schema.label_aliases if name in names and name != label}
    free = [name for name in names if name not in {time, entity, label, *ignored}]
    if columns is not None:
        measured = tuple(schema.column(name) or Column(name=name) for name in columns)
        others = dict.fromkeys(free, "is not a column of this version")
    elif schema.any_numeric and not any(schema.column(name) for name in free):
        measured, others = _numeric(raw, free, time=schema.time)
        if not measured:
            raise SchemaError(
                f"no column holds numbers; there are {sorted(names)}",
                where=where,
                mend=f"Give the columns {[column.name for column in schema.columns]}, or others with numbers.",
            )
    elif schema.more_numeric:
        more, others = _numeric(raw, [name for name in free if schema.column(name) is None], time=schema.time)
        measured = (*schema.columns, *more)
    else:
        measured = schema.columns
        others = dict.fromkeys(free, f"is not a column of {schema.name}")
    missing = [column.name for column in measured if column.name not in free and not column.nullable]
    if missing:
        raise SchemaError.missing(missing, names, where=where)
    taken = {column.name for column in measured}
    ignored |= {name: why for name, why in others.items() if name not in taken}
    return Roles(time=time, entity=entity, label=label, measured=measured, ignored=ignored)


def _first(names: Iterable[str], wanted: Iterable[str]) -> str | None:
    present = set(names)
    return next((name for name in wanted if name in present), None)


def _numeric(raw: RawRows, names: list[str], *, time: str) -> tuple[tuple[Column, ...], dict[str, str]]:
    """Columns that hold numbers, constant ones too: at least half of the values given, and one of them finite.

    Half, so that a broken value is quarantined with its row instead of costing the whole column.
    """
    measured: list[Column] = []
    others: dict[str, str] = {}
    for name in names:
        series = raw.frame[name]
        values = as_floats(series, is_text=raw.is_text)
        n_given = len(series) - series.null_count()
        n_numbers = len(values) - values.null_count()
        if n_given == 0:
            others[name] = "has no value"
        elif values.is_finite().any() and 2 * n_numbers >= n_given:
            measured.append(Column(name=name))
        elif parse_times(series.drop_nulls().head(_TIMES_SHOWN)).is_not_null().all():
            others[name] = f"holds times, and counts as none: name it {time!r}, or give --map"
        else:
            others[name] = f"is not numeric ({n_numbers} of {n_given} values are numbers)"
    return tuple(measured), others
