"""`telltale alarms`: what is not as it should be, what to do, and who could not be told."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.home import open_home
from telltale.monitor.alarm.outbox import undelivered
from telltale.monitor.alarms import active_alarms, read_alarms


def alarms(
    every: Annotated[bool, typer.Option("--all", help="Those that are over as well, newest first.")] = False,
    as_json: AsJson = False,
) -> int:
    """List the alarms that last: what is wrong, since when, and what to do."""
    with open_home() as home:
        found = read_alarms(home.folder.state) if every else active_alarms(home.folder.state)
        waiting = undelivered(home.folder.state, now=datetime.now(UTC))
    if as_json:
        print_json({"alarms": found, "undelivered": waiting})
        return 0
    for message in waiting:
        say(f"{message.sink} was not told of alarm {message.alarm_id} in {message.attempt} attempts: {message.fault}")
    if not found:
        say("No alarm was ever raised." if every else "No alarm lasts.")
        return 0
    rows = [
        (
            alarm.name,
            f"{alarm.app}/{alarm.task}".strip("/"),
            f"{alarm.raised_at:%Y-%m-%d %H:%M:%S}",
            "lasts" if alarm.resolved_at is None else f"{alarm.resolved_at:%Y-%m-%d %H:%M:%S}",
            alarm.what,
        )
        for alarm in found
    ]
    out.print(table("", ("alarm", "task", "raised (UTC)", "over (UTC)", "what"), rows))
    for mend in dict.fromkeys(f"{alarm.mend} ({alarm.runbook})" for alarm in found if alarm.resolved_at is None):
        next_step(mend)
    return 0
