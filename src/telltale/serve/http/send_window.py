"""How much of an answer is on its way: the server takes parts of it as fast as they are made, whether they are read or not.

Granian hands the parts of a streamed answer to its network side through a queue without a bound (its issue 885), so that
`send_bytes` waits for nobody: a client that does not read would have the whole answer pile up in memory. What the kernel
says of the connection tells how much of it has reached the client.
"""

import asyncio
import contextlib
import os
import socket
from pathlib import Path
from struct import Struct
from time import monotonic
from typing import Final

import structlog

_MOST_BYTES: Final = 4_000_000
_LOOK_S: Final = 0.01
_PATIENCE_S: Final = 60.0
_CLOSED: Final = 7  # tcpi_state TCP_CLOSE
_BYTES_ACKED: Final = Struct("<120xQ")  # of struct tcp_info, Linux 4.1 and later
_logger = structlog.get_logger("telltale.serve.http.send_window")


class SendWindow:
    """Waits while too much of a streamed answer has not reached the client.

    Where the connection cannot be found (another system than Linux, a socket that is no TCP), it waits for nothing.

    Args:
        client: address and port at the other end, as the server gives them.
        most_bytes: that may be on their way.
        patience_s: after so long without a byte read the connection is cut, so that nobody takes a part for the whole.
    """

    def __init__(self, client: str, *, most_bytes: int = _MOST_BYTES, patience_s: float = _PATIENCE_S) -> None:
        self._most_bytes = most_bytes
        self._patience_s = patience_s
        self._handed = 0
        self._client = client
        self._connection = _find(client)
        self._before = self._acked() or 0

    async def sent(self, n_bytes: int) -> bool:
        """Wait after so many bytes were handed over, if need be; whether there is still somebody to send to."""
        self._handed += n_bytes
        last, since_s = -1, monotonic()
        while self._connection is not None:
            acked = self._acked()
            if acked is None:
                return False
            if self._handed - (acked - self._before) <= self._most_bytes:
                return True
            if acked != last:
                last, since_s = acked, monotonic()
            elif monotonic() - since_s > self._patience_s:
                _logger.warning("client_does_not_read", client=self._client, waited_s=self._patience_s)
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    def close(self) -> None:
        """Let go of the connection; it goes on."""
        if self._connection is not None:
            self._connection.close()

    def _acked(self) -> int | None:
        """Bytes that have reached the client since the connection began; None where it is no more."""
        if self._connection is None:
            return None
        try:
            told = self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
        except OSError:
            return None
        if told[0] == _CLOSED or len(told) < _BYTES_ACKED.size:
            return None
        acked: int = _BYTES_ACKED.unpack(told)[0]
        return acked


def _find(client: str) -> socket.socket | None:
    """A second handle of this process's connection to a client."""
    host, _, port = client.rpartition(":")
    if not port.isdecimal() or not hasattr(socket, "TCP_INFO"):
        return None
    wanted = (host.strip("[]"), int(port))
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if not str(entry.readlink()).startswith("socket:"):
                continue
            # A socket's own `dup` would set the connection to blocking, for the server too.
            one = socket.socket(fileno=os.dup(int(entry.name)))
            if _leads_to(one, wanted):
                return one
            one.close()
    return None


def _leads_to(connection: socket.socket, client: tuple[str, int]) -> bool:
    if connection.family not in {socket.AF_INET, socket.AF_INET6}:
        return False
    try:
        found: bool = connection.getpeername()[:2] == client
    except OSError:  # it listens, or is no more
        return False
    return found
