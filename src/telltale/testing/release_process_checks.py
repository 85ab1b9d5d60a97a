"""What releases promise to several processes at once, one of which may be killed at any moment.

A check takes the path of an empty folder, which becomes a home. It raises AssertionError where the promise is broken.
"""

import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import select

from telltale.contract.errors import ConflictError, GateError
from telltale.registry.ledger import read_history
from telltale.registry.registry import Registry
from telltale.registry.release import read_active
from telltale.registry.releases import Releases
from telltale.registry.versions import read_versions
from telltale.storage.folder import Folder, open_folder
from telltale.storage.tables import release as release_table
from telltale.testing.registry_fixtures import APP, START, TASK, FolderRegistry, promote, register

N_MOVERS: Final = 3
N_KILLED: Final = 4
N_VERSIONS: Final = 4
_LASTS_S: Final = 8.0
_COURSES: Final = ((0,), (50,), (5, 25, 50, 100))


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The registry at one moment: what the versions are, what the ledger says they are, and releases under way."""

    roles: dict[int, str]
    told: dict[int, str]
    active: list[int]

    def assert_sound(self) -> None:
        """Exactly one champion, at most one active release, and a ledger that replays to the same roles."""
        champions = [number for number, role in self.roles.items() if role == "champion"]
        assert len(champions) == 1, f"champions {champions}"
        assert len(self.active) <= 1, f"active releases {self.active}"
        assert self.told == self.roles, f"the ledger tells {self.told}, the versions are {self.roles}"


def check_any_interleaving_of_moves_and_kills_leaves_one_champion(home: Path) -> None:
    """Processes promote, roll back and release at once, some killed in the middle: every moment that is read is sound.

    One champion, one active release at most, a ledger that replays to the roles there are; and whoever is left goes on.
    """
    registry = FolderRegistry(home)()
    for _ in range(N_VERSIONS):
        register(registry)
    promote(registry, 1)
    folder, stop = open_folder(home), home / "stop"
    movers = [_start(home, seed, stop) for seed in range(N_MOVERS)]
    rng, n_read, n_killed = random.Random(0), 0, 0  # noqa: S311 - nothing secret hangs on it
    try:
        _await_moves(folder, movers)
        ends_at = time.monotonic() + _LASTS_S
        kills_at = sorted(rng.uniform(0.0, _LASTS_S - 1.0) for _ in range(N_KILLED))
        began_at = time.monotonic()
        while time.monotonic() < ends_at:
            read_moment(folder).assert_sound()
            n_read += 1
            if n_killed < N_KILLED and time.monotonic() - began_at > kills_at[n_killed]:
                victim = movers.pop(rng.randrange(len(movers)))
                victim.kill()
                victim.join()
                assert victim.exitcode == -signal.SIGKILL, victim.exitcode
                n_killed += 1
                movers.append(_start(home, N_MOVERS + n_killed, stop))
    finally:
        stop.touch()
        for mover in movers:
            mover.join(timeout=60)
    assert [mover.exitcode for mover in movers] == [0] * N_MOVERS, "a mover broke"
    read_moment(folder).assert_sound()
    assert n_read > 10, n_read
    assert n_killed == N_KILLED, n_killed
    _assert_everything_happened(folder)
    promote_another(registry)
    folder.close()


RELEASE_CHECKS: list[Callable[[Path], None]] = [check_any_interleaving_of_moves_and_kills_leaves_one_champion]


def read_moment(folder: Folder) -> Moment:
    """All of it in one transaction that reads, so that nothing moves meanwhile."""
    with folder.state.read() as connection:
        versions = read_versions(connection, folder.artifacts, APP, TASK)
        history = read_history(connection, APP, TASK)
        active = [one.id for one in read_active(connection)]
    told: dict[int, str] = {}
    for move in history:
        assert move.role_from == told.get(move.number, ""), f"{move} does not start from {told.get(move.number)!r}"
        told[move.number] = move.role_to
    return Moment(roles={version.number: version.role for version in versions}, told=told, active=active)


def promote_another(registry: Registry) -> None:
    """Whoever was killed left nothing locked."""
    champion = registry.champion(APP, TASK)
    assert champion is not None
    free = next(version for version in registry.versions(APP, TASK) if version.role not in {"champion", "retired"})
    done = registry.promote(APP, TASK, free.number, actor="checks", reason="again", now=START, override=True)
    assert done.role == "champion"


def _assert_everything_happened(folder: Folder) -> None:
    """A check in which nothing was refused or nothing was moved would show nothing."""
    with folder.state.read() as connection:
        states = set(connection.execute(select(release_table.c.state)).scalars())
        actions = {move.action for move in read_history(connection, APP, TASK)}
    assert {"stopped", "rolled_back", "kept"} <= states, f"releases ended {states}"
    assert {"promote", "rollback", "release"} <= actions, actions


def _start(home: Path, seed: int, stop: Path) -> BaseProcess:
    # Spawned, not forked: a fork would copy the locks of our threads.
    process = get_context("spawn").Process(target=_move_until_stopped, args=(home, seed, stop), daemon=True)
    process.start()
    return process


def _await_moves(folder: Folder, movers: list[BaseProcess]) -> None:
    """Until all of them are at it: each signs what it does."""
    give_up_at = time.monotonic() + 60.0
    while True:
        with folder.state.read() as connection:
            actors = {move.actor for move in read_history(connection, APP, TASK)}
        if len(actors & {f"mover {seed}" for seed in range(len(movers))}) == len(movers):
            return
        assert time.monotonic() < give_up_at, f"only {actors} began"
        time.sleep(0.05)


def _move_until_stopped(home: Path, seed: int, stop: Path) -> None:
    folder = open_folder(home)
    registry = Registry(folder.state, folder.artifacts)
    releases = Releases(folder.state, folder.artifacts)
    rng = random.Random(seed)  # noqa: S311 - nothing secret hangs on it
    while not stop.exists():
        with suppress(ConflictError, GateError):  # somebody else was quicker
            _move(registry, releases, rng, actor=f"mover {seed}")


def _move(registry: Registry, releases: Releases, rng: random.Random, *, actor: str) -> None:
    number, active = rng.randint(1, N_VERSIONS), releases.active(APP, TASK)
    if active is None or rng.random() < 0.3:
        kind = rng.choice(["promote", "rollback", "begin", "begin", "assign", "watch"])
    else:
        kind = rng.choice(["advance", "advance", "advance", "stop", "roll_back", "keep"])
    if kind == "promote":
        registry.promote(APP, TASK, number, actor=actor, reason="again", now=START, override=True)
    elif kind == "rollback":
        registry.rollback(APP, TASK, actor=actor, reason="", now=START)
    elif kind == "assign":
        registry.assign(
            APP, TASK, number, rng.choice(["challenger", "shadow", "none"]), actor=actor, reason="", now=START
        )
    elif kind == "begin":
        steps = rng.choice(_COURSES)
        releases.begin(
            APP, TASK, number, steps=steps, every_s=60.0, actor=actor, reason="again", now=START, override=True
        )
    elif kind == "watch":
        releases.watch(APP, TASK, former=number, actor=actor, reason="", now=START)
    elif active is not None and kind == "advance":
        releases.advance(active, actor=actor, reason="", now=START)
    elif active is not None and kind == "stop":
        releases.stop(active, actor=actor, reason="", now=START, withdraw=rng.random() < 0.5)
    elif active is not None and kind == "roll_back":
        releases.roll_back(active, actor=actor, reason="", now=START)
    elif active is not None:
        releases.keep(active, actor=actor, reason="", now=START)
