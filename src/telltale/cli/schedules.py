"""`telltale schedule`: when tasks are retrained; `telltale jobs`: what was asked for, and how it ended."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.contract.errors import UsageError
from telltale.home import Home, open_home
from telltale.home.apps import find_app, find_task
from telltale.retrain.jobs import BY_HAND, BY_SCHEDULE, BY_TRIGGER, enqueue_job, read_jobs
from telltale.retrain.schedules import Schedule, declare_schedules, find_schedule, read_schedules, set_schedule

app = typer.Typer(help="When tasks are retrained.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="APP/SCHEDULE", help="A task's schedule, or one of the app's own.")]


@app.command("list")
def list_schedules(as_json: AsJson = False) -> int:
    """List every schedule, when it is due next, and how it went last."""
    now = datetime.now(UTC)
    with open_home() as home:
        found = _declared(home)
    if as_json:
        print_json({"schedules": [{"next_at": item.next_at(now), "schedule": item} for item in found]})
        return 0
    rows = []
    for item in found:
        due = item.next_at(now)
        last = "never" if item.last_slot is None else f"{item.last_slot:%Y-%m-%d %H:%M}, {item.last_state}"
        when = "paused" if due is None else f"{due:%Y-%m-%d %H:%M}"
        rows.append((f"{item.app}/{item.name}", item.cron, when, ", ".join(item.tasks), last))
    out.print(table("", ("schedule", "due (UTC)", "next", "tasks", "last"), rows))
    next_step("telltale work runs what is due")
    return 0


@app.command()
def run(
    schedule: Name,
    priority: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=100,
            show_default=False,
            help=f"Leave it to `telltale work`, which does the highest first: by hand {BY_HAND}, by a rule {BY_TRIGGER}, "
            f"by a schedule {BY_SCHEDULE}.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Retrain now, as the schedule would: on stored events, promoting only what is at least as good."""
    from telltale.cli.serving import worker_of

    with open_home() as home:
        application, name = _find(home, schedule)
        tasks = find_schedule(home.apps, application, name)
        if priority is not None:
            return _enqueue(home, application, tasks, priority=priority, as_json=as_json)
        worker = worker_of(home)
        done = [
            worker.run_now(home.apps[application], home.apps[application].task(task), actor="cli", reason="run by hand")
            for task in tasks
        ]
    if as_json:
        print_json({"tasks": done})
    else:
        for item in done:
            say(f"{item.task}: {item.action}: {item.reason}.")
        next_step(f"telltale versions {done[0].task} lists what there is now")
    return 0 if all(item.action == "promote" for item in done) else 1


@app.command()
def pause(schedule: Name, as_json: AsJson = False) -> int:
    """Stop retraining until it is resumed."""
    return _change(schedule, paused=True, as_json=as_json)


@app.command()
def resume(schedule: Name, as_json: AsJson = False) -> int:
    """Go on retraining."""
    return _change(schedule, paused=False, as_json=as_json)


@app.command("set")
def set_cron(
    schedule: Name,
    cron: Annotated[str, typer.Argument(help='Five fields, as in "0 3 * * 0" (UTC), or "every 6h".')],
    as_json: AsJson = False,
) -> int:
    """Give another expression, or an interval."""
    return _change(schedule, cron=cron, as_json=as_json)


def jobs(
    task: Annotated[str, typer.Argument(metavar="[APP/TASK]", help="Of this task alone.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="So many, newest first.")] = 20,
    as_json: AsJson = False,
) -> int:
    """List retrainings that were asked for or due: waiting, running, and how they ended."""
    with open_home() as home:
        wanted = find_task(home.apps, task) if task else None
        found = read_jobs(
            home.folder.state,
            app=None if wanted is None else wanted[0].name,
            task=None if wanted is None else wanted[1].name,
            limit=limit,
        )
    if as_json:
        print_json({"jobs": found})
        return 0
    rows = [
        (
            item.id,
            f"{item.app}/{item.task}",
            item.state if item.attempt == 1 else f"{item.state}, attempt {item.attempt}",
            str(item.priority),
            f"{item.created_at:%Y-%m-%d %H:%M}",
            item.actor,
            str((item.result or {}).get("reason", item.reason)),
        )
        for item in found
    ]
    out.print(table("", ("job", "task", "state", "priority", "asked for", "by", "why, or how it ended"), rows))
    if any(item.state == "queued" for item in found):
        next_step("telltale work does what is queued")
    else:
        next_step("telltale schedule list says what is due when")
    return 0


def _enqueue(home: Home, application: str, tasks: tuple[str, ...], *, priority: int, as_json: bool) -> int:
    queued = [
        enqueue_job(
            home.folder.state,
            application,
            task,
            actor="cli",
            reason="asked for by hand",
            now=datetime.now(UTC),
            priority=priority,
        )
        for task in tasks
    ]
    if as_json:
        print_json({"jobs": queued})
        return 0
    for job in queued:
        say(f"{job.app}/{job.task} waits with priority {job.priority}: {job.id}.")
    next_step("telltale work does what is queued; telltale jobs says how it went")
    return 0


def _change(schedule: str, *, as_json: bool, paused: bool | None = None, cron: str | None = None) -> int:
    with open_home() as home:
        application, name = _find(home, schedule)
        _declared(home)
        set_schedule(home.folder.state, application, name, paused=paused, cron=cron)
        now = next(item for item in _declared(home) if (item.app, item.name) == (application, name))
    if as_json:
        print_json({"schedule": now})
    else:
        say(f"{now.app}/{now.name}: {now.cron}{', paused' if now.paused else ''}.")
    return 0


def _find(home: Home, address: str) -> tuple[str, str]:
    """App and name of a schedule; an app's only one is meant where just the app is named."""
    application, _, name = address.partition("/")
    found = find_app(home.apps, application)
    if not name:
        names = [item.name for item in _declared(home) if item.app == application]
        if len(names) != 1:
            raise UsageError.not_one_of(address, [f"{application}/{one}" for one in names], where="schedule")
        return application, names[0]
    find_schedule(home.apps, found.name, name)
    return application, name


def _declared(home: Home) -> list[Schedule]:
    declare_schedules(home.folder.state, home.apps.values(), now=datetime.now(UTC))
    return read_schedules(home.folder.state, home.apps.values())
