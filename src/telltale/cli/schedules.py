"""`telltale schedule`: when tasks are retrained."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.cli.training import Task
from telltale.home import Home, open_home
from telltale.home.apps import find_task
from telltale.retrain.schedules import Schedule, declare_schedules, read_schedules, set_schedule

app = typer.Typer(help="When tasks are retrained.", no_args_is_help=True)


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
        rows.append((f"{item.app}/{item.task}", item.cron, "paused" if due is None else f"{due:%Y-%m-%d %H:%M}", last))
    out.print(table("", ("task", "cron (UTC)", "next", "last"), rows))
    next_step("telltale work runs what is due")
    return 0


@app.command()
def run(task: Task, as_json: AsJson = False) -> int:
    """Retrain now, as the schedule would: on stored events, promoting only what is at least as good."""
    from telltale.cli.serving import worker_of

    with open_home() as home:
        application, found = find_task(home.apps, task)
        done = worker_of(home).retrain(application, found, actor="cli")
    if as_json:
        print_json(done)
    else:
        say(f"{done.action}: {done.reason}.")
    return 0 if done.action == "promote" else 1


@app.command()
def pause(task: Task, as_json: AsJson = False) -> int:
    """Stop retraining until it is resumed."""
    return _change(task, paused=True, as_json=as_json)


@app.command()
def resume(task: Task, as_json: AsJson = False) -> int:
    """Go on retraining."""
    return _change(task, paused=False, as_json=as_json)


@app.command("set")
def set_cron(
    task: Task,
    cron: Annotated[str, typer.Argument(help='Five fields, as in "0 3 * * 0" (UTC).')],
    as_json: AsJson = False,
) -> int:
    """Give a task another schedule."""
    return _change(task, cron=cron, as_json=as_json)


def _change(task: str, *, as_json: bool, paused: bool | None = None, cron: str | None = None) -> int:

    with open_home() as home:
        application, found = find_task(home.apps, task)
        _declared(home)
        set_schedule(home.folder.state, application.name, found.name, paused=paused, cron=cron)
        now = next(item for item in _declared(home) if (item.app, item.task) == (application.name, found.name))
    if as_json:
        print_json({"schedule": now})
    else:
        say(f"{now.app}/{now.task}: {now.cron}{', paused' if now.paused else ''}.")
    return 0


def _declared(home: Home) -> list[Schedule]:

    declare_schedules(home.folder.state, home.apps.values(), now=datetime.now(UTC))
    return read_schedules(home.folder.state)
