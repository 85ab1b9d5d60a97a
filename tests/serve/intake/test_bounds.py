"""Bodies in work are bounded: what is too much is refused at once and unread, and whatever is acknowledged is on disk."""

import asyncio
import http.client
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from tests.serve.rsgi_transport import RsgiTransport

from telltale.apps.helios import APP
from telltale.contract.errors import UnavailableError
from telltale.serve.intake.bounds import Bench, Door
from telltale.serve.intake.intake import Intake
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.storage.database import Database, open_database

EVENTS = "/v1/helios/events/metrics"
Row = dict[str, Any]


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "events.db", schema="events")
    yield database
    database.close()


def test_the_door_counts_requests_and_bytes_and_says_when_to_try_again() -> None:
    door = Door(max_requests=2, max_bytes=100)
    door.enter(60)
    with pytest.raises(UnavailableError, match=r"1 requests with 60 bytes.*at most 2 with 100") as refused:
        door.enter(41)
    door.enter(40)
    with pytest.raises(UnavailableError):
        door.enter(0)
    door.leave(60)
    door.leave(40)

    assert refused.value.retry_after_s == 1.0
    door.enter(1_000)  # larger than all room: alone it may
    assert (door.n_requests, door.n_bytes) == (1, 1_000)


def test_the_bench_lets_in_by_order_of_coming_and_forgets_who_left() -> None:
    async def scene() -> list[str]:
        bench = Bench(max_bytes=10)
        seen: list[str] = []

        async def work(name: str, n_bytes: int, until: asyncio.Event) -> None:
            taken = await bench.take(n_bytes)
            seen.append(name)
            await until.wait()
            bench.give_back(taken)

        first, rest = asyncio.Event(), asyncio.Event()
        rest.set()
        tasks = [asyncio.create_task(work("first", 8, first))]
        for name, n_bytes in (("huge", 99), ("left", 10), ("small", 1)):
            tasks.append(asyncio.create_task(work(name, n_bytes, rest)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tasks[2].cancel()
        assert seen == ["first"]
        first.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await bench.take(10) == 10  # all of it is free again
        return seen

    assert asyncio.run(scene()) == ["first", "huge", "small"]


def test_who_leaves_the_bench_holds_nobody_up() -> None:
    async def scene() -> None:
        bench = Bench(max_bytes=10)
        await bench.take(5)
        left, small = asyncio.create_task(bench.take(10)), asyncio.create_task(bench.take(1))
        await asyncio.sleep(0)
        assert not small.done()
        left.cancel()

        assert await asyncio.wait_for(small, 5) == 1

    asyncio.run(scene())


class _Untouched:
    """A body that must not be read."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = b""

    async def __call__(self) -> bytes:
        raise AssertionError("the body was read")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.status == 0:
            raise AssertionError("the body was read")
        yield b""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


@pytest.mark.parametrize("path", [EVENTS, "/v1/feedback"])
@pytest.mark.parametrize("announced", ["500", None])
def test_over_the_bound_a_body_is_refused_unread(client: Any, path: str, announced: str | None) -> None:
    application: Any = client._transport._application  # noqa: SLF001 - a request whose body must stay where it is
    exchange = _Untouched()
    headers = {"content-type": "application/json", "host": "127.0.0.1"} | (
        {"content-length": announced} if announced else {}
    )
    scope = SimpleNamespace(
        proto="http", http_version="1.1", method="POST", path=path, query_string="", scheme="http", server="127.0.0.1:8000",
        client="127.0.0.1:5", headers=SimpleNamespace(get=headers.get, items=lambda: list(headers.items())),
    )  # fmt: skip

    async def ask() -> None:
        client.edge.intake.door.enter(client.edge.settings.max_intake_bytes)
        await application.__rsgi__(scope, exchange)

    asyncio.run(ask())

    assert exchange.status == 503
    assert ("retry-after", "1") in exchange.headers
    assert ("connection", "close") in exchange.headers
    assert b"are being stored" in exchange.body


def test_a_flood_on_a_slow_disk_is_refused_at_once_and_what_is_acknowledged_is_stored(
    open_client: Any, settings: ServeSettings, row: Row
) -> None:
    client = open_client(_bounded(settings, requests=20))
    events: Database = client.edge.folder.events
    application = client._transport._application  # noqa: SLF001
    taking_ms: list[float] = []

    async def flood() -> list[int]:
        async with httpx.AsyncClient(transport=RsgiTransport(application), base_url="http://127.0.0.1") as sender:

            async def send(number: int) -> int:
                began = time.perf_counter()
                answer = await sender.post(EVENTS, content=json.dumps(row | {"service": f"s{number}"}))
                if answer.status_code == 503:
                    taking_ms.append((time.perf_counter() - began) * 1e3)
                    assert answer.headers["retry-after"] == "1"
                return answer.status_code

            sent = [asyncio.create_task(send(number)) for number in range(200)]
            await asyncio.sleep(0.5)
            assert sum(task.done() for task in sent) == 180  # refused while the others wait
            release.set()
            return await asyncio.gather(*sent)

    release = threading.Event()
    holding = threading.Thread(target=_hold, args=(events, release))
    holding.start()
    time.sleep(0.05)
    codes = asyncio.run(flood())
    holding.join()

    assert (codes.count(200), codes.count(503)) == (20, 180)
    assert (client.edge.intake.door.n_requests, client.edge.intake.door.n_bytes) == (0, 0)
    acknowledged = {f"s{number}" for number, code in enumerate(codes) if code == 200}
    assert {entity for (entity,) in events.fetch("SELECT entity FROM event")} == acknowledged
    assert sorted(taking_ms)[len(taking_ms) // 2] < 50


def _bounded(settings: ServeSettings, *, requests: int) -> ServeSettings:
    return replace(settings, max_intake_requests=requests)


def _hold(events: Database, release: threading.Event) -> None:
    with events.write():
        release.wait(4)


@pytest.mark.sqlite
@pytest.mark.parametrize("kind", ["full", "locked"])
def test_what_the_disk_refuses_is_not_acknowledged(events: Database, row: Row, kind: str, monkeypatch: Any) -> None:
    intake = Intake(events, max_requests=10, max_bytes=1_000_000)
    if kind == "full":
        with events.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    else:
        monkeypatch.setattr("telltale.storage.sqlite_database.BUSY_TIMEOUT_S", 0.05)
        release = threading.Event()
        threading.Thread(target=_hold, args=(events, release)).start()
        time.sleep(0.05)
    body = json.dumps([row | {"service": f"s{number}"} for number in range(500)]).encode()

    async def send() -> bytes:
        return await intake.receive("helios", APP.events[0], body, score_with=(), now=datetime.now(UTC))

    with pytest.raises(UnavailableError) as refused:
        asyncio.run(send())
    if kind == "full":
        with events.write() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    else:
        release.set()

    assert refused.value.mend
    assert refused.value.retry_after_s is not None
    assert events.fetch("SELECT count(*) FROM event") == [(0,)]
    assert json.loads(asyncio.run(send()))["accepted"] == 500
    intake.close()


def test_a_closed_intake_says_so(events: Database, row: Row) -> None:
    intake = Intake(events, max_requests=10, max_bytes=1_000_000)
    intake.close()
    for n_rows in (1, 500):
        body = json.dumps([row | {"service": f"s{number}"} for number in range(n_rows)]).encode()
        with pytest.raises(UnavailableError):
            asyncio.run(intake.receive("helios", APP.events[0], body, score_with=(), now=datetime.now(UTC)))


@pytest.mark.slow
@pytest.mark.server
def test_a_real_server_stays_small_under_a_flood_and_keeps_what_it_acknowledged(tmp_path: Path, row: Row) -> None:
    home = tmp_path / "home"
    settings = ServeSettings(home=str(home), apps=("telltale.apps.helios:APP",), max_intake_requests=20)
    with start_background(settings) as server:
        worker = _worker(server.pid)
        before_mb = _rss_mb(worker)
        events = open_database(home / "events.db", schema="events")
        address = server.url.removeprefix("http://")
        bodies = {f"s{number}": _many_rows(row, f"s{number}") for number in range(120)}
        entities = list(bodies)
        release = threading.Event()
        holding = threading.Thread(target=_hold, args=(events, release))
        with ThreadPoolExecutor(20) as senders:
            holding.start()
            time.sleep(0.1)
            waiting = [senders.submit(_send_until_taken, address, bodies[entity]) for entity in entities[:20]]
            # Until all that may wait do; a writer gives up after 5 s, so that later it is no use.
            give_up_at = time.monotonic() + 5.0
            while _send(address, b"[]")[0] != 503 and time.monotonic() < give_up_at:
                time.sleep(0.01)
            # One after the other, so that no other request of ours is in the way of the answer.
            refused = [_send(address, bodies[entity]) for entity in entities[20:]]
            held_mb = _rss_mb(worker)
            release.set()
            codes = [one.result() for one in waiting]
        holding.join()
    stored = dict(events.fetch("SELECT entity, count(*) FROM event GROUP BY entity"))
    events.close()

    assert codes == [200] * 20
    assert {code for code, _ in refused} == {503}
    assert sorted(taken_ms for _, taken_ms in refused)[50] < 100
    assert stored == dict.fromkeys(entities[:20], _N_ROWS)
    assert held_mb - before_mb < 60


_N_ROWS = 400  # to a request


def _many_rows(row: Row, entity: str) -> bytes:
    return json.dumps([row | {"service": entity, "timestamp": 1_700_000_000 + at} for at in range(_N_ROWS)]).encode()


def _send_until_taken(address: str, body: bytes) -> int:
    """As a client does: what asks whether the server is full takes a place itself, which may be the last."""
    give_up_at = time.monotonic() + 20.0
    while (code := _send(address, body)[0]) == 503 and time.monotonic() < give_up_at:
        time.sleep(0.005)
    return code


def _send(address: str, body: bytes) -> tuple[int, float]:
    """What was answered, and after how many milliseconds."""
    connection = http.client.HTTPConnection(address, timeout=30)
    began = time.perf_counter()
    connection.request("POST", EVENTS, body, {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, (time.perf_counter() - began) * 1e3


def _worker(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return max(map(int, children), key=_rss_mb) if children else pid


def _rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6
