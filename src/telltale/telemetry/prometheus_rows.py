"""Rows out of a Prometheus: the series of several expressions, joined on entity and time."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec
import numpy as np
import polars as pl
import structlog

from telltale.contract.errors import NotFoundError, UnauthorizedError, UnavailableError, UsageError
from telltale.contract.schema import EventSchema
from telltale.telemetry.frames import LINE
from telltale.telemetry.paging import Pages
from telltale.telemetry.prometheus import parse_prometheus, range_addresses, span_of
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.remote import Fetched

_NAME: Final = "__name__"
_ENTITY: Final = "@entity"
_TIME: Final = "@time"
_VALUE: Final = "@value"
_LIKELY: Final = ("service", "job", "instance")

_logger = structlog.get_logger("telltale.telemetry.prometheus")


class _Series(msgspec.Struct, frozen=True):
    """One series of an answer; of native histograms, which are no numbers, `values` is empty."""

    metric: dict[str, str]
    values: list[tuple[float, str]] = []


class _Result(msgspec.Struct, frozen=True, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _Answer(msgspec.Struct, frozen=True):
    data: _Result
    warnings: list[str] = []


def read_prometheus(
    source: str, fetch: Callable[[str], Fetched], *, schema: EventSchema, since: datetime | None, now: datetime
) -> Pages:
    """Rows of an event: a row for each entity and step at which any expression has a value.

    NaN, which PromQL gives for 0/0, is no value. An expression without one at a time leaves the column empty there; the
    event's schema decides what that means.

    A row that has a label and nothing else is none.

    Args:
        source: the address, as `parse_prometheus` takes it.
        fetch: asks for one answer.
        schema: of the event: how its time and entity are called.
        since: rows from there on; None for all that the address asks for.
        now: aware.

    Raises:
        UsageError: the address is wrong, it is not clear which label is the entity, two series are of one entity, or an
            expression has no value in the whole span, though its column is neither nullable nor the label.
        UnavailableError: the answer is none of a Prometheus.
        UnauthorizedError: the server wants a token, or another one.
        TelltaleError: as `fetch` does; a wrong expression with the server's own words.
    """
    query = parse_prometheus(source)
    where = f"prometheus+{query.address}"
    first, last = span_of(query, since, now=now)
    may_be_absent = _labels(schema) | {column.name for column in schema.columns if column.nullable}
    frames, labels, n_answers = [], dict[str, str](), 0
    for column, expression in query.columns.items():
        at = f"{where}: {column}"
        parts = [_empty()]
        for address in range_addresses(query, expression, first, last):
            n_answers += 1
            try:
                series = [one for one in _series(fetch(address), where) if one.values]
            except UsageError as error:
                mend = "Mend the expression; the page of that Prometheus shows what it gives."
                raise UsageError(error.what, where=at, mend=mend) from error
            except NotFoundError as error:
                raise UsageError(error.what, where=where, mend="There is no Prometheus; check the path.") from error
            except UnauthorizedError as error:
                mend = f"Set PROMETHEUS_URL to {query.address}, and PROMETHEUS_TOKEN to a token or USER:PASSWORD."
                raise UnauthorizedError(error.what, where=where, mend=mend) from error
            if series:
                label = labels.setdefault(column, query.entity or _entity_label(series, schema, at))
                parts.append(_values(series, label, where=at))
        frame = pl.concat(parts)
        if frame.is_empty() and since is None and first <= last and column not in may_be_absent:
            raise UsageError(
                f"{expression!r} has no value from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC",
                where=at,
                mend="Look at the expression in the page of that Prometheus, and at how far back its data goes.",
            )
        frames.append(frame.rename({_VALUE: column}))
    if len(set(labels.values())) > 1:
        by = ", ".join(f"{column} by {label or 'nothing'}" for column, label in labels.items())
        raise UsageError(
            f"the columns are not of the same entities: {by}",
            where=where,
            mend="Make each by the same label, as in sum by (job) (…).",
        )
    return Pages(rows=_joined(frames, schema, where=where), n_pages=n_answers)


def _series(fetched: Fetched, where: str) -> list[_Series]:
    try:
        answer = msgspec.json.decode(fetched.data, type=_Answer)
        if answer.data.result_type != "matrix":
            raise msgspec.ValidationError(f"its result is a {answer.data.result_type}, not a matrix")
        found = msgspec.json.decode(answer.data.result, type=list[_Series])
    except msgspec.DecodeError as error:
        raise UnavailableError(
            f"the answer is none of a Prometheus ({error})", where=where, mend="Look at what that address answers."
        ) from error
    for warning in answer.warnings:
        _logger.warning("prometheus_warned", where=where, what=warning)
    return found


def _values(series: Sequence[_Series], label: str, *, where: str) -> pl.DataFrame:
    """Entity, time and value of every point that has one."""
    of: dict[str, _Series] = {}
    for one in series:
        if label and label not in one.metric:
            raise UsageError(
                f"the series {_told(one)} has no label {label!r}",
                where=where,
                mend=f"Keep the label, as in sum by ({label}) (…), or name another with entity=LABEL.",
            )
        name = one.metric.get(label, "")
        if name in of:
            raise UsageError(
                f"two series are both {name!r}: {_told(of[name])} and {_told(one)}",
                where=where,
                mend=f"Make one of them, as by sum by ({label}) (…) or max by ({label}) (…).",
            )
        of[name] = one
    parts = [_empty()]
    for name, one in of.items():
        times, texts = zip(*one.values, strict=True)
        values = np.array(texts, dtype=np.float64)
        part = pl.DataFrame({_ENTITY: name, _TIME: np.array(times), _VALUE: values})
        parts.append(part.filter(pl.col(_VALUE).is_not_nan()))
    return pl.concat(parts)


def _entity_label(series: Sequence[_Series], schema: EventSchema, where: str) -> str:
    """The label that is the entity where none was named: the event's own name of it, or the only one there is."""
    labels = {name for one in series for name in one.metric if name != _NAME}
    if schema.entity is not None and schema.entity in labels:
        return schema.entity
    if len(labels) > 1:
        likely = next((name for name in _LIKELY if name in labels), min(labels))
        raise UsageError(
            f"the series have the labels {sorted(labels)}",
            where=where,
            mend=f"Say which of them is the entity: entity={likely} in the address, or sum by ({likely}) (…).",
        )
    return next(iter(labels), "")


