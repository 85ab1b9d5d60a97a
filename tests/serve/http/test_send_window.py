"""What the kernel says of a connection, on real ones."""

import asyncio
import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator

import pytest

from telltale.serve.http.send_window import SendWindow


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket, str]]:
    """Ours, the client's, and the client's address as a server gives it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        ours, address = listening.accept()
        ours.setblocking(False)
        with ours, client:
            yield ours, client, f"{address[0]}:{address[1]}"


def send(ours: socket.socket, n_bytes: int) -> None:
    """As much of it as the kernel takes; the rest waits in the server, where nobody sees it."""
    with contextlib.suppress(BlockingIOError):
        while n_bytes > 0:
            n_bytes -= ours.send(b"x" * min(n_bytes, 65_536))


def test_it_waits_for_a_client_that_does_not_read_and_goes_on_once_it_does(
    ends: tuple[socket.socket, socket.socket, str],
) -> None:
    ours, client, address = ends
    n = 1_000_000
    send(ours, n)
    client.settimeout(1)
    window = SendWindow(address, most_bytes=100_000)
    assert fcntl.fcntl(ours, fcntl.F_GETFL) & os.O_NONBLOCK  # it is the server's, which would stand still
    window._before = 0  # noqa: SLF001 - it began before the bytes were sent

    async def test() -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(window.sent(n), 0.3)
            pytest.fail("nobody has read")
        n_read = 0
        while n_read < n:
            n_read += len(client.recv(65_536))
        return await asyncio.wait_for(window.sent(0), 5)

    assert asyncio.run(test())
    window.close()


def test_a_client_that_never_reads_is_cut_off(ends: tuple[socket.socket, socket.socket, str]) -> None:
    ours, client, address = ends
    window = SendWindow(address, most_bytes=1_000, patience_s=0.1)
    send(ours, 20_000_000)

    assert not asyncio.run(window.sent(20_000_000))
    window.close()
    with pytest.raises(OSError, match=r"."):
        ours.send(b"more")
    client.settimeout(2)
    with contextlib.suppress(OSError):
        while client.recv(65_536):
            pass


def test_it_ends_with_a_client_that_has_gone(ends: tuple[socket.socket, socket.socket, str]) -> None:
    _, client, address = ends
    window = SendWindow(address, most_bytes=1_000)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()

    assert not asyncio.run(asyncio.wait_for(window.sent(20_000_000), 5))
    window.close()


@pytest.mark.parametrize("client", ["", "unix", "127.0.0.1:1", "[::1]:1"])
def test_without_a_connection_that_can_be_found_it_waits_for_nothing(client: str) -> None:
    window = SendWindow(client, most_bytes=1)

    assert asyncio.run(asyncio.wait_for(window.sent(10_000_000), 1))
    window.close()
