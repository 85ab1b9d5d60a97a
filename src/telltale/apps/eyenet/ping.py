"""Round-trip time to a host: an ICMP echo where the kernel lets ordinary programs send one, or a TCP connection."""

import os
import re
import socket
import struct
import time
from collections.abc import Callable
from typing import Final

from telltale.contract.errors import UsageError

Ask = Callable[[float], float | None]
"""Given how long to wait (s), the round-trip time in ms; None where no answer came."""

_WHERE: Final = "collect network --ping"
# HOST, HOST:PORT, [IPv6]:PORT or a bare IPv6 address, which has more than one colon.
_TARGET: Final = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")
_HEADER: Final = struct.Struct("!BBHHH")  # type, code, checksum, identifier (the kernel's), sequence
_ECHO: Final = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}  # types of a question and of its answer
_PROTOCOL: Final = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}


def open_ping(target: str) -> Ask:
    """Asks a host for its round-trip time, each time it is called.

    Args:
        target: HOST, for an ICMP echo; HOST:PORT, for the time a TCP connection takes to be made. The name is looked up
            once. A refused connection is no answer: the service is not there.

    Raises:
        UsageError: the name is not known, or the kernel lets this program send no echo.

    References:
        RFC 792 and RFC 4443 (echo request and reply); Linux's icmp(7), "ping sockets".
    """
    found = _TARGET.fullmatch(target)
    if found is not None:
        if not 0 < int(found["port"]) < 2**16:
            raise UsageError(f"there is no port {found['port']}", where=_WHERE, mend="Give one of 1 to 65535.")
        addresses = _addresses(found["v6"] or found["host"], int(found["port"]), target)
        # localhost may be two addresses, of which a service listens at one.
        chosen = next((one for one in addresses if _connect_ms(one, 1.0) is not None), addresses[0])
        return lambda timeout_s: _connect_ms(chosen, timeout_s)
    family, address = _addresses(target.strip("[]"), 0, target)[0]
    try:
        echo = socket.socket(family, socket.SOCK_DGRAM, _PROTOCOL[family])
    except OSError as error:
        raise UsageError(
            f"this program may send no ping here ({error.strerror})",
            where=_WHERE,
            mend=f"Give {target}:PORT of a service there, whose connection is timed instead; "
            "or allow it: sysctl -w net.ipv4.ping_group_range='0 2147483647'.",
        ) from error
    return _Echo(echo, address, family)


class _Echo:
    """Echoes over one socket; an answer that comes after its time is told from the next by its number and what it carries."""

    def __init__(self, echo: socket.socket, address: tuple[str, int], family: socket.AddressFamily) -> None:
        self._socket, self._address = echo, address
        self._asks, self._answers = _ECHO[family]
        self._sequence = 0

    def __call__(self, timeout_s: float) -> float | None:
        self._sequence = (self._sequence + 1) % 2**16
        carried = os.urandom(16)
        asked_s = time.perf_counter()
        try:
            self._socket.sendto(echo_packet(self._asks, self._sequence, carried), self._address)
            while (left_s := asked_s + timeout_s - time.perf_counter()) > 0:
                self._socket.settimeout(left_s)
                answer = self._socket.recv(1_500)
                took_ms = (time.perf_counter() - asked_s) * 1e3
                if is_answer(answer, self._answers, self._sequence, carried):
                    return took_ms
        except OSError:  # too late, or no way there: no answer either way
            return None
        return None


def echo_packet(kind: int, sequence: int, carried: bytes) -> bytes:
    """An echo request, with its checksum (Linux writes its own, other kernels do not).

    >>> echo_packet(8, 1, b"").hex()
    '0800f7fe00000001'
    """
    body = _HEADER.pack(kind, 0, 0, 0, sequence) + carried
    words = struct.unpack(f"!{(len(body) + 1) // 2}H", body + b"\0" * (len(body) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return _HEADER.pack(kind, 0, ~total & 0xFFFF, 0, sequence) + carried


def is_answer(packet: bytes, kind: int, sequence: int, carried: bytes) -> bool:
    """Whether a packet answers that echo; some kernels leave the IPv4 header before it.

    >>> is_answer(bytes.fromhex("0000fffe00000001"), 0, 1, b"")
    True
    """
    if packet[:1] and packet[0] >> 4 == 4:
        packet = packet[(packet[0] & 15) * 4 :]
    if len(packet) < _HEADER.size:
        return False
    got_kind, _, _, _, got_sequence = _HEADER.unpack_from(packet)
    return (got_kind, got_sequence) == (kind, sequence) and packet[_HEADER.size :] == carried


def _connect_ms(one: tuple[socket.AddressFamily, tuple[str, int]], timeout_s: float) -> float | None:
    family, address = one
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        asked_s = time.perf_counter()
        try:
            connection.connect(address)
        except OSError:
            return None
        return (time.perf_counter() - asked_s) * 1e3


def _addresses(host: str, port: int, target: str) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"{target!r} is no host that is known here ({error})",
            where=_WHERE,
            mend="Give a name or an address, with :PORT for the time of a TCP connection.",
        ) from error
    return [(family, address) for family, _, _, _, address in found if family in _ECHO]  # type: ignore[misc]
