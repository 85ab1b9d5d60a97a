"""`telltale learned`: what a version learned since it was trained, step by step, and the way back."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.cli.training import Task
from telltale.cli.versions import Number, actor_name
from telltale.contract.errors import UsageError
from telltale.contract.kinds import LEARNING_KINDS
from telltale.home import open_home
from telltale.home.apps import find_task
from telltale.registry.audit import recorded
from telltale.registry.learned import learned_history, revert_learned
from telltale.storage.instants import from_us


def learned(
    task: Task,
    version: Number = "champion",
    revert: Annotated[int, typer.Option(help="Go back to this step; 0 for none.")] = 0,
    as_json: AsJson = False,
) -> int:
    """Show the steps in which a version learned from stored events, newest first; with --revert, go back to one."""
    with open_home() as home:
        app, found = find_task(home.apps, task)
        if found.kind not in LEARNING_KINDS:
            raise UsageError(
                f"{task} does not go on learning", where="learned", mend="It is trained anew: telltale train."
            )
        number = home.registry.resolve(app.name, found.name, version).number
        whose = (app.name, found.name, number)
        if revert:
            with recorded(home.folder.state, "telltale learned --revert", task, actor=actor_name()):
                revert_learned(home.folder.events, whose, revert, actor=actor_name(), now=datetime.now(UTC))
        steps = learned_history(home.folder.events, whose)
    if as_json:
        print_json({"app": app.name, "task": found.name, "version": number, "steps": steps})
        return 0
    rows = [
        (str(step.number), f"{step.n_rows:,}", f"{from_us(step.made_us):%Y-%m-%d %H:%M:%S}", step.actor, step.reason)
        for step in steps
    ]
    if rows:
        out.print(table("", ("step", "rows", "made (UTC)", "who", "what"), rows, right=("step", "rows")))
        next_step(f"telltale learned {task} --revert N, to go back")
    else:
        say(f"Version {number} has learned nothing since it was trained.")
        next_step(f"telltale up learns from what is stored: telltale ingest {app.name}/{found.event} FILE")
    return 0
