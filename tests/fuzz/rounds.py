"""A round of cases: bodies changed by the byte, sent one after the other, and what came of it."""

import asyncio
import random
import resource
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

from tests.fuzz.mutations import mutated
from tests.fuzz.targets import APPS, TARGETS, send

from telltale.serve.edge import open_edge
from telltale.serve.routes.application import make_application
from telltale.serve.settings import ServeSettings

LONGEST_CPU_S, LONGEST_S = 1.0, 10.0  # a busy machine makes everybody wait, and nobody reckon longer
_WARM = 500  # cases until what is made once is there


class Fault(NamedTuple):
    """A case that went wrong; `seed` and `number` make it again."""

    target: str
    seed: int
    number: int
    body: bytes
    told: str


class Round(NamedTuple):
    """What came of a round: how many were taken for good; memory in bytes, of this process once it was warm and at the end."""

    n_cases: int
    n_taken: int
    took_s: float
    slowest_s: float
    warm_bytes: int
    end_bytes: int
    faults: Sequence[Fault]


def run_round(home: Path, *, seed: int, n_cases: int) -> Round:
    """Send `n_cases`, each made from the seed and its number alone."""
    edge = open_edge(ServeSettings(home=str(home), apps=APPS))
    edge.start()
    try:
        return asyncio.run(_round(make_application(edge), seed, n_cases))
    finally:
        edge.close()


async def _round(application: Any, seed: int, n_cases: int) -> Round:
    faults: list[Fault] = []
    n_taken = 0
    slowest_s, warm_bytes, began = 0.0, _resident(), perf_counter()
    for number in range(n_cases):
        name, body = case(seed, number)
        started, started_cpu_s = perf_counter(), process_time()
        try:
            status, told = await send(application, TARGETS[name], body)
            n_taken += status < 300
        except Exception as error:  # noqa: BLE001 - whatever comes out of the application is the finding
            told = f"{type(error).__name__}: {error}"
        took_s, took_cpu_s = perf_counter() - started, process_time() - started_cpu_s
        slowest_s = max(slowest_s, took_s)
        if took_s > LONGEST_S or took_cpu_s > LONGEST_CPU_S:
            told = told or f"took {took_s:.1f} s, {took_cpu_s:.1f} s of them reckoning"
        if told:
            faults.append(Fault(name, seed, number, body, told))
        if number == _WARM:
            warm_bytes = _resident()
    return Round(n_cases, n_taken, perf_counter() - began, slowest_s, warm_bytes, _resident(), faults)


def case(seed: int, number: int) -> tuple[str, bytes]:
    """The target and the body of a case."""
    rng = random.Random(f"{seed}/{number}")
    name = list(TARGETS)[number % len(TARGETS)]
    bodies = TARGETS[name].bodies
    return name, mutated(rng.choice(bodies), bodies, rng)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()
