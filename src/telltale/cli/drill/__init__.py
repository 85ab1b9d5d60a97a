"""`telltale drill`: the release loop on simulated time, before your eyes.

A scene is a function of a `Stage` (a home of the drill alone, served and worked on by the product's own code) that
returns a `Scene`: what should be, and what was found.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from telltale.cli.console import AsJson, next_step, out, print_json, say
from telltale.cli.drill.drift_scene import N_ROWS, drifting_stream
from telltale.cli.drill.faults import faults
from telltale.cli.drill.rollouts import bad_challenger, end_of_watch, good_challenger
from telltale.cli.drill.scene import Scene, Tell
from telltale.cli.drill.stage import ACTOR, Stage
from telltale.cli.drill.town import between, town_rows
from telltale.contract.app import App, Task
from telltale.home import open_home
from telltale.home.apps import find_task

__all__ = ["drill", "play"]

_TASK: Final = "helios/anomaly"
_FIRST: Final = "robust_z"  # the champion, of a week, that a better one takes the place of
_DAYS_FIRST: Final = 7.0
_DAYS_BEFORE: Final = 14.0
_DAYS_LIVE: Final = 34.0
_TRAINED_ON: Final = 8  # services


def drill(
    seed: Annotated[int, typer.Option(help="Same seed, same rows.")] = 0,
    as_json: AsJson = False,
) -> int:
    """Rehearse the release loop: a good and a bad challenger, drift, and what breaks; exit status 1 where it fails."""
    began = time.perf_counter()
    tell: Tell = (lambda _: None) if as_json else say
    scenes = []
    with tempfile.TemporaryDirectory(prefix="telltale-drill-") as folder:
        for scene in play(Path(folder), tell, seed=seed):
            scenes.append(scene)
            if not as_json:
                _show(scene)
    seconds = time.perf_counter() - began
    holds = all(scene.holds for scene in scenes)
    if as_json:
        print_json({"scenes": scenes, "holds": holds, "seconds": round(seconds, 1)})
    else:
        say(f"{'All of it holds' if holds else 'Something does not hold'}; it took {seconds:.0f} s.")
        next_step("telltale release APP/TASK --version N --ramp 5,25,50,100 --every 1h, with a version of your own")
    return 0 if holds else 1


def play(folder: Path, tell: Tell, *, seed: int) -> Iterator[Scene]:
    """Scene after scene, in one home.

    Args:
        folder: for the home; empty.
        tell: given lines for people.
        seed: of the made-up rows.
    """
    with open_home(folder) as home:
        app, task = find_task(home.apps, _TASK)
        task = replace(task, minimum_rows=N_ROWS)
        app = replace(app, tasks=(task,))
        # From next Monday on: what the real clock stamps meanwhile lies before all that is played.
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start = today + timedelta(days=7 - today.weekday())
        with Stage(home, app, task, now=start) as stage:
            yield from _scenes(stage, app, task, tell, seed=seed)


def _scenes(stage: Stage, app: App, task: Task, tell: Tell, *, seed: int) -> Iterator[Scene]:
    first = stage.now - timedelta(days=_DAYS_BEFORE)
    before = town_rows(app, task, start=first, days=_DAYS_BEFORE, n_services=_TRAINED_ON, seed=seed + 1)
    live = town_rows(app, task, start=stage.now, days=_DAYS_LIVE, seed=seed)
    week = between(before, app.event(task.event).time, stage.now - timedelta(days=_DAYS_FIRST), stage.now)
    champion = stage.train(week, estimator=_FIRST)
    stage.home.registry.promote(
        app.name,
        task.name,
        champion.version.number,
        actor=ACTOR,
        reason="drill: the first",
        now=stage.now,
        override=True,
    )
    stage.refresh()
    tell(f"{live['service'].n_unique()} services; version {champion.version.number} ({_FIRST}) decides.")
    yield good_challenger(stage, before, live, tell)
    end_of_watch(stage, live, tell)
    yield bad_challenger(stage, before, live, tell)
    yield drifting_stream(stage, live, tell)
    yield faults(stage, live, tell, seed=seed)


def _show(scene: Scene) -> None:
    out.rule(f"[bold]{scene.title}[/bold]", align="left")
    for one in scene.seen:
        say(f" {'✓' if one.holds else '✗'}  {one.what}{f': {one.found}' if one.found else ''}")
