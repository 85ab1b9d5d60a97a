"""Made-up network devices that are well.

Demand follows the hour and wanders, for the whole network, for each site and for each device; a site's gateway carries
what its other devices send and receive, so that links rise and fall together. A device that is well has its troubles
too, none of them labelled: hours when a whole site is asked for far more than usual, large transfers, updates that take a
quarter of an hour, nightly copies, a slow answer now and then, pings without one, minutes without a packet.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.apps.eyenet.faults import Readings
from telltale.apps.eyenet.network_devices import Device

Floats = NDArray[np.float64]

_COPY_HOURS: Final = 0.4
_CROSSES: Final = 0.6  # of what devices send and receive; the rest goes between them
# Rushes on a site and updates of a device: how many a day, and how long.
_RUSHES_A_DAY, _RUSH_S = 1.5, (600.0, 2_400.0)
_UPDATES_A_DAY, _UPDATE_S = 0.5, (420.0, 1_200.0)
_EVERYBODY: Final = 0  # the stream of random numbers of the whole network; sites and devices count from 1
_SITES: Final = 1_000_000


def network(sites: Sequence[Sequence[Device]], times_s: Floats, *, interval_s: float, seed: int) -> list[Readings]:
    """Readings of all devices without faults, in their order.

    Args:
        sites: as of `devices`.
        times_s: epoch seconds of the readings, ascending.
        interval_s: seconds that a reading counts over.
        seed: same seed, same readings; of more times, or more sites, the first are the same.
    """
    memory = 0.97 ** (interval_s / 60.0)
    whole = _wander(_stream((seed, _EVERYBODY), 0), len(times_s), 0.12, memory)
    readings: list[Readings] = []
    for site, members in enumerate(sites, start=1):
        own = (seed, _SITES + site)
        demand = whole + _wander(_stream(own, 0), len(times_s), 0.12, memory) + _rushes(own, times_s, interval_s)
        first = len(readings)
        for device in members:
            if device.is_gateway:
                readings.append(_gateway(device, readings[first:], own))
            else:
                streams = (seed, len(readings) + 1)
                readings.append(_readings(device, times_s, np.exp(demand) * interval_s, interval_s, streams))
    return readings


def _gateway(device: Device, others: Sequence[Readings], own: tuple[int, int]) -> Readings:
    n = len(others[0].bytes_in)
    crosses = _CROSSES * np.exp(_wander(_stream(own, 1), n, 0.05))

    def carried(name: str) -> Floats:
        total: Floats = crosses * sum(getattr(reading, name) for reading in others)
        return total

    def usual(name: str) -> float:
        return _CROSSES * sum(float(getattr(reading, name)) for reading in others)

    inward, outward = carried("bytes_in"), carried("bytes_out")
    room = 3.0 * (usual("usual_bytes_in") + usual("usual_bytes_out"))
    return Readings(
        bytes_in=inward,
        bytes_out=outward,
        packets_in=carried("packets_in") * np.exp(_noise(own, 2, n, 0.03)),
        packets_out=carried("packets_out") * np.exp(_noise(own, 3, n, 0.03)),
        latency=_latency(device.latency_ms, (inward + outward) / room, own),
        own_noise=_stream(own, 9).random((n, 2)),
        usual_bytes_in=usual("usual_bytes_in"),
        usual_bytes_out=usual("usual_bytes_out"),
        usual_packets_in=usual("usual_packets_in"),
        usual_packets_out=usual("usual_packets_out"),
    )


def _readings(device: Device, times_s: Floats, demand: Floats, interval_s: float, streams: tuple[int, int]) -> Readings:
    n = len(times_s)
    hour = times_s / 3_600 % 24
    day = 1 / (1 + np.exp(-(hour - 8.5) * 1.8)) - 1 / (1 + np.exp(-(hour - 18.5) * 1.2))
    level = (device.by_night + (1.0 - device.by_night) * day) * demand
    inward = _wander(_stream(streams, 0), n, device.spread)
    outward = 0.8 * inward + _wander(_stream(streams, 1), n, 0.6 * device.spread)
    bytes_in, bytes_out = device.bytes_in_s * level * np.exp(inward), device.bytes_out_s * level * np.exp(outward)
    packets_in = bytes_in / (device.packet_in * np.exp(_noise(streams, 2, n, 0.07)))
    packets_out = bytes_out / (device.packet_out * np.exp(_noise(streams, 3, n, 0.07)))
    for size, is_inward in (_transfers(device, n, interval_s, streams), _updates(device, times_s, interval_s, streams)):
        # Full packets one way, and an acknowledgement of 60 bytes for every second one.
        full, answers = size / 1_420, size / 1_420 / 2
        bytes_in = bytes_in + np.where(is_inward, size, 60 * answers)
        bytes_out = bytes_out + np.where(is_inward, 60 * answers, size)
        packets_in = packets_in + np.where(is_inward, full, answers)
        packets_out = packets_out + np.where(is_inward, answers, full)
    if device.copy_hour is not None:
        is_copying = (hour - device.copy_hour) % 24 < _COPY_HOURS
        size = np.where(is_copying, device.copy_bytes_s * interval_s, 0.0)
        bytes_out, packets_out = bytes_out + size, packets_out + size / 1_420
        bytes_in, packets_in = bytes_in + 30 * size / 1_420, packets_in + size / 2_840
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
        usual_bytes_in=device.bytes_in_s * interval_s,
        usual_bytes_out=device.bytes_out_s * interval_s,
        usual_packets_in=device.bytes_in_s / device.packet_in * interval_s,
        usual_packets_out=device.bytes_out_s / device.packet_out * interval_s,
    )


def _transfers(device: Device, n: int, interval_s: float, streams: tuple[int, int]) -> tuple[Floats, NDArray[np.bool_]]:
    """Large transfers, one way or the other, each within a reading: bytes of each, and whether they came in."""
    burst = _stream(streams, 4).random((n, 3))
    size = np.where(burst[:, 0] < device.bursts, 2.0 + 5.0 * burst[:, 1], 0.0) * device.bytes_in_s * interval_s
    return size, burst[:, 2] < 0.5


def _updates(
    device: Device, times_s: Floats, interval_s: float, streams: tuple[int, int]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Updates that come in for minutes: bytes of each reading, and that they came in."""
    heights = _spells(_stream(streams, 10), times_s, interval_s, a_day=_UPDATES_A_DAY, lasting_s=_UPDATE_S)
    is_inward = np.ones(len(times_s), dtype=bool)
    return (0.4 + 1.2 * heights) * (heights > 0) * device.bytes_in_s * interval_s, is_inward


def _rushes(own: tuple[int, int], times_s: Floats, interval_s: float) -> Floats:
    """What a rush adds to the logarithm of a site's demand."""
    heights = _spells(_stream(own, 4), times_s, interval_s, a_day=_RUSHES_A_DAY, lasting_s=_RUSH_S)
    return (0.3 + 0.7 * heights) * (heights > 0)


def _spells(
    rng: np.random.Generator, times_s: Floats, interval_s: float, *, a_day: float, lasting_s: tuple[float, float]
) -> Floats:
    """Spells that come at random: a height in (0, 1) while one lasts, 0 between them."""
    n = len(times_s)
    chance = rng.random((n, 3))
    heights = np.zeros(n)
    for start in np.flatnonzero(chance[:, 0] < a_day * interval_s / 86_400.0):
        length_s = lasting_s[0] + (lasting_s[1] - lasting_s[0]) * chance[start, 1]
        heights[start : start + max(1, round(length_s / interval_s))] = max(chance[start, 2], 1e-3)
    return heights


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
    for i, shock in enumerate(shocks.tolist()):
        last = memory * last + shock
        series[i] = last
    return series
