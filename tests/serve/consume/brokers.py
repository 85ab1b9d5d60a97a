"""Real brokers on free ports: started, fed, read, killed and started again; by the brokers' own client libraries."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import nats
import redis
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from tests.faults.kills import free_port

T = TypeVar("T")


class Broker(Protocol):
    """A broker, and the streams `metrics`, `scores` and `alarms` of it."""

    kind: str
    process: "subprocess.Popen[bytes]"

    def url(self, **said: object) -> str: ...

    def start(self) -> None: ...

    def send(self, bodies: Sequence[bytes]) -> None: ...

    def told(self, stream: str) -> list[bytes]: ...

    def n_unsettled(self) -> int: ...


# Where Debian puts them.
PROGRAMS = {"redis": "redis-server", "nats": "nats-server"}


def _url(start: str, said: dict[str, object]) -> str:
    return f"{start}?stream=metrics&scores=scores&alarms=alarms" + "".join(f"&{key}={to}" for key, to in said.items())


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


@contextmanager
def locked(kind: str, folder: Path) -> Iterator[str]:
    """A broker that asks for user "anna" and a password; its host and port."""
    port = free_port()
    users = ["--user", "anna", "on", ">right", "~*", "+@all", "--user", "default", "off"]
    options = {
        "redis": ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *users],
        "nats": ["-js", "-sd", str(folder), "-p", str(port), "-a", "127.0.0.1", "--user", "anna", "--pass", "right"],
    }
    process = _started([PROGRAMS[kind], *options[kind]], port)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        stop(process)


class RedisBroker:
    """Keeps what it has over a kill, as an operator of such streams would have it."""

    kind = "redis"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.client: Any = redis.Redis(port=self._port, protocol=2)
        self.start()

    def url(self, **said: object) -> str:
        return _url(f"redis://127.0.0.1:{self._port}/0", said)

    def start(self) -> None:
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""]
        keeps = ["--appendonly", "yes", "--appendfsync", "always"]
        self.process = _started(["redis-server", *options, *keeps], self._port)
        while True:
            with suppress(redis.exceptions.RedisError):
                if self.client.ping():
                    return
            time.sleep(0.02)

    def send(self, bodies: Sequence[bytes]) -> None:
        pipeline = self.client.pipeline(transaction=False)
        for body in bodies:
            pipeline.xadd("metrics", {"data": body})
        pipeline.execute()

    def told(self, stream: str) -> list[bytes]:
        return [fields[b"data"] for _, fields in self.client.xrange(stream)]

    def n_unsettled(self) -> int:
        """Messages that were taken and not settled, and those that nobody has taken."""
        groups = self.client.xinfo_groups("metrics") if self.client.exists("metrics") else []
        # After a restart Redis may not know how many are left ("lag"): then it is told by the ids.
        last = self.client.xinfo_stream("metrics")["last-generated-id"] if groups else b""
        return sum(group["pending"] + (group["last-delivered-id"] != last) for group in groups) if groups else 1


class NatsBroker:
    """With JetStream, on disk."""

    kind = "nats"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.start()
        self._asked(lambda streams: streams.add_stream(name="metrics", subjects=["metrics"]))

    def url(self, **said: object) -> str:
        return _url(f"nats://127.0.0.1:{self._port}", said)

    def start(self) -> None:
        options = ["-js", "-sd", str(self._folder), "-p", str(self._port), "-a", "127.0.0.1"]
        self.process = _started(["nats-server", *options], self._port)

    def send(self, bodies: Sequence[bytes]) -> None:
        async def send(streams: JetStreamContext) -> None:
            for first in range(0, len(bodies), 500):
                acks = [await streams.publish_async("metrics", body) for body in bodies[first : first + 500]]
                await asyncio.gather(*acks)

        self._asked(send)

    def told(self, stream: str) -> list[bytes]:
        async def read(streams: JetStreamContext) -> list[bytes]:
            n = (await streams.stream_info(stream)).state.messages
            subscription = await streams.pull_subscribe(stream, config=ConsumerConfig(ack_policy=AckPolicy.NONE))
            found: list[bytes] = []
            while len(found) < n:
                found += [message.data for message in await subscription.fetch(1_000, timeout=30)]
            return found

        return self._asked(read)

    def n_unsettled(self) -> int:
        async def count(streams: JetStreamContext) -> int:
            info = await streams.consumer_info("metrics", "telltale")
            return (info.num_pending or 0) + (info.num_ack_pending or 0)

        with suppress(nats.js.errors.NotFoundError):
            return self._asked(count)
        return 1

    def _asked(self, ask: Callable[[JetStreamContext], Awaitable[T]]) -> T:
        async def asked() -> T:
            connection = await nats.connect(f"nats://127.0.0.1:{self._port}", connect_timeout=30)
            try:
                return await ask(connection.jetstream(timeout=30))
            finally:
                await connection.close()

        return asyncio.run(asked())


def _started(command: list[str], port: int) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    give_up_at = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < give_up_at:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return process
        time.sleep(0.02)
    stop(process)
    raise AssertionError(f"{command[0]} does not listen")
