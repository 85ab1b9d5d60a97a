"""Stored events as training rows, with what feedback says of them."""

from telltale.contract.app import App, Task
from telltale.monitor.labelled_events import label_events
from telltale.storage.database import Database
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.validate import Checked


def stored_rows(events: Database, app: App, task: Task) -> Checked | None:
    """The stored events of a task, labelled by feedback; None where they are fewer than the task's minimum."""
    store = EventStore(events)
    if store.count(app.name, task.event) < task.minimum_rows:
        return None
    columns = store.columns(app.name, task.event)
    frame = label_events(events, app.name, task.name, store.frame(app.name, task.event, columns=columns))
    return Checked(frame=frame, columns=columns, quarantined=(), ignored={}, n_read=frame.height)
