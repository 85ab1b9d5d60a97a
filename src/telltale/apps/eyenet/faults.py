"""Faults of made-up network devices: what each does to readings, and when they come."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kinds = NDArray[np.str_]

KINDS: Final = ("flood", "exfiltration", "link_flap", "congestion", "port_scan", "silent_device", "slow_leak")
_SHORTEST_S, _LONGEST_S = 180.0, 720.0
_SMALL_PACKET, _FULL_PACKET, _ANSWER = 66.0, 1_380.0, 60.0


@dataclass(frozen=True, kw_only=True)
class Readings:
    """One device's readings in time, arrays of one length; faults write into them.

    Args:
        bytes_in, bytes_out, packets_in, packets_out: per reading.
        latency: ms; NaN where a ping got no answer.
        own_noise: shape (n, 2), in [0, 1): what varies within a fault.
        usual_bytes_in, usual_bytes_out, usual_packets_in, usual_packets_out: per reading at the height of the day.
    """

    bytes_in: Floats
    bytes_out: Floats
    packets_in: Floats
    packets_out: Floats
    latency: Floats
    own_noise: Floats
    usual_bytes_in: float
    usual_bytes_out: float
    usual_packets_in: float
    usual_packets_out: float


@dataclass(frozen=True, kw_only=True)
class _Fault:
    """The next fault, drawn ahead: its kind, length in rows, strength in [0, 1), and chances of place and moment."""

    kind: str
    n_rows: int
    strength: float
    place: float
    early: float


def inject(readings: list[Readings], *, interval_s: float, rate: float, seed: int) -> list[Kinds]:
    """Write faults into readings; the kind of every row of every device, "" where it is well.

    Faults begin as rows go by, each when so many rows are owed that the share stays near `rate` throughout: the first
    rows do not depend on how many follow.

    Args:
        readings: of every device, of one length.
        interval_s: seconds between rows.
        rate: share of rows in a fault, in [0, 0.5].
        seed: same seed, same faults.
    """
    n, n_devices = len(readings[0].bytes_in), len(readings)
    kinds: list[Kinds] = [np.full(n, "", dtype="<U13") for _ in readings]
    if rate == 0:
        return kinds
    rng = np.random.default_rng([seed, 1_000])
    owed_a_row = rate * n_devices
    busy_until = [0] * n_devices
    owed, given = 0.0, 0
    fault = _draw(rng, interval_s)
    for i in range(n):
        owed += owed_a_row
        while True:
            # Half before and half after the share is reached.
            ahead = max(0.0, 1.0 - owed_a_row) / 2 * fault.n_rows + fault.early
            free = [number for number in range(n_devices) if busy_until[number] <= i]
            if owed - given < ahead or not free:
                break
            number = free[int(fault.place * len(free))]
            end = min(n, i + fault.n_rows)
            _disturb(readings[number], i, end, fault)
            kinds[number][i:end] = fault.kind
            busy_until[number] = i + fault.n_rows
            given += fault.n_rows
            fault = _draw(rng, interval_s)
    return kinds


def _draw(rng: np.random.Generator, interval_s: float) -> _Fault:
    return _Fault(
        kind=KINDS[int(rng.integers(len(KINDS)))],
        n_rows=max(1, round(float(rng.uniform(_SHORTEST_S, _LONGEST_S)) / interval_s)),
        strength=float(rng.random()),
        place=float(rng.random()),
        early=float(rng.uniform(-1.5, 1.5)),
    )


def _disturb(device: Readings, first: int, end: int, fault: _Fault) -> None:
    """Write a fault into rows `first` to `end`, which may be cut short by the end of the readings."""
    rows, strength = slice(first, end), fault.strength
    u, v = device.own_noise[rows].T
    uneven = 0.8 + 0.4 * u
    match fault.kind:
        case "flood":  # small packets in, few answers, a slow device
            _add_in(device, rows, (1.0 + 5.0 * strength) * device.usual_packets_in * uneven, _SMALL_PACKET)
            _add_out(device, rows, 0.1 * device.usual_packets_in * uneven, _ANSWER)
            device.latency[rows] *= 1.3 + 2.0 * strength * uneven
        case "exfiltration":  # full packets out, as much as a busy hour sends, at any hour
            _send(device, rows, (0.6 + 1.6 * strength) * device.usual_bytes_out * uneven, _FULL_PACKET)
        case "slow_leak":  # the same, little by little
            share = np.arange(1, end - first + 1) / fault.n_rows
            _send(device, rows, (0.5 + 1.5 * strength) * device.usual_bytes_out * uneven * share, _FULL_PACKET / 2)
        case "port_scan":  # the smallest packets out, refusals in, hardly any bytes
            n_packets = (0.3 + 1.2 * strength) * device.usual_packets_out * uneven
            _add_out(device, rows, n_packets, _ANSWER)
            _add_in(device, rows, 0.8 * n_packets, _ANSWER)
        case "congestion":  # slower, and a little less of everything
            _scale(device, rows, 0.6 + 0.3 * v)
            device.latency[rows] *= 2.0 + 5.0 * strength * uneven
        case "link_flap":  # down every other minute or so
            is_down = u < 0.5
            _scale(device, rows, np.where(is_down, 0.02 + 0.1 * v, 0.7 + 0.6 * v))
            device.latency[rows] = np.where(is_down & (v < 0.7), np.nan, device.latency[rows])
        case _:  # a silent device: its port counts hardly anything, and it answers no ping
            _scale(device, rows, 0.03 * v)
            device.latency[rows] = np.nan


def _send(device: Readings, rows: slice, n_bytes: Floats, packet: float) -> None:
    """Bytes out, and an acknowledgement in for every second packet."""
    _add_out(device, rows, n_bytes / packet, packet)
    _add_in(device, rows, n_bytes / packet / 2, _ANSWER)


def _add_in(device: Readings, rows: slice, n_packets: Floats, packet: float) -> None:
    device.packets_in[rows] += n_packets
    device.bytes_in[rows] += n_packets * packet


def _add_out(device: Readings, rows: slice, n_packets: Floats, packet: float) -> None:
    device.packets_out[rows] += n_packets
    device.bytes_out[rows] += n_packets * packet


def _scale(device: Readings, rows: slice, share: Floats) -> None:
    for values in (device.bytes_in, device.bytes_out, device.packets_in, device.packets_out):
        values[rows] *= share
