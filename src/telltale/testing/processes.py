"""Running one function in another process, as a fresh interpreter."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")


def in_another_process(function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
    """The function's result from a process of its own; function, arguments and result must be picklable.

    Spawned, not forked: a fork would inherit the very state (hash seed, random state, caches) whose absence is tested.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args, **kwargs).result()
