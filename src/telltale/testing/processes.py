"""Running one function in another process, as a fresh interpreter."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")


def in_another_process(function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
    """The function's result from a process of its own; function, arguments and result must be picklable.

    Spawned, not forked: a fork would inherit the very state (hash seed, random state, caches) whose absence is tested.
    """
    with _spawned() as pool:
        return pool.submit(function, *args, **kwargs).result()


def in_the_other_process(function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
    """The same from one process that stays for all who ask: it imports each training library once, not for every check.

    For what must come out alike in two processes, whatever else each has done before.
    """
    return _the_other().submit(function, *args, **kwargs).result()


def _spawned() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


_the_other = cache(_spawned)
