"""A name server on loopback that knows one name, as Docker's knows a service: an address for each of its containers."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

_HEAD: Final = struct.Struct("!6H")
_ANSWERS: Final = 0x8180  # an answer, recursion available, no error
_NO_SUCH_NAME: Final = 0x8183
_TTL_S: Final = 600  # as Docker's: nginx must not go by it


@dataclass
class Names:
    """Where the server listens, and the addresses that it gives now."""

    where: str
    name: str
    addresses: list[str] = field(default_factory=list)


@contextmanager
def serving_names(name: str) -> Iterator[Names]:
    """Answer questions for the addresses of a name, by UDP (RFC 1035)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        names = Names(where=f"127.0.0.1:{listening.getsockname()[1]}", name=name)
        thread = threading.Thread(target=_answer, args=(listening, names))
        thread.start()
        try:
            yield names
        finally:
            listening.sendto(b"", listening.getsockname())
            thread.join()


def _answer(listening: socket.socket, names: Names) -> None:
    while True:
        asked, who = listening.recvfrom(512)
        if not asked:
            return
        number = _HEAD.unpack_from(asked)[0]
        wanted = b"".join(bytes([len(part)]) + part.encode() for part in names.name.split(".")) + b"\0"
        question = asked[_HEAD.size : asked.index(b"\0", _HEAD.size) + 5]  # the name, its type and its class
        found = names.addresses if question.startswith(wanted) else []
        head = _HEAD.pack(number, _ANSWERS if found else _NO_SUCH_NAME, 1, len(found), 0, 0)
        # Each answer points back to the name in the question, at byte 12: type A, class IN.
        records = [struct.pack("!HHHIH", 0xC00C, 1, 1, _TTL_S, 4) + socket.inet_aton(one) for one in found]
        listening.sendto(head + question + b"".join(records), who)