def _joined(frames: Sequence[pl.DataFrame], schema: EventSchema, *, where: str) -> RawRows:
    """The columns side by side, by time."""
    keys = [_ENTITY, _TIME]
    table = frames[0]
    for frame in frames[1:]:
        table = table.join(frame, on=keys, how="full", coalesce=True)
    # A label alone, as of incidents in a time without values, is no reading.
    measured = [name for name in table.columns if name not in {*keys, *_labels(schema)}]
    table = table.filter(pl.any_horizontal(pl.col(measured or keys).is_not_null())).sort(_TIME, _ENTITY)
    names = {_TIME: schema.time}
    if schema.entity is not None and (table[_ENTITY] != "").any():
        names[_ENTITY] = schema.entity
    table = table.rename(names).drop(_ENTITY, strict=False)
    lines = pl.int_range(1, table.height + 1, dtype=pl.Int64, eager=True).alias(LINE)
    return RawRows(frame=table.with_columns(lines), source=where)


def _labels(schema: EventSchema) -> set[str]:
    return {*((schema.label,) if schema.label else ()), *schema.label_aliases}


def _empty() -> pl.DataFrame:
    return pl.DataFrame(schema={_ENTITY: pl.String, _TIME: pl.Float64, _VALUE: pl.Float64})


def _told(series: _Series) -> str:
    labels = ", ".join(f'{name}="{value}"' for name, value in sorted(series.metric.items()) if name != _NAME)
    return f"{series.metric.get(_NAME, '')}{{{labels}}}"
