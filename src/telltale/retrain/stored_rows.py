"""Stored events as training rows, with what feedback says of them."""

from contextlib import suppress

import polars as pl

from telltale.contract.app import App, Task
from telltale.contract.errors import BundleError
from telltale.contract.split import LastOfEach
from telltale.models.bundle import MANIFEST
from telltale.models.manifest import decode_manifest
from telltale.monitor.labelled_events import label_events
from telltale.registry.registry import Registry
from telltale.registry.versions import Version
from telltale.storage.database import Database
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import Checked, check_rows
from telltale.train.prepared import labels_of
from telltale.train.rows import snapshot_sha256
from telltale.train.version import TrainingRows, together


def stored_rows(events: Database, app: App, task: Task) -> Checked | None:
    """The stored events of a task, labelled by feedback; None where they are fewer than the task's minimum.

    Where an event is made from others and asks for no label, stored rows of those will do: whoever keeps orders has customers.
    """
    store = EventStore(events)
    if store.count(app.name, task.event) < task.minimum_rows:
        return _derived_rows(store, app, task)
    schema = app.event(task.event)
    columns = store.columns(app.name, schema)
    frame = label_events(events, app.name, task.name, store.frame(app.name, schema, columns=columns))
    return Checked(frame=frame, columns=columns, quarantined=(), ignored={}, n_read=frame.height)


def _derived_rows(store: EventStore, app: App, task: Task) -> Checked | None:
    """Rows made of what is stored of another event, of the one that most come of; None where they are too few."""
    schema = app.event(task.event)
    most: Checked | None = None
    for derivation in app.derivations:
        if derivation.event != schema.name or schema.label is not None or not store.count(app.name, derivation.source):
            continue
        made = derivation.derive(store.frame(app.name, app.event(derivation.source))).frame
        if made.height >= max(task.minimum_rows, most.n_read if most else 0):
            raw = RawRows(frame=made.with_columns(pl.int_range(1, pl.len() + 1).alias(LINE)), source=derivation.source)
            most = check_rows(schema, raw, require_time=True)
    return most


def trained_already(registry: Registry, app: App, task: Task, rows: TrainingRows) -> Version | None:
    """The latest version, where it was trained and judged on these rows and labels; else None."""
    versions = registry.versions(app.name, task.name)
    if not versions or versions[-1].removed_at is not None:
        return None
    latest = versions[-1]
    # A bundle that cannot be read is no reason not to train: quite the contrary.
    with suppress(OSError, BundleError):
        manifest = decode_manifest((latest.path / MANIFEST).read_bytes(), where=latest.reference)
        is_refitted = isinstance(task.split, LastOfEach) and not rows.held_out.is_empty()
        trained_on = together(rows) if is_refitted else rows.train
        judged_on = _n_positive(rows.held_out)
        was = manifest.trained_on
        is_same = (
            was.sha256 == snapshot_sha256(trained_on, rows.columns)
            and was.n_positive == _n_positive(trained_on)
            and latest.facts.get("n_held_out") == rows.held_out.height
            # Of a task that verifies the verdict counts what was verified, which are not all rows.
            and (task.verification is not None or judged_on in {None, manifest.verdict.n_positive})
        )
        return latest if is_same else None
    return None


def _n_positive(frame: pl.DataFrame) -> int | None:
    labels = labels_of(frame)
    return None if labels is None else int((labels == 1).sum())
