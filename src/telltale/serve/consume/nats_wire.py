"""The protocol of NATS, as far as a consumer of a stream needs it: many messages at once, by one thread.

The client library of NATS handles a message in 25 microseconds and tells of one in 20, since each is an object that
passes through an event loop; read and written by the thousand they take 2 and 1. See docs.nats.io, "client protocol".
"""

import secrets
import socket
import ssl
from collections.abc import Callable, Iterable
from itertools import count
from time import monotonic
from typing import Any, Final, NamedTuple

import msgspec

from telltale.contract.errors import NotFoundError, UsageError
from telltale.serve.consume.address import StreamAddress
from telltale.serve.consume.broker import away

_CHUNK: Final = 1_048_576
_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 10.0
_encode = msgspec.json.Encoder().encode


class Message(NamedTuple):
    """A message that came; `head` is b"" where it has no headers."""

    reply: bytes
    head: bytes
    body: bytes


class NatsWire:
    """A connection, for one thread.

    Args:
        address: of the broker.

    Raises:
        UnavailableError: the broker is away; then, and whenever it is raised, the connection is closed.
        UsageError: it does not let us in.
    """

    def __init__(self, address: StreamAddress) -> None:
        self._address = address
        self._rest = b""
        self._ponged = False  # whether it has answered a ping since that was last asked
        self.is_closed = False
        self.inbox = f"_INBOX.{secrets.token_hex(11)}".encode()
        self._numbers = count(1)
        self._socket = self._asked(self._connect)
        # The star takes all answers, each to a subject of its own.
        self.send(b"SUB %b.* 1\r\n" % self.inbox)

    def send(self, data: bytes) -> None:
        """Send whole commands."""

        def send() -> None:
            self._socket.settimeout(_ANSWER_S)
            self._socket.sendall(data)

        self._asked(send)

    def receive(self, wait_s: float) -> list[Message]:
        """What has come, after waiting for something where there is nothing; [] where nothing came in time."""
        came: list[Message] = self._asked(lambda: self._receive(wait_s))
        return came

    def ask(self, subject: str, document: Any = None) -> dict[str, Any]:
        """What JetStream answers to a request about streams and consumers; with "error" in it where it refuses.

        Raises:
            UsageError: there is no JetStream here.
        """
        reply = b"%b.a%d" % (self.inbox, next(self._numbers))
        body = b"" if document is None else _encode(document)
        self.send(b"PUB %b %b %d\r\n%b\r\n" % (subject.encode(), reply, len(body), body))
        end_s = monotonic() + _ANSWER_S
        while (left_s := end_s - monotonic()) > 0:
            for message in self.receive(left_s):
                if b" 503" in message.head[:16]:
                    raise UsageError(
                        "the broker has no JetStream", where=self._address.told, mend="Start it with: nats-server -js."
                    )
                if not message.head:
                    answer: dict[str, Any] = msgspec.json.decode(message.body)
                    return answer
        self.close()
        raise away(self._address.told, "no answer")

    def tell(self, subject: bytes, told: Iterable[tuple[str, bytes]]) -> None:
        """Put messages into a stream, and wait until each is stored there; one that is there under its name stays alone.

        Raises:
            NotFoundError: no stream takes the subject.
            UnavailableError: it could not store one of them.
        """
        reply = b"%b.t%d" % (self.inbox, next(self._numbers))
        parts: list[bytes] = []
        for name, body in told:
            head = b"NATS/1.0\r\nNats-Msg-Id: %b\r\n\r\n" % name.encode()
            parts.append(
                b"HPUB %b %b %d %d\r\n%b%b\r\n" % (subject, reply, len(head), len(head) + len(body), head, body)
            )
        self.send(b"".join(parts))
        n_left, end_s = len(parts), monotonic() + _ANSWER_S
        while n_left > 0:
            answers = self.receive(end_s - monotonic())
            if not answers:
                self.close()
                raise away(self._address.told, "it does not say that what was told is stored")
            for answer in answers:
                if b" 503" in answer.head[:16]:
                    raise NotFoundError(
                        f"no stream takes {subject.decode()}",
                        where=self._address.told,
                        mend="Make one, or start again: it is made then.",
                    )
                if b'"error"' in answer.body:
                    self.close()
                    raise away(self._address.told, answer.body.decode(errors="replace")[:200])
            n_left -= len(answers)

    def flush(self) -> None:
        """Return once the broker has read everything that was sent."""
        self._ponged = False
        self.send(b"PING\r\n")
        end_s = monotonic() + _ANSWER_S
        while not self._ponged:
            if monotonic() > end_s:
                self.close()
                raise away(self._address.told, "no answer")
            self.receive(end_s - monotonic())

    def close(self) -> None:
        """Close the connection; twice is fine."""
        self.is_closed = True
        self._socket.close()

    def _connect(self) -> socket.socket:
        address = self._address
        plain = socket.create_connection((address.host, address.port), timeout=_CONNECT_S)
        try:
            return self._greeted(plain)
        except BaseException:
            plain.close()
            raise

    def _greeted(self, plain: socket.socket) -> socket.socket:
        """The connection, once either side has said who it is."""
        address = self._address
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        info = _read_line(plain)
        if not info.startswith(b"INFO "):
            raise UsageError("that is no NATS server", where=address.told, mend="Check host and port.")
        asks = msgspec.json.decode(info[5:])
        made = plain
        if address.is_encrypted or asks.get("tls_required"):
            made = ssl.create_default_context().wrap_socket(plain, server_hostname=address.host)
        options = {
            "verbose": False,
            "pedantic": False,
            "tls_required": made is not plain,
            "name": "telltale",
            "lang": "python",
            "version": "1",
            "protocol": 1,
            "headers": True,
            "no_responders": True,
        }
        if address.password:
            options |= {"user": address.user, "pass": address.password}
        elif address.user:
            options["auth_token"] = address.user
        made.sendall(b"CONNECT %b\r\nPING\r\n" % _encode(options))
        line = _read_line(made)
        while not line.startswith((b"PONG", b"-ERR")):
            line = _read_line(made)
        if line.startswith(b"-ERR"):
            raise UsageError(
                f"the broker does not let us in ({line[5:].decode(errors='replace').strip()})",
                where=address.told,
                mend="Give user and password, or a token, in the address: nats://USER:PASSWORD@HOST:PORT?stream=NAME.",
            )
        return made

    def _receive(self, wait_s: float) -> list[Message]:
        end_s = monotonic() + wait_s
        while True:
            left_s = end_s - monotonic()
            self._socket.settimeout(max(0.001, left_s))
            try:
                data = self._socket.recv(_CHUNK)
            except TimeoutError:
                return []
            if not data:
                raise ConnectionError("it closed the connection")
            messages = self._parse(self._rest + data)
            if messages or self._ponged or left_s <= 0:
                return messages

    def _parse(self, data: bytes) -> list[Message]:
        """The whole messages; what is left waits for the rest of it."""
        messages: list[Message] = []
        at, end = 0, len(data)
        while (line_end := data.find(b"\r\n", at)) >= 0:
            word = data[at : at + 4]
            if word in {b"MSG ", b"HMSG"}:
                parts = data[at:line_end].split()
                first, last = line_end + 2, line_end + 2 + int(parts[-1])
                if last + 2 > end:
                    break
                if word == b"MSG ":
                    messages.append(Message(parts[3] if len(parts) == 5 else b"", b"", data[first:last]))
                else:
                    body = first + int(parts[-2])
                    reply = parts[3] if len(parts) == 6 else b""
                    messages.append(Message(reply, data[first:body], data[body:last]))
                at = last + 2
                continue
            if word == b"PING":
                self._socket.sendall(b"PONG\r\n")
            elif word == b"PONG":
                self._ponged = True
            elif word == b"-ERR":
                raise ConnectionError(data[at + 5 : line_end].decode(errors="replace"))
            at = line_end + 2
        self._rest = data[at:]
        return messages

    def _asked(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except (OSError, ValueError) as error:  # ValueError: what came is not what the protocol says
            if hasattr(self, "_socket"):
                self.close()
            raise away(self._address.told, error) from error


def _read_line(connection: socket.socket) -> bytes:
    """Byte by byte, and no more than the line: what follows it may be encrypted."""
    line = bytearray()
    while not line.endswith(b"\r\n"):
        byte = connection.recv(1)
        if not byte or len(line) > 65_536:
            raise ConnectionError("it closed the connection")
        line += byte
    return bytes(line)
