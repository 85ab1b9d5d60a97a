"""Scalars in the files that TensorBoard reads, written without TensorBoard.

A file is a row of records: length, its checksum, an `Event` message, its checksum. The few fields of `Event` that scalars
take are written by hand; the format has not moved since 2015.
"""

import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_VERSION: Final = b"brain.Event:2"
_SESSION_STARTS: Final = 1
# Wire types of protocol buffers: a whole number, eight bytes, a text or message, four bytes.
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_CASTAGNOLI: Final = 0x82F63B78


@dataclass(frozen=True, kw_only=True)
class EventFile:
    """One file of scalars; each epoch is appended whole, so that a reader may look while training goes on."""

    path: Path
    clock: Callable[[], float]

    @classmethod
    def create(cls, directory: Path, *, step: int, clock: Callable[[], float] = time.time) -> "EventFile":
        """A new file in `directory`, which is made where it is missing.

        Steps from `step` on that other files of the directory hold are not shown any more: they are of a training that
        was begun again, or went on from an earlier checkpoint.
        """
        directory.mkdir(parents=True, exist_ok=True)
        now = clock()
        path = directory / f"events.out.tfevents.{int(now * 1e6):017d}.telltale"
        made = cls(path=path, clock=clock)
        made._append(_head(now, 0) + _bytes(3, _VERSION))
        made._append(_head(now, step) + _bytes(7, _number(1, _SESSION_STARTS)))
        return made

    def write(self, scalars: Mapping[str, float], *, step: int) -> None:
        """Append the scalars of a step, each under its tag."""
        values = b"".join(
            _bytes(1, _bytes(1, tag.encode()) + _key(2, _FIXED32) + struct.pack("<f", value))
            for tag, value in scalars.items()
        )
        self._append(_head(self.clock(), step) + _bytes(5, values))

    def _append(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        with self.path.open("ab") as file:
            file.write(length + _checksum(length) + event + _checksum(event))


def _head(wall_time: float, step: int) -> bytes:
    return _key(1, _FIXED64) + struct.pack("<d", wall_time) + _number(2, step)


def _bytes(field: int, content: bytes) -> bytes:
    return _key(field, _LENGTH) + _varint(len(content)) + content


def _number(field: int, value: int) -> bytes:
    return _key(field, _VARINT) + _varint(value)


def _key(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _checksum(content: bytes) -> bytes:
    """CRC-32C, turned and moved as the record format asks."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = crc >> 1 ^ (_CASTAGNOLI if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_TABLE: Final = _table()
