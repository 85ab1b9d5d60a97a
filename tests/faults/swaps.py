"""Hot swaps under load, and whether every answer is what its version gives for its row."""

import threading
import time
from collections.abc import Sequence

import msgspec
from tests.faults.clients import Answer, Connection, Seen, ask, load
from tests.faults.homes import PREDICT, ROW

from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

_ROWS = tuple(ROW | {"service": f"s{n}", "p99_latency_ms": 100.0 + 40 * n} for n in range(4))


class SwapReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the clients saw: a mixed answer has a score or threshold that its version does not give for its row."""

    swaps: int
    swap_ms: float
    answers: int
    failed: int
    mixed: int
    by_version: dict[int, int]


def swap_rounds(settings: ServeSettings, *, n_swaps: int, pause_s: float, workers: int = 1) -> SwapReport:
    """Promote two versions in turn, over HTTP, while several connections ask."""
    with start_background(settings, workers=workers) as server, Connection(server.url) as operator:
        expected = {}
        for version in (2, 1):
            _promote(operator, version)
            _await_version(server.url, version)
            for row in _ROWS:
                told = ask(server.url, "POST", PREDICT, row)
                expected[version, row["service"]] = (told.body["score"], told.body["threshold"])
        took_s = 0.0
        with load(server.url, [_ask_rows] * len(_ROWS)) as seen:
            for number in range(n_swaps):
                time.sleep(pause_s)
                began = time.monotonic()
                _promote(operator, 2 - number % 2)
                took_s += time.monotonic() - began
            time.sleep(pause_s)
    answers = [answer for one in seen for answer in one.answers]
    versions = [answer.body["version"] for answer in answers]
    return SwapReport(
        swaps=n_swaps,
        swap_ms=took_s / n_swaps * 1e3,
        answers=len(answers),
        failed=sum(sum(one.refusals.values()) for one in seen),
        mixed=_n_mixed(answers, expected),
        by_version={version: versions.count(version) for version in (1, 2)},
    )


def _ask_rows(connection: Connection, seen: Seen, number: int, stop: threading.Event) -> None:
    while not stop.is_set():
        answer = connection.post(PREDICT, _ROWS[number])
        if answer.status == 200:
            seen.answers.append(answer)
        else:
            seen.refusals[answer.status] = seen.refusals.get(answer.status, 0) + 1


def _n_mixed(answers: Sequence[Answer], expected: dict[tuple[int, str], tuple[float, float]]) -> int:
    told = (answer.body for answer in answers)
    return sum(expected[one["version"], one["entity"]] != (one["score"], one["threshold"]) for one in told)


def _promote(operator: Connection, version: int) -> None:
    told = operator.post("/v1/versions/helios/anomaly/promote", {"version": version, "override": True, "reason": "r"})
    assert told.status == 200 or "already" in str(told.body), told


def _await_version(url: str, version: int) -> None:
    """Until every worker has looked, each by itself: until twenty new connections in a row get it."""
    give_up_at = time.monotonic() + 20
    n_same = 0
    while n_same < 20:
        assert time.monotonic() < give_up_at, "the promotion was not taken up"
        n_same = n_same + 1 if ask(url, "POST", PREDICT, ROW).body["version"] == version else 0
        time.sleep(0.01)
