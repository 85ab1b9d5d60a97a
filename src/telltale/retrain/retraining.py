"""A retraining: train on what is stored, compare with the champion on the same rows, act on the outcome."""

from datetime import UTC, datetime

import msgspec

from telltale.contract.app import App, Task
from telltale.models.runtimes import LoadedRuntime, load_runtime
from telltale.registry.registry import Registry
from telltale.registry.releases import Releases
from telltale.registry.versions import Version
from telltale.retrain.comparison import Comparison, compare
from telltale.retrain.stored_rows import stored_rows, trained_already
from telltale.retrain.training import train_and_register
from telltale.storage.folder import Folder
from telltale.telemetry.event_store import EventStore
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import rows_from_checked
from telltale.train.version import TrainingRows


class Retraining(msgspec.Struct, frozen=True, kw_only=True):
    """How the retraining of `task` (`app/task`) ended: the new version, and what became of it; or why there is none.

    Where rows were read from a backend beforehand, `source` is its address; `is_stale` says that it gave none, and that older
    ones were trained on.
    """

    task: str
    action: str
    reason: str
    version: int | None = None
    comparison: Comparison | None = None
    source: str = ""
    is_stale: bool = False


def retrain(
    folder: Folder,
    app: App,
    task: Task,
    *,
    actor: str,
    unless_same: bool = False,
    begun_at: datetime | None = None,
    device: str = "",
) -> Retraining:
    """Train on the stored events, compare with the champion on the same held-out rows, act on the outcome.

    Nothing is trained on simulated rows here: nobody is there to notice.

    Args:
        folder: the home.
        app: the app.
        task: the task.
        actor: who asks, for the ledger.
        unless_same: leave it where the stored rows are those of the latest version.
        begun_at: when an earlier attempt at the same, whose process died, was asked for; a version that it registered is
            not trained again. None where this is the first attempt.
        device: where networks are trained; "" for their own default.

    Raises:
        TelltaleError: as its message says.
    """
    address = f"{app.name}/{task.name}"
    registry = Registry(folder.state, folder.artifacts)
    checked = stored_rows(folder.events, app, task)
    if checked is None:
        n = EventStore(folder.events).count(app.name, task.event)
        reason = f"{n} events are stored; {task.minimum_rows} are needed"
        return Retraining(task=address, action="skip", reason=reason)
    rows = rows_from_checked("store", checked, task, where=f"{app.name}/{task.event}")
    same = trained_already(registry, app, task, rows) if unless_same or begun_at is not None else None
    if same is not None and begun_at is not None and same.created_at >= begun_at:
        return _decide(folder, app, task, same, rows, actor=actor)
    if same is not None and unless_same:
        reason = f"nothing new was stored since version {same.number} was trained"
        return Retraining(task=address, action="skip", reason=reason)
    trained = train_and_register(
        registry, app, task, rows, TrainingChoices(device=device), actor=actor, progress=lambda *_: None
    )
    return _decide(folder, app, task, trained.version, rows, actor=actor)


def _decide(folder: Folder, app: App, task: Task, version: Version, rows: TrainingRows, *, actor: str) -> Retraining:
    """Promote a new version, or say why not."""
    registry, releases = Registry(folder.state, folder.artifacts), Releases(folder.state, folder.artifacts)
    address, number = f"{app.name}/{task.name}", version.number
    moved = [move for move in registry.history(app.name, task.name) if move.number == number]
    if any(move.role_to == "champion" for move in moved):  # by an attempt that died before it could tell
        is_champion = version.role == "champion"
        reason = "an earlier attempt promoted it" + ("" if is_champion else ", and it was withdrawn since")
        return Retraining(task=address, action="promote" if is_champion else "keep", reason=reason, version=number)
    champion = registry.champion(app.name, task.name)
    challenger = _runtime(version)
    challenger.self_test()
    found = compare(task, challenger, version.outcome, None if champion is None else _runtime(champion), rows.held_out)
    action, reason = found.action, found.reason
    under_way = releases.active(app.name, task.name)
    if action == "promote" and under_way is not None and under_way.state == "running":
        action = "keep"
        reason += f"; version {under_way.number} is being released ({under_way.mode}), and is not to be overtaken"
    if action == "promote":
        releases.promote(app.name, task.name, number, actor=actor, reason=reason, now=datetime.now(UTC))
    return Retraining(task=address, action=action, reason=reason, version=number, comparison=found)


def _runtime(version: Version) -> LoadedRuntime:
    return load_runtime(version.path, expected=version.files, where=version.reference)
