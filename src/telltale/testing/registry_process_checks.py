"""What every registry promises to several processes at once, as checks; see `registry_checks` for how to run them."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

from telltale.contract.errors import (
    ConflictError,
)
from telltale.testing.registry_fixtures import (
    APP,
    START,
    TASK,
    RegistryFactory,
    assert_ledger_tells_the_roles,
    promote,
    register,
)

_N_PROCESSES = 3
_N_EACH = 12


def check_two_processes_never_get_the_same_number(open_registry: RegistryFactory) -> None:
    """Processes that register at once get different numbers, without a gap, and each finds its own files there."""
    registry = open_registry()

    with _processes() as pool:
        runs = [pool.submit(_register_several, open_registry, part) for part in range(_N_PROCESSES)]
        registered = {number: content for run in runs for number, content in run.result().items()}

    assert sorted(registered) == list(range(1, _N_PROCESSES * _N_EACH + 1)), sorted(registered)
    for number, content in registered.items():
        version = registry.get(APP, TASK, number)
        registry.verify(version)
        assert (version.path / "manifest.json").read_text() == content, f"{version.reference} holds another's files"


def check_one_champion_whoever_promotes(open_registry: RegistryFactory) -> None:
    """Processes that promote at once leave one champion, the one that the ledger names last."""
    registry = open_registry()
    for _ in range(_N_PROCESSES):
        register(registry)

    with _processes() as pool:
        for run in [pool.submit(_promote_often, open_registry, part + 1) for part in range(_N_PROCESSES)]:
            run.result()

    champions = [version.number for version in registry.versions(APP, TASK) if version.role == "champion"]
    promoted = [move.number for move in registry.history(APP, TASK) if move.role_to == "champion"]
    assert champions == promoted[-1:], f"champions {champions}, the ledger ends with {promoted[-1:]}"
    assert_ledger_tells_the_roles(registry)


def check_other_processes_see_a_move_by_its_generation(open_registry: RegistryFactory) -> None:
    """The generation rises with every move and not without one, for whoever has the registry open."""
    registry, watcher = open_registry(), open_registry()
    seen = [watcher.generation()]

    for _ in range(3):
        register(registry)
    seen.append(watcher.generation())
    promote(registry, 1)
    seen.append(watcher.generation())
    registry.assign(APP, TASK, 2, "shadow", actor="checks", reason="", now=START)
    seen.append(watcher.generation())
    registry.retire(APP, TASK, 3, actor="checks", reason="", now=START)
    seen.append(watcher.generation())
    with suppress(ConflictError):
        promote(registry, 1)

    assert seen == sorted(set(seen)), seen
    assert watcher.generation() == seen[-1]


def check_readers_always_see_a_champion(open_registry: RegistryFactory) -> None:
    """While processes promote one version after another, no reader ever finds the task without a champion."""
    registry = open_registry()
    for _ in range(2):
        register(registry)
    promote(registry, 1)

    with _processes(1) as pool:
        writing = pool.submit(_promote_in_turn, open_registry)
        n_read = 0
        while not writing.done():
            champions = [version for version in registry.versions(APP, TASK) if version.role == "champion"]
            assert len(champions) == 1, champions
            assert registry.champion(APP, TASK) is not None
            n_read += 1
        writing.result()

    assert n_read > 0


PROCESS_CHECKS: list[Callable[[RegistryFactory], None]] = [
    check_two_processes_never_get_the_same_number,
    check_one_champion_whoever_promotes,
    check_other_processes_see_a_move_by_its_generation,
    check_readers_always_see_a_champion,
]


def _processes(n: int = _N_PROCESSES) -> ProcessPoolExecutor:
    """`n` processes that begin together. Spawned, not forked: a fork would copy the locks of our threads."""
    context = get_context("spawn")
    return ProcessPoolExecutor(n, mp_context=context, initializer=_meet, initargs=(context.Barrier(n),))


def _meet(barrier: Barrier) -> None:
    # Without it the first process would be done before the last has started, and nothing would happen at once.
    barrier.wait(timeout=60)


def _register_several(open_registry: RegistryFactory, part: int) -> dict[int, str]:
    registry = open_registry()
    contents = [f"{part} {n}" for n in range(_N_EACH)]
    return {register(registry, content=content.encode()).number: content for content in contents}


def _promote_often(open_registry: RegistryFactory, number: int) -> None:
    registry = open_registry()
    for _ in range(_N_EACH):
        with suppress(ConflictError):  # it is champion still: the others were slower
            promote(registry, number)


def _promote_in_turn(open_registry: RegistryFactory) -> None:
    registry = open_registry()
    for n in range(20):
        promote(registry, 2 - n % 2)
