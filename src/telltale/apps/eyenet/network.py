"""Five made-up network devices that are well: a gateway, a web server, a database, an office switch and a sensor.

Demand follows the hour and wanders for all of them together; the gateway carries what the others send and receive, so
links rise and fall together. A device that is well has its troubles too, none of them labelled: large transfers, a
nightly copy of the database, a slow answer now and then, pings without one, minutes without a packet.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.apps.eyenet.faults import Readings

Floats = NDArray[np.float64]

_COPY_BYTES_S, _COPY_HOURS = 900e3, 0.4


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device that is well. The same for every seed: a network outlives the rows drawn from it.

    Args:
        name: its id.
        bytes_in_s, bytes_out_s: at the height of the day.
        by_night: share of that in the small hours.
        packet_in, packet_out: usual bytes of a packet.
        latency_ms: where nothing queues.
        spread: standard deviation of the logarithm of its traffic.
        bursts: share of readings with a large transfer.
        copy_hour: when its nightly copy starts, or None.
    """

    name: str
    bytes_in_s: float
    bytes_out_s: float
    by_night: float
    packet_in: float
    packet_out: float
    latency_ms: float
    spread: float
    bursts: float
    copy_hour: float | None = None


_BEHIND_GATEWAY: Final = (
    Device(
        name="db-1",
        bytes_in_s=90e3,
        bytes_out_s=420e3,
        by_night=0.15,
        packet_in=210,
        packet_out=980,
        latency_ms=0.9,
        spread=0.22,
        bursts=0.01,
        copy_hour=2.0,
    ),
    Device(
        name="office-1",
        bytes_in_s=300e3,
        bytes_out_s=45e3,
        by_night=0.04,
        packet_in=890,
        packet_out=190,
        latency_ms=2.5,
        spread=0.4,
        bursts=0.03,
    ),
    Device(
        name="sensor-1",
        bytes_in_s=2.0,
        bytes_out_s=14.0,
        by_night=1.0,
        packet_in=70,
        packet_out=160,
        latency_ms=18.0,
        spread=0.1,
        bursts=0.0,
    ),
    Device(
        name="web-1",
        bytes_in_s=120e3,
        bytes_out_s=650e3,
        by_night=0.2,
        packet_in=240,
        packet_out=1_050,
        latency_ms=1.4,
        spread=0.2,
        bursts=0.01,
    ),
)
_GATEWAY: Final = "gateway-1"
DEVICES: Final = (*(device.name for device in _BEHIND_GATEWAY), _GATEWAY)


def network(times_s: Floats, *, interval_s: float, seed: int) -> list[Readings]:
    """Readings of all devices without faults, in the order of `DEVICES`.

    Args:
        times_s: epoch seconds of the readings, ascending.
        interval_s: seconds that a reading counts over.
        seed: same seed, same readings; of more times the first are the same.
    """
    n, own = len(times_s), (seed, 0)
    demand = np.exp(_wander(_stream(own, 0), n, 0.12, memory=0.97))
    readings = [
        _readings(device, times_s, demand * interval_s, interval_s=interval_s, streams=(seed, number))
        for number, device in enumerate(_BEHIND_GATEWAY, start=1)
    ]
    # Most of what the others send and receive crosses the gateway, some goes between them.
    crosses = 0.6 * np.exp(_wander(_stream(own, 1), n, 0.05))
    inward, outward = (
        crosses * sum(getattr(reading, name) for reading in readings) for name in ("bytes_in", "bytes_out")
    )
    n_in, n_out = (
        crosses * sum(getattr(reading, name) for reading in readings) for name in ("packets_in", "packets_out")
    )
    gateway = Readings(
        bytes_in=inward,
        bytes_out=outward,
        packets_in=n_in * np.exp(_noise(own, 2, n, 0.03)),
        packets_out=n_out * np.exp(_noise(own, 3, n, 0.03)),
        latency=_latency(0.6, (inward + outward) / (2.5e6 * interval_s), own),
        own_noise=_stream(own, 9).random((n, 2)),
        usual_bytes_out=0.6 * sum(reading.usual_bytes_out for reading in readings),
        usual_packets_in=0.6 * sum(reading.usual_packets_in for reading in readings),
        usual_packets_out=0.6 * sum(reading.usual_packets_out for reading in readings),
    )
    return [*readings, gateway]


