"""Rows of a source made into an event's columns, as a mapping says."""

from collections import defaultdict
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from telltale.contract.errors import SchemaError
from telltale.telemetry.counters import counted
from telltale.telemetry.frames import LINE
from telltale.telemetry.mapped_values import Faults, made_values, readings_of
from telltale.telemetry.mapping import SourceMapping
from telltale.telemetry.raw_rows import Quarantined, RawRows, refuse_reserved
from telltale.telemetry.values import as_floats

_ROW: Final = "@row"


def map_rows(raw: RawRows, mapping: SourceMapping) -> RawRows:
    """The rows in the event's columns; those that a value cannot be read of are set aside with the reason.

    A row without a reading of its counters, or with none before it to be subtracted from, whose counters were reset in
    between, or that comes after a longer gap than is allowed, is left out; how many are stands in `dropped`.

    Raises:
        SchemaError: a column that the mapping names is not there.
    """
    _check_columns(raw, mapping)
    texts = [name for name in raw.columns if raw.frame[name].dtype == pl.String]
    absent = pl.col(texts).replace(dict.fromkeys(mapping.absent)) if texts and mapping.absent else pl.col(texts)
    frame = raw.frame.with_columns(absent)
    faults: Faults = defaultdict(list)
    targets = mapping.targets
    made = {
        name: made_values(frame, one, name, is_text=raw.is_text, faults=faults)
        for name, one in targets.items()
        if not one.counters
    }
    used = {source for one in targets.values() for source in one.sources} | set(mapping.drop)
    kept = [] if mapping.rest == "drop" else [name for name in raw.columns if name not in used and name not in targets]
    is_row = pl.Series([True] * frame.height, dtype=pl.Boolean)
    counters = list(dict.fromkeys(counter for one in targets.values() for counter in one.counters))
    if counters:
        keys = {counter: name for name, one in targets.items() for counter in one.counters}
        readings = {
            counter: readings_of(frame[counter], f"columns.{keys[counter]}", is_text=raw.is_text, faults=faults)
            for counter in counters
        }
        time = made[mapping.time] if mapping.time else None
        counts, is_row = _differences(frame, readings, mapping, time=time)
        for name, one in targets.items():
            if one.counters:
                total = sum((counts[counter] for counter in one.counters[1:]), counts[one.counters[0]])
                made[name] = total * (1.0 if one.scale is None else one.scale)
    mapped = pl.DataFrame([frame[LINE], *(made[name].alias(name) for name in targets), *(frame[name] for name in kept)])
    at_fault = sorted(faults)
    bad = zip(frame[LINE][at_fault], at_fault, raw.raw_texts(at_fault), strict=True)
    unreadable = [Quarantined(line=line, reason="; ".join(faults[at]), raw=text) for line, at, text in bad]
    is_good = ~pl.int_range(frame.height, eager=True).is_in(at_fault)
    n_out = int((is_good & ~is_row).sum())
    why = "are no readings of their counters, the first, or the first after a reset or too long a gap"
    return replace(
        raw,
        frame=mapped.filter(is_good & is_row),
        unreadable=(*raw.unreadable, *unreadable),
        dropped={**raw.dropped, **({f"{n_out:,} rows": why} if n_out else {})},
    )


def _check_columns(raw: RawRows, mapping: SourceMapping) -> None:
    """Raise SchemaError where the mapping names a column that is not there: a misspelt one must not pass unseen."""
    told = mapping.differences
    named = {f"columns.{name}": one.sources for name, one in mapping.targets.items() if name not in told.columns}
    order = () if told.order is None else (told.order,)
    named |= {"drop": mapping.drop, "differences.per": told.per, "differences.order": order}
    named |= {"differences.columns": told.columns}
    for key, columns in named.items():
        lacking = [name for name in columns if name not in raw.columns]
        if lacking:
            raise SchemaError(
                f"columns {lacking} of the source are not there; there are {sorted(raw.columns)}",
                where=f"{raw.source} by {mapping.source}: {key}",
                mend="Name a column of the source, or take the key out.",
            )
    refuse_reserved(list(mapping.targets), mapping.source)


def _differences(
    frame: pl.DataFrame,
    readings: dict[str, pl.Series],
    mapping: SourceMapping,
    *,
    time: pl.Series | None,
) -> tuple[dict[str, pl.Series], pl.Series]:
    """What each counter counted since the reading before, and which rows say so."""
    told = mapping.differences
    group = [frame[name].alias(f"@per{position}") for position, name in enumerate(told.per)]
    order = _sorted_by(frame[told.order]) if told.order is not None else time
    table = pl.DataFrame([pl.int_range(frame.height, eager=True).alias(_ROW), *group, *readings.values()])
    table = table.with_columns((table[_ROW] if order is None else order).alias("@order"))
    names, by = list(readings), [series.name for series in group]
    table = table.drop_nulls([*names, "@order"])
    table = table.sort(*by, "@order", _ROW)
    rows = table[_ROW].to_numpy()
    values = table.select(names).to_numpy().astype(np.uint64).reshape(len(rows), len(names))
    follows = np.zeros(len(rows), dtype=bool)
    follows[1:] = True
    for name in by:
        follows[1:] &= table[name].eq_missing(table[name].shift()).to_numpy()[1:]
    counts = np.zeros((len(rows), len(names)))
    if len(rows) > 1:
        counts[1:], is_whole = counted(values[:-1], values[1:])
        follows[1:] &= is_whole
        if time is not None and (told.interval or told.longest):
            at_s = time.cast(pl.Int64).fill_null(0).to_numpy()[rows] / 1e6
            elapsed_s = np.diff(at_s)
            follows[1:] &= (elapsed_s > 0) & (elapsed_s <= (told.longest or np.inf))
            if told.interval:
                counts[1:] *= (told.interval / np.where(elapsed_s > 0, elapsed_s, 1.0))[:, None]
    whole = np.full((frame.height, len(names)), np.nan)
    whole[rows] = counts
    is_row = np.zeros(frame.height, dtype=bool)
    is_row[rows[follows]] = True
    return {name: pl.Series(name, whole[:, at]) for at, name in enumerate(names)}, pl.Series(is_row)


def _sorted_by(series: pl.Series) -> pl.Series:
    """Numbers where all are: in a CSV file they are text, of which 10 comes before 9."""
    numbers = as_floats(series, is_text=True)
    return numbers if numbers.null_count() == series.null_count() else series
