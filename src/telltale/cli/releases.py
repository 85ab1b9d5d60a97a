"""`telltale release`: a version given traffic beside the champion, step by step."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from telltale.cli.console import AsJson, facts, next_step, print_json, say
from telltale.cli.training import Task
from telltale.cli.versions import Reason, actor_name
from telltale.contract.errors import UsageError
from telltale.home import open_home
from telltale.home.apps import find_task
from telltale.registry.audit import recorded
from telltale.registry.release import Release
from telltale.registry.release_rows import Course
from telltale.retrain.duties import Desk
from telltale.retrain.release.asking import begin_release, end_release
from telltale.retrain.release.controller import inspect_release
from telltale.retrain.release.look import Look, last_look
from telltale.telemetry.durations import duration

Version = Annotated[str, typer.Option("--version", help="Number, role or label.")]


def release(
    task: Task,
    version: Version = "",
    shadow: Annotated[bool, typer.Option("--shadow", help="Score the same requests, and decide nothing.")] = False,
    ab: Annotated[
        int | None, typer.Option("--ab", min=1, max=99, help="Decide for so many per cent of entities, to compare.")
    ] = None,
    ramp: Annotated[str, typer.Option(help="Decide for more and more, as in 5,25,50,100.")] = "",
    every: Annotated[str, typer.Option(help="How long a step of a ramp lasts, as in 1h.")] = "",
    margin: Annotated[float | None, typer.Option(help="A difference that would not matter.")] = None,
    stop: Annotated[bool, typer.Option("--stop", help="End what is under way.")] = False,
    reason: Reason = "",
    override: Annotated[bool, typer.Option("--override", help="Though the gate failed, or it was withdrawn.")] = False,
    as_json: AsJson = False,
) -> int:
    """Give a version traffic beside the champion; without options, tell what is under way and what it waits for."""
    given = {"--shadow": shadow, "--ab": ab is not None, "--ramp": bool(ramp)}
    modes = [name for name, is_given in given.items() if is_given]
    if not version and not modes and not stop:
        return _show(task, as_json=as_json)
    with open_home() as home, recorded(home.folder.state, "telltale release", task, actor=actor_name()):
        app, found = find_task(home.apps, task)
        now = datetime.now(UTC)
        if stop:
            why = reason or "ended by hand"
            desk = Desk(folder=home.folder, apps=home.apps)
            done = end_release(desk.releases, app.name, found.name, actor=actor_name(), reason=why, now=now)
        elif not version or len(modes) != 1:
            raise UsageError(
                f"a release needs a version and one of --shadow, --ab and --ramp; there is {' and '.join(modes) or 'none'}",
                where=task,
                mend=f"As in: telltale release {task} --version 3 --ramp 5,25,50,100 --every 1h",
            )
        else:
            done = begin_release(
                home.folder,
                app,
                found,
                home.registry.resolve(app.name, found.name, version).number,
                course=_course(shadow=shadow, ab=ab, ramp=ramp, every=every, margin=margin),
                actor=actor_name(),
                reason=reason,
                now=now,
                override=override,
            )
    if as_json:
        print_json({"release": done})
        return 0
    if done.ended_at is None:
        say(f"{done.where}: {_how(done)}, beside version {done.against}.")
        next_step(f"telltale release {task} says how it goes; telltale work looks after it")
    else:
        say(_ended(done))
        next_step(f"telltale history {task}")
    return 0


def _show(task: str, *, as_json: bool) -> int:
    now = datetime.now(UTC)
    with open_home() as home:
        app, found = find_task(home.apps, task)
        desk = Desk(folder=home.folder, apps=home.apps)
        active = desk.releases.active(app.name, found.name)
        look = None if active is None else inspect_release(desk, active, now=now)
        ended = [one for one in desk.releases.all(app=app.name, task=found.name) if one.ended_at is not None]
    if as_json:
        print_json({"release": active, "look": look, "ended": ended})
        return 0
    if active is not None and look is not None:
        kept = last_look(active)
        facts({"release": f"{active.where}, {_how(active)}, beside version {active.against}", **_told(active, look)})
        if kept is not None and kept.would is not None:
            say(f"It would be taken away ({kept.would}), and AUTO_ROLLBACK forbids it: a person must decide.")
        next_step(f"telltale compare {task}; telltale release {task} --stop ends it")
        return 0
    say(_ended(ended[0]) if ended else "No version was ever released beside the champion.")
    next_step(f"telltale release {task} --version N --shadow")
    return 0


def _told(release: Release, look: Look) -> dict[str, str]:
    seen = look.seen
    answer = seen.comparison.answer
    served = [
        f"version {number}: {service.n:,} requests, {service.n_failed:,} failed"
        + ("" if service.mean_ms is None else f", {service.mean_ms:.1f} ms on average")
        for number, service in ((release.number, seen.new), (release.against, seen.old))
    ]
    return {
        "begun": f"{release.started_at:%Y-%m-%d %H:%M} UTC by {release.actor}"
        + (f": {release.reason}" if release.reason else ""),
        "this step": f"{release.percent} % since {release.step_at:%Y-%m-%d %H:%M} UTC",
        "compared": seen.comparison.reason if answer is None else answer.reason,
        "served": "; ".join(served),
        "now": f"{look.action}: {look.reason}",
    }


def _course(*, shadow: bool, ab: int | None, ramp: str, every: str, margin: float | None) -> Course:
    try:
        steps = [0] if shadow else [ab] if ab is not None else [int(part) for part in ramp.split(",")]
    except ValueError:
        raise UsageError(f"{ramp!r} is no ramp", where="--ramp", mend="Give per cent, as in 5,25,50,100.") from None
    every_s = duration(every).total_seconds() if every else None
    return Course(steps=tuple(steps), every_s=every_s, margin=margin)


def _how(release: Release) -> str:
    if release.state == "watching":
        until = "" if release.watch_until is None else f" until {release.watch_until:%Y-%m-%d %H:%M} UTC"
        return f"champion, watched{until}"
    if release.mode == "shadow":
        return "in the shadow"
    return f"decides for {release.percent} % of entities"


def _ended(release: Release) -> str:
    when = "" if release.ended_at is None else f" on {release.ended_at:%Y-%m-%d %H:%M} UTC"
    return f"The release of {release.where} ended{when} ({release.state.replace('_', ' ')}): {release.outcome}."
