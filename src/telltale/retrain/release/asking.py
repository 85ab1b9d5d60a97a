"""A release asked for, by a command or a request: what speaks against it is said before anything moves."""

from datetime import datetime

from telltale.contract.app import App, Task
from telltale.contract.errors import ConflictError, UsageError
from telltale.models.bundle import read_manifest
from telltale.models.runtimes import load_runtime
from telltale.registry.assignment import missing_columns
from telltale.registry.registry import Registry
from telltale.registry.release import Release
from telltale.registry.release_rows import Course
from telltale.registry.releases import Releases
from telltale.retrain.release.comparison import how_compared
from telltale.storage.database import Database
from telltale.storage.folder import Folder

# An index is asked for its two ends; distinct entities would be counted over every row.
_ENDS = "SELECT {}(entity) FROM prediction WHERE app = ? AND task = ? AND entity IS NOT NULL"


def begin_release(
    folder: Folder,
    app: App,
    task: Task,
    number: int,
    *,
    course: Course,
    actor: str,
    reason: str,
    now: datetime,
    override: bool = False,
) -> Release:
    """Begin a release, once it is certain that the version can answer what comes and that it can be told how it does.

    Args:
        folder: the home.
        app: whose.
        task: whose.
        number: the version.
        course: what it is to go through.
        actor: who asks.
        reason: why.
        now: aware.
        override: as for `Releases.begin`.

    Raises:
        UsageError: an A/B test of a task whose versions nothing compares.
        BundleError: the version's files are missing or broken, or it does not answer as it did.
        ConflictError: requests do not carry what it reads, there is only one entity, or as `Releases.begin`.
        GateError, NotFoundError: as `Releases.begin`.
    """
    where = f"{app.name}/{task.name}@{number}"
    if course.steps != (0,):
        _check_shares(folder.events, app, task, course, where=where)
    registry = Registry(folder.state, folder.artifacts)
    version = registry.get(app.name, task.name, number)
    if version.removed_at is None:
        runtime = load_runtime(version.path, expected=version.files, where=where)
        runtime.self_test()
        champion = registry.champion(app.name, task.name)
        if champion is not None and champion.number != number:
            missing = missing_columns(read_manifest(champion.path, where=champion.reference), runtime.manifest)
            if missing:
                raise ConflictError(
                    f"it reads {', '.join(missing)}, which requests to version {champion.number} need not carry",
                    where=where,
                    mend=f"Train a version on the champion's columns, or promote this one once clients send them: "
                    f"telltale promote {app.name}/{task.name} --version {number}.",
                )
    return Releases(folder.state, folder.artifacts).begin(
        app.name,
        task.name,
        number,
        steps=course.steps,
        every_s=course.every_s,
        margin=course.margin,
        actor=actor,
        reason=reason,
        now=now,
        override=override,
    )


def end_release(releases: Releases, app: str, task: str, *, actor: str, reason: str, now: datetime) -> Release:
    """End what is under way by hand: a version that runs decides nothing any more, one that is watched stays champion.

    Raises:
        ConflictError: nothing is under way, or it moved on meanwhile.
    """
    release = releases.active(app, task)
    if release is None:
        raise ConflictError(
            "no release is under way",
            where=f"{app}/{task}",
            mend=f"telltale release {app}/{task} tells of the last one.",
        )
    end = releases.stop if release.state == "running" else releases.keep
    return end(release, actor=actor, reason=reason, now=now)


def _check_shares(events: Database, app: App, task: Task, course: Course, *, where: str) -> None:
    if len(course.steps) == 1 and how_compared(task) == "none":
        raise UsageError(
            f"a task of kind {task.kind!r} has no labels to compare versions by, so that a test would never end",
            where=where,
            mend="Release it as a shadow, which tells how often they agree, or by a ramp.",
        )
    low, high = (events.fetch(_ENDS.format(end), (app.name, task.name))[0][0] for end in ("min", "max"))
    if low is not None and low == high:
        raise ConflictError(
            f"all requests are of one entity, {low!r}, and there is nothing to deal out",
            where=where,
            mend="Release it as a shadow, and promote it once it is better there.",
        )
