"""Versions and their roles: `versions`, `show`, `promote`, `rollback`, `history`, `retire`, `pin`."""

from datetime import UTC, datetime
from getpass import getuser
from typing import Annotated

import msgspec
import typer

from telltale.cli.console import AsJson, facts, next_step, out, print_json, say, table
from telltale.cli.training import Task
from telltale.home import open_home
from telltale.home.apps import find_task
from telltale.registry.audit import recorded

Number = Annotated[str, typer.Option("--version", help="Number, role or label.")]
Reason = Annotated[str, typer.Option(help="Why, for the history.")]
_SHOWN = 2  # figures in the table: the first that the task asks for


def list_versions(task: Task, as_json: AsJson = False) -> int:
    """List a task's versions, newest first."""
    with open_home() as home:
        app, found = find_task(home.apps, task)
        versions = home.registry.versions(app.name, found.name)[::-1]
    if as_json:
        print_json({"versions": versions})
        return 0
    from telltale.evaluate.wording import figure_name, figure_text

    asked = [target.metric for target in found.targets[:_SHOWN]]
    rows = [
        (
            str(version.number),
            version.role,
            version.outcome,
            version.estimator,
            version.data_kind,
            *(figure_text(metric, version.metrics.get(metric)) for metric in asked),
            f"{version.created_at:%Y-%m-%d %H:%M}",
            "pinned" if version.pinned else "removed" if version.removed_at else "",
        )
        for version in versions
    ]
    names = [figure_name(metric) for metric in asked]
    columns = ("version", "role", "gate", "model", "trained on", *names, "made (UTC)", "")
    out.print(table("", columns, rows, right=("version", *names)))
    next_step(f"telltale promote {task} --version N" if versions else f"telltale train {task}")
    return 0


def show(task: Task, version: Number = "", as_json: AsJson = False) -> int:
    """Show one version: what it was trained on, its threshold, and the centre and spread of every feature."""
    with open_home() as home:
        name, runtime = home.load(task, version)
    manifest = runtime.manifest
    if as_json:
        print_json({"reference": name, "manifest": manifest})
        return 0
    trained_on = manifest.trained_on
    told = {
        "version": name,
        "model": f"{manifest.estimator}, {manifest.parameters}",
        "trained on": f"{trained_on.n_rows:,} rows ({trained_on.kind}), {trained_on.first} to {trained_on.last}",
        "gate": manifest.verdict.outcome,
    }
    if manifest.threshold is not None and manifest.operating_point is not None:
        told["threshold"] = f"{manifest.threshold:.6g}, from {manifest.operating_point.method}"
    facts(told)
    rows = [
        (column, f"{summary.mean:.4g}", f"{summary.sd:.4g}", f"{summary.values[0]:.4g}", f"{summary.values[-1]:.4g}")
        for column, summary in manifest.reference.items()
    ]
    columns = ("column or feature", "mean", "sd", "lowest", "highest")
    out.print(table("Training rows", columns, rows, right=columns[1:]))
    return 0


def promote(
    task: Task,
    version: Number = "latest",
    reason: Reason = "",
    override: Annotated[bool, typer.Option("--override", help="Promote although the gate said fail.")] = False,
    as_json: AsJson = False,
) -> int:
    """Make a version the champion; a running server takes it up by itself."""
    with open_home() as home, recorded(home.folder.state, "telltale promote", task, actor=actor_name()):
        done = home.promote(task, version, actor=actor_name(), reason=reason, override=override)
    if as_json:
        print_json({"version": done})
        return 0
    say(f"{done.reference} is champion.")
    next_step("telltale up, if no server is running; it takes the version up by itself if one is")
    return 0


def rollback(task: Task, reason: Reason = "", as_json: AsJson = False) -> int:
    """Make the champion before the present one champion again."""
    with open_home() as home, recorded(home.folder.state, "telltale rollback", task, actor=actor_name()):
        done = home.rollback(task, actor=actor_name(), reason=reason or "rollback")
    if as_json:
        print_json({"version": done})
        return 0
    say(f"{done.reference} is champion again.")
    next_step(f"telltale history {task}")
    return 0


def history(
    task: Task,
    at: Annotated[datetime | None, typer.Option(help="Say what was champion at this moment, UTC.")] = None,
    as_json: AsJson = False,
) -> int:
    """Tell who moved what, when and why; with --at, what was live then."""
    with open_home() as home:
        app, found = find_task(home.apps, task)
        moves = home.registry.history(app.name, found.name)
        live = None if at is None else home.registry.champion_at(app.name, found.name, at.replace(tzinfo=UTC))
    if as_json:
        print_json({"champion_at": live, "moves": moves} if at is not None else {"moves": moves})
        return 0
    if at is not None:
        say(f"Champion at {at:%Y-%m-%d %H:%M:%S} UTC: {'none' if live is None else live}.")
        return 0
    rows = []
    for move in moves:
        known = msgspec.to_builtins(move)
        role = f"{known.get('role_from') or '-'} -> {known.get('role_to') or '-'}"
        rows.append((f"{move.at:%Y-%m-%d %H:%M:%S}", str(move.number), role, move.actor, move.reason))
    out.print(table("", ("at (UTC)", "version", "role", "by", "why"), rows, right=("version",)))
    return 0


def retire(task: Task, version: Number, reason: Reason = "", as_json: AsJson = False) -> int:
    """Take a version out of use."""
    with open_home() as home, recorded(home.folder.state, "telltale retire", task, actor=actor_name()):
        app, found = find_task(home.apps, task)
        number = home.registry.resolve(app.name, found.name, version).number
        now = datetime.now(UTC)
        done = home.registry.retire(
            app.name, found.name, number, actor=actor_name(), reason=reason or "retired by hand", now=now
        )
    if as_json:
        print_json({"version": done})
    else:
        say(f"{done.reference} is retired.")
    return 0


def pin(
    task: Task,
    version: Number,
    off: Annotated[bool, typer.Option("--off", help="Let retention have it again.")] = False,
    as_json: AsJson = False,
) -> int:
    """Keep a version's files whatever its age."""
    with open_home() as home:
        app, found = find_task(home.apps, task)
        number = home.registry.resolve(app.name, found.name, version).number
        change = home.registry.unpin if off else home.registry.pin
        done = change(app.name, found.name, number)
    if as_json:
        print_json({"version": done})
    else:
        say(f"{done.reference} is {'no longer ' if off else ''}pinned.")
    return 0


def actor_name() -> str:
    """Who is at the keyboard, for the history."""
    return f"cli:{getuser()}"
