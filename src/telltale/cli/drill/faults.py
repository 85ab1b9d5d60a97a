"""What breaks: databases that are gone, a bundle that was changed, a crash in the middle of promotions."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import polars as pl

from telltale.cli.drill.scene import Scene, Seen, Tell
from telltale.cli.drill.stage import ACTOR, Stage
from telltale.contract.errors import BundleError
from telltale.monitor.alarms import active_alarms
from telltale.testing.registry_fixtures import assert_ledger_tells_the_roles

_N_CRASHES: Final = 8
_LONGEST_S: Final = 0.25


def faults(stage: Stage, live: pl.DataFrame, tell: Tell, *, seed: int) -> Scene:
    """Each fault leaves exactly one champion, and what answered before goes on answering.

    Args:
        stage: with a champion and at least one other version.
        live: labelled rows from now on.
        tell: given lines for people.
        seed: of the moments at which processes are killed.
    """
    seen = [
        *_dead_databases(stage, live, tell),
        *_corrupt_bundle(stage, tell),
        *_crashes(stage, tell, rng=random.Random(seed)),  # noqa: S311 - moments, not secrets
    ]
    return Scene(name="faults", title="What breaks leaves exactly one champion", seen=tuple(seen))


def _dead_databases(stage: Stage, live: pl.DataFrame, tell: Tell) -> Iterator[Seen]:
    champion = stage.champion
    for database in (stage.home.folder.events, stage.home.folder.state):
        before = stage.n_answered
        with _moved_away(database.path):
            stage.answer_only(live)
            stage.work()
        answered = stage.n_answered - before
        tell(f"{database.name} was gone for an hour: {answered} rows were answered all the same.")
        yield Seen(what=f"without {database.name} it answers", holds=answered > 0, found=f"{answered} rows")
    stage.play(live)
    yield Seen(
        what="with both back it is as it was", holds=stage.champion == champion, found=f"version {stage.champion}"
    )


@contextmanager
def _moved_away(path: Path) -> Iterator[None]:
    aside = path.with_suffix(".aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


def _corrupt_bundle(stage: Stage, tell: Tell) -> Iterator[Seen]:
    registry = stage.home.registry
    champion = stage.champion
    spoiled = next(
        version
        for version in registry.versions(stage.app.name, stage.task.name)
        if version.role != "champion" and version.outcome == "pass"
    )
    file = spoiled.path / "model.onnx"
    file = file if file.exists() else spoiled.path / "arrays.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    told = ""
    try:
        stage.home.promote(stage.address, str(spoiled.number), actor=ACTOR, reason="drill")
    except BundleError as error:
        told = error.what
    tell(f"Version {spoiled.number} with one bit changed is refused: {told}")
    yield Seen(what="a changed bundle is not promoted", holds=bool(told) and stage.champion == champion, found=told)
    # Another program may move the role without looking at the files: the server must.
    registry.promote(
        stage.app.name, stage.task.name, spoiled.number, actor=ACTOR, reason="drill", now=stage.now, override=True
    )
    stage.refresh()
    alarms = [alarm.what for alarm in active_alarms(stage.home.folder.state) if alarm.name == "version_not_loaded"]
    tell(f"Promoted without a look at its files, it does not serve: {'; '.join(alarms)}")
    yield Seen(
        what="the old version goes on serving", holds=stage.serving == champion, found=f"version {stage.serving}"
    )
    yield Seen(what="an alarm says why", holds=len(alarms) == 1, found="; ".join(alarms))
    file.write_bytes(whole)
    registry.rollback(
        stage.app.name, stage.task.name, actor=ACTOR, reason="drill: its bundle is damaged", now=stage.now
    )
    stage.refresh()
    yield Seen(what="a rollback ends it", holds=stage.champion == champion, found=f"version {stage.champion}")


def _crashes(stage: Stage, tell: Tell, *, rng: random.Random) -> Iterator[Seen]:
    registry, app, task = stage.home.registry, stage.app.name, stage.task.name
    numbers = [str(version.number) for version in registry.versions(app, task) if version.role != "retired"][:2]
    command = [sys.executable, "-m", "telltale.cli.drill.victim", os.fspath(stage.home.folder.path), app, task]
    n_moves, broken = -registry.generation(), []
    for _ in range(_N_CRASHES):
        victim = subprocess.Popen([*command, *numbers], stdout=subprocess.PIPE)
        assert victim.stdout is not None
        victim.stdout.readline()
        time.sleep(rng.uniform(0.0, _LONGEST_S))
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        victim.stdout.close()
        champions = [version.number for version in registry.versions(app, task) if version.role == "champion"]
        if len(champions) != 1:
            broken.append(f"champions {champions}")
        try:
            assert_ledger_tells_the_roles(registry, app, task)
        except AssertionError as error:
            broken.append(str(error))
    n_moves += registry.generation()
    tell(f"{_N_CRASHES} processes were killed in the middle of {n_moves:,} moves of roles.")
    yield Seen(
        what="after every crash there is one champion, and the ledger tells the roles",
        holds=not broken,
        found="; ".join(broken) or f"{_N_CRASHES} crashes, {n_moves} moves",
    )
    stage.refresh()
    yield Seen(
        what="the server follows the ledger",
        holds=stage.serving == stage.champion,
        found=f"version {stage.serving} serves, {stage.champion} is champion",
    )