def _readings(
    device: Device, times_s: Floats, demand: Floats, *, interval_s: float, streams: tuple[int, int]
) -> Readings:
    n = len(times_s)
    hour = times_s / 3_600 % 24
    day = 1 / (1 + np.exp(-(hour - 8.5) * 1.8)) - 1 / (1 + np.exp(-(hour - 18.5) * 1.2))
    level = (device.by_night + (1.0 - device.by_night) * day) * demand
    inward = _wander(_stream(streams, 0), n, device.spread)
    outward = 0.8 * inward + _wander(_stream(streams, 1), n, 0.6 * device.spread)
    bytes_in, bytes_out = device.bytes_in_s * level * np.exp(inward), device.bytes_out_s * level * np.exp(outward)
    packets_in = bytes_in / (device.packet_in * np.exp(_noise(streams, 2, n, 0.07)))
    packets_out = bytes_out / (device.packet_out * np.exp(_noise(streams, 3, n, 0.07)))
    # Large transfers, one way or the other: full packets, and an acknowledgement of 60 bytes for every second one.
    burst = _stream(streams, 4).random((n, 3))
    size = np.where(burst[:, 0] < device.bursts, 2.0 + 5.0 * burst[:, 1], 0.0) * device.bytes_in_s * interval_s
    is_inward = burst[:, 2] < 0.5
    if device.copy_hour is not None:
        is_copying = (hour >= device.copy_hour) & (hour < device.copy_hour + _COPY_HOURS)
        size = np.where(is_copying, _COPY_BYTES_S * interval_s, size)
        is_inward &= ~is_copying
    full, answers = size / 1_420, size / 1_420 / 2
    bytes_in = bytes_in + np.where(is_inward, size, 60 * answers)
    bytes_out = bytes_out + np.where(is_inward, 60 * answers, size)
    packets_in = packets_in + np.where(is_inward, full, answers)
    packets_out = packets_out + np.where(is_inward, answers, full)
    # A packet is counted or not: a quiet device has minutes without any.
    whole_in = _stream(streams, 5).poisson(np.minimum(packets_in, 1e12))
    whole_out = _stream(streams, 6).poisson(np.minimum(packets_out, 1e12))
    load = (bytes_in + bytes_out) / ((device.bytes_in_s + device.bytes_out_s) * interval_s * 4)
    return Readings(
        bytes_in=bytes_in * whole_in / np.maximum(packets_in, 1e-9),
        bytes_out=bytes_out * whole_out / np.maximum(packets_out, 1e-9),
        packets_in=whole_in.astype(np.float64),
        packets_out=whole_out.astype(np.float64),
        latency=_latency(device.latency_ms, load, streams),
        own_noise=_stream(streams, 9).random((n, 2)),
        usual_bytes_out=device.bytes_out_s * interval_s,
        usual_packets_in=device.bytes_in_s / device.packet_in * interval_s,
        usual_packets_out=device.bytes_out_s / device.packet_out * interval_s,
    )


def _latency(base_ms: float, load: Floats, streams: tuple[int, int]) -> Floats:
    """Queueing, noise, one answer in a hundred slow, and one ping in fifty lost (NaN)."""
    n = len(load)
    chance = _stream(streams, 7).random((n, 3))
    used = np.minimum(load, 0.85)
    slow = np.where(chance[:, 0] < 0.01, 1.5 + 2.5 * chance[:, 1], 1.0)
    found = base_ms * (1.0 + 0.5 * used / (1.0 - used)) * np.exp(_noise(streams, 8, n, 0.1)) * slow
    return np.where(chance[:, 2] < 0.02, np.nan, found)


def _stream(streams: tuple[int, int], purpose: int) -> np.random.Generator:
    """A stream of its own for every device and purpose, so that more rows begin with the same rows."""
    return np.random.default_rng([*streams, purpose])


def _noise(streams: tuple[int, int], purpose: int, n: int, sd: float) -> Floats:
    return _stream(streams, purpose).normal(0, sd, n)


def _wander(rng: np.random.Generator, n: int, sd: float, memory: float = 0.8) -> Floats:
    """A first-order autoregressive series of standard deviation `sd`."""
    last = rng.normal(0, sd)
    shocks = rng.normal(0, sd * np.sqrt(1 - memory**2), n)
    series = np.empty(n)
    for i, shock in enumerate(shocks):
        last = memory * last + shock
        series[i] = last
    return series
