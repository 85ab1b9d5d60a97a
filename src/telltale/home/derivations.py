"""Rows of an event made from those of another, of a file or of the store."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from telltale.contract.app import App
from telltale.contract.derivation import Derivation
from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.contract.schema import EventSchema
from telltale.home.apps import find_event
from telltale.telemetry.files import read_rows
from telltale.telemetry.raw_rows import Quarantined
from telltale.telemetry.validate import check_rows

if TYPE_CHECKING:
    from telltale.home.home import Home


@dataclass(frozen=True, kw_only=True)
class DerivedRows:
    """What came of it.

    Args:
        frame: in the event's own columns, labelled where it has a label and one is known.
        source: the event they were made from, `app/event`.
        n_read: rows of the source.
        left_out: those that no row came of, with why.
    """

    frame: pl.DataFrame
    source: str
    n_read: int
    left_out: tuple[Quarantined, ...]


def derive_rows(home: "Home", event: str, source: str, *, label: int | None = None) -> DerivedRows:
    """Make rows of an event.

    Args:
        home: whose apps, and whose events where `source` is one.
        event: `app/event`.
        source: a file of the event it is made from; or that event itself, `app/event`, for the stored ones.
        label: what rows without a label are taken to be; None for what the app says.

    Raises:
        UsageError: the event is made from no other, has no label, or the label is not 0 or 1.
        NotEnoughDataError: no row came of it.
        SchemaError, NotFoundError: the file does not fit, or is not there.
    """
    app, schema = find_event(home.apps, event)
    possible = _possible(app, schema)
    if label is not None:
        _check_label(schema, label)
    stored = next((one for one in possible if source == f"{app.name}/{one.source}"), None)
    raw = None if stored is not None else read_rows(Path(source))
    derivation = stored or _of_columns(app, possible, set(() if raw is None else raw.columns))
    origin = app.event(derivation.source)
    address = f"{app.name}/{origin.name}"
    bad: tuple[Quarantined, ...] = ()
    if raw is None:
        rows = home.events.frame(app.name, origin)
        n_read = rows.height
    else:
        checked = check_rows(origin, raw, require_time=True)
        rows, bad, n_read = checked.frame, checked.quarantined, checked.n_read
    derived = derivation.derive(rows)
    left_out = [*bad, *(Quarantined(line=line, reason=why, raw="") for line, why in derived.left_out.items())]
    if derived.frame.is_empty():
        first = min(left_out, key=lambda row: row.line, default=None)
        why = f"; line {first.line}: {first.reason}" if first else ""
        raise NotEnoughDataError(
            f"no row came of {n_read:,} of {address}{why}", where=source, mend=f"Give rows of {address}."
        )
    return DerivedRows(
        frame=_labelled(derived.frame, schema, derivation.label if label is None else label),
        source=address,
        n_read=n_read,
        left_out=tuple(sorted(left_out, key=lambda row: row.line)),
    )


def _possible(app: App, schema: EventSchema) -> list[Derivation]:
    """Ways to make an event. Raises UsageError where there is none."""
    own = [derivation for derivation in app.derivations if derivation.event == schema.name]
    if own:
        return own
    others = ", ".join(f"{app.name}/{one.event} from {app.name}/{one.source}" for one in app.derivations)
    raise UsageError(
        f"{app.name}/{schema.name} is not made from other events",
        where="export --from",
        mend=f"Of {app.name}: {others or 'none is'}.",
    )


def _of_columns(app: App, possible: list[Derivation], there: set[str]) -> Derivation:
    """Of several ways the one whose source has most of these columns; the first of those as good."""
    return max(possible, key=lambda one: _n_required(app.event(one.source), there))


def _n_required(schema: EventSchema, there: set[str]) -> int:
    """How many of the columns that every row of an event has are there; none where one is missing."""
    required = {column.name for column in schema.columns if not column.nullable}
    return len(required) if required <= there else 0


def _check_label(schema: EventSchema, label: int) -> None:
    if schema.label is None or label not in {0, 1}:
        raise UsageError(f"label {label} for {schema.name}", where="export --label", mend="A label is 0 or 1.")


def _labelled(frame: pl.DataFrame, schema: EventSchema, label: int | None) -> pl.DataFrame:
    if schema.label is None or schema.label not in frame.columns:
        return frame
    if label is not None:
        return frame.with_columns(pl.col(schema.label).fill_null(label))
    return frame if frame[schema.label].null_count() < frame.height else frame.drop(schema.label)
