"""Brokers of the streams benchmark on free ports, spoken to by their own client libraries."""

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

T = TypeVar("T")
_PIPELINE = 1_000


class Broker(Protocol):
    """A broker with a stream `metrics`, and `scores` and `alarms` for what is told."""

    url: str
    process: "subprocess.Popen[bytes]"

    def send(self, bodies: Sequence[bytes]) -> None:
        """Put messages into the stream."""
        ...

    def n_unsettled(self) -> int:
        """Messages that nobody has taken, or that are not settled; 1 where no consumer has come yet."""
        ...

    def messages(self, stream: str) -> list[tuple[float, bytes]]:
        """Every message with the time at which the broker took it (epoch seconds)."""
        ...


class RedisBroker:
    """Redis, as `redis-server` starts by itself but for snapshots; keeps nothing over a crash of its own."""

    def __init__(self, folder: Path) -> None:
        port = _free_port()
        self.url = f"redis://127.0.0.1:{port}/0?stream=metrics&scores=scores&alarms=alarms&keep=10000000"
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "no"]
        self.process = _started(["redis-server", *options], port)
        self._client: Any = redis.Redis(port=port, protocol=2)

    def send(self, bodies: Sequence[bytes]) -> None:
        """As `Broker` says."""
        for first in range(0, len(bodies), _PIPELINE):
            pipeline = self._client.pipeline(transaction=False)
            for body in bodies[first : first + _PIPELINE]:
                pipeline.xadd("metrics", {"data": body})
            pipeline.execute()

    def n_unsettled(self) -> int:
        """As `Broker` says."""
        groups = self._client.xinfo_groups("metrics")
        return sum(group["pending"] + (group["lag"] or 0) for group in groups) if groups else 1

    def messages(self, stream: str) -> list[tuple[float, bytes]]:
        """As `Broker` says."""
        return [(int(id_.split(b"-")[0]) / 1e3, fields[b"data"]) for id_, fields in self._client.xrange(stream)]


class NatsBroker:
    """NATS JetStream on disk."""

    def __init__(self, folder: Path) -> None:
        port = _free_port()
        self._address = f"nats://127.0.0.1:{port}"
        self.url = f"{self._address}?stream=metrics&scores=scores&alarms=alarms&keep=10000000"
        self.process = _started(["nats-server", "-js", "-sd", str(folder), "-p", str(port), "-a", "127.0.0.1"], port)
        self._asked(lambda streams: streams.add_stream(name="metrics", subjects=["metrics"]))

    def send(self, bodies: Sequence[bytes]) -> None:
        """As `Broker` says."""

        async def send(streams: JetStreamContext) -> None:
            for first in range(0, len(bodies), _PIPELINE):
                await asyncio.gather(
                    *[await streams.publish_async("metrics", body) for body in bodies[first : first + _PIPELINE]]
                )

        self._asked(send)

    def n_unsettled(self) -> int:
        """As `Broker` says."""

        async def count(streams: JetStreamContext) -> int:
            info = await streams.consumer_info("metrics", "telltale")
            return (info.num_pending or 0) + (info.num_ack_pending or 0)

        with suppress(nats.js.errors.NotFoundError):
            return self._asked(count)
        return 1

    def messages(self, stream: str) -> list[tuple[float, bytes]]:
        """As `Broker` says."""

        async def read(streams: JetStreamContext) -> list[tuple[float, bytes]]:
            n = (await streams.stream_info(stream)).state.messages
            reads = await streams.pull_subscribe(stream, config=ConsumerConfig(ack_policy=AckPolicy.NONE))
            found: list[tuple[float, bytes]] = []
            while len(found) < n:
                some = await reads.fetch(min(5_000, n - len(found)), timeout=10)
                found += [(message.metadata.timestamp.timestamp(), message.data) for message in some]
            return found

        return self._asked(read)

    def _asked(self, ask: Callable[[JetStreamContext], Awaitable[T]]) -> T:
        async def asked() -> T:
            connection = await nats.connect(self._address)
            try:
                return await ask(connection.jetstream())
            finally:
                await connection.close()

        return asyncio.run(asked())


@contextmanager
def running(kind: str, folder: Path) -> Iterator[Broker]:
    """A broker for as long as the block lasts; its files in a folder of its own."""
    folder.mkdir()
    broker: Broker = RedisBroker(folder) if kind == "redis" else NatsBroker(folder)
    try:
        yield broker
    finally:
        broker.process.kill()
        broker.process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _started(command: list[str], port: int) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return process
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended at once")
        time.sleep(0.02)
