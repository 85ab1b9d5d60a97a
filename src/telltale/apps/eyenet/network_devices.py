"""Which devices a made-up network has: sites of four devices and a gateway, each of a kind of its own."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

_SITE: Final = 5


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device that is well. The same for every seed: a network outlives the rows drawn from it.

    Args:
        name: its id; a gateway has no figures of its own, it carries those of its site.
        bytes_in_s, bytes_out_s: at the height of the day.
        by_night: share of that in the small hours.
        packet_in, packet_out: usual bytes of a packet.
        latency_ms: where nothing queues.
        spread: standard deviation of the logarithm of its traffic.
        bursts: share of readings with a large transfer.
        copy_hour: when its nightly copy starts, or None.
        copy_bytes_s: bytes out while it copies.
    """

    name: str
    bytes_in_s: float = 0.0
    bytes_out_s: float = 0.0
    by_night: float = 0.0
    packet_in: float = 1.0
    packet_out: float = 1.0
    latency_ms: float = 0.6
    spread: float = 0.0
    bursts: float = 0.0
    copy_hour: float | None = None
    copy_bytes_s: float = 900e3

    @property
    def is_gateway(self) -> bool:
        """It carries what the others of its site send and receive."""
        return self.bytes_in_s == 0.0


_FIRST_SITE: Final = (
    Device(
        name="db",
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
        name="office",
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
        name="sensor",
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
        name="web",
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
_SECOND_SITE: Final = (
    Device(
        name="camera",
        bytes_in_s=1.5e3,
        bytes_out_s=260e3,
        by_night=0.6,
        packet_in=66,
        packet_out=1_250,
        latency_ms=6.0,
        spread=0.12,
    ),
    Device(
        name="store",
        bytes_in_s=500e3,
        bytes_out_s=35e3,
        by_night=0.3,
        packet_in=1_300,
        packet_out=90,
        latency_ms=1.1,
        spread=0.35,
        bursts=0.01,
        copy_hour=3.5,
    ),
    Device(
        name="voice",
        bytes_in_s=60e3,
        bytes_out_s=60e3,
        by_night=0.02,
        packet_in=214,
        packet_out=214,
        latency_ms=3.0,
        spread=0.3,
    ),
    Device(
        name="wifi",
        bytes_in_s=420e3,
        bytes_out_s=70e3,
        by_night=0.1,
        packet_in=1_020,
        packet_out=230,
        latency_ms=4.0,
        spread=0.45,
        bursts=0.02,
    ),
)


def devices(n: int) -> tuple[tuple[Device, ...], ...]:
    """The sites of a network of `n` devices, the last one with fewer where they do not come out even.

    The kinds of the first two sites come back in those after them, larger or smaller and busier at other hours: no two
    devices are alike, and one more leaves those before it as they are.

    >>> [device.name for site in devices(7) for device in site]
    ['db-1', 'office-1', 'sensor-1', 'web-1', 'gateway-1', 'camera-1', 'gateway-2']
    """
    sites = []
    for number, first in enumerate(range(0, n, _SITE), start=1):
        kinds = _FIRST_SITE if number % 2 else _SECOND_SITE
        of_kind = (number + 1) // 2
        others = [
            _varied(kind, of_kind, number * _SITE + place)
            for place, kind in enumerate(kinds[: min(_SITE, n - first) - 1] or kinds[:1])
        ]
        sites.append((*others, Device(name=f"gateway-{number}"))[: n - first])
    return tuple(sites)


def _varied(kind: Device, number: int, stream: int) -> Device:
    name = f"{kind.name}-{number}"
    if number == 1:
        return replace(kind, name=name)
    rng = np.random.default_rng(stream)
    size, packet_in, packet_out, latency, spread, night = rng.normal(0.0, (0.7, 0.08, 0.08, 0.3, 0.15, 0.3)).tolist()
    return replace(
        kind,
        name=name,
        bytes_in_s=kind.bytes_in_s * np.exp(size),
        bytes_out_s=kind.bytes_out_s * np.exp(size + rng.normal(0.0, 0.2)),
        by_night=min(1.0, kind.by_night * np.exp(night)),
        packet_in=min(kind.packet_in * np.exp(packet_in), 1_400.0),
        packet_out=min(kind.packet_out * np.exp(packet_out), 1_400.0),
        latency_ms=kind.latency_ms * np.exp(latency),
        spread=kind.spread * np.exp(spread),
        copy_hour=None if kind.copy_hour is None else (kind.copy_hour + rng.uniform(-1.5, 1.5)) % 24,
        copy_bytes_s=kind.copy_bytes_s * np.exp(size),
    )


DEVICES: Final = tuple(device.name for device in devices(_SITE)[0])
