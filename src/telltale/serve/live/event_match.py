"""Whether a bundle was made for the events that the app declares now."""

from collections.abc import Iterable

from telltale.contract.app import App, Task
from telltale.contract.errors import BundleError
from telltale.models.manifest import Manifest


def check_event(manifest: Manifest, app: App, task: Task, columns: Iterable[str], *, where: str) -> None:
    """Raise BundleError where a version reads other events than its task has.

    What the app declares besides what the version reads may change freely: older versions go on serving.

    Args:
        manifest: of the bundle.
        app: where it is to serve.
        task: where it is to serve.
        columns: those that the version reads.
        where: what errors call the version.
    """
    faults = []
    if (manifest.app, manifest.task) != (app.name, task.name):
        faults.append(f"it was made for {manifest.app}/{manifest.task}")
    elif manifest.event.name != task.event:
        faults.append(f"it reads {manifest.event.name!r}, and the task's event is {task.event!r}")
    else:
        declared, read = app.event(task.event), manifest.event
        faults += [
            f"the {part} column is {getattr(declared, part)!r}, and it reads {getattr(read, part)!r}"
            for part in ("time", "entity")
            if getattr(declared, part) != getattr(read, part)
        ]
        for name in columns:
            was, now = read.column(name), declared.column(name)
            if was is None:
                continue  # measured, not declared: any number will do
            if now is None:
                faults.append(f"column {name!r} is not declared any more")
            elif now.dtype != was.dtype:
                faults.append(f"column {name!r} is declared as {now.dtype}, and it reads {was.dtype}")
    if faults:
        raise BundleError(
            f"it has another event schema: {'; '.join(faults)}",
            where=where,
            mend="Train a version on events as they are declared now, or start the app's release that this one was made with.",
        )
