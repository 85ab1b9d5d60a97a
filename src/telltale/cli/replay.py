"""`telltale replay`: logged requests answered again by the version that answered them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.cli.training import Task
from telltale.home import open_home
from telltale.home.apps import find_task
from telltale.models.runtimes import load_runtime
from telltale.monitor.replay import Difference
from telltale.monitor.replay import replay as answer_again
from telltale.telemetry.durations import since as moment


def replay(
    task: Task,
    version: Annotated[str, typer.Option("--version", help="Number, role or label.  [default: champion]")] = "champion",
    since: Annotated[str, typer.Option(help="How far back, as in 24h.")] = "24h",
    limit: Annotated[int, typer.Option(min=1, help="Requests at most, the newest.")] = 10_000,
    as_json: AsJson = False,
) -> int:
    """Answer logged requests again and compare: 1 where an answer does not come out as it was given."""
    now = datetime.now(UTC)
    with open_home() as home:
        app, found = find_task(home.apps, task)
        chosen = home.registry.resolve(app.name, found.name, version)
        replayed = answer_again(
            home.folder.events,
            load_runtime(chosen.path, expected=chosen.files, where=chosen.reference),
            found,
            app=app.name,
            version=chosen.number,
            since=moment(since, now=now),
            until=now,
            limit=limit,
        )
    if as_json:
        print_json(replayed)
        return 1 if replayed.n_differing else 0
    say(
        f"{chosen.reference}: {replayed.n_same:,} of {replayed.n:,} answers are the same, {replayed.n_differing:,} differ."
    )
    for why, n in replayed.not_replayable.items():
        say(f"  {n:,} not replayed: {why}")
    if replayed.differing:
        _show(replayed.differing)
        next_step(
            f"look one up with GET /v1/predictions/{replayed.differing[0].prediction_id}, or train a version anew"
        )
        return 1
    next_step("nothing, all is well" if replayed.n_same else "look further back with --since 7d")
    return 0


def _show(differing: Sequence[Difference]) -> None:
    rows = [(one.prediction_id, _score(one.logged_score), _score(one.score), one.what) for one in differing]
    out.print(table("", ("prediction", "logged", "now", "what differs"), rows, right=("logged", "now")))


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"
