"""Made-up flow records of five devices with labelled attacks, for a first run and for tests.

What is normal is of several kinds, each with its own protocol, service and sizes; every attack looks like one of them in most
columns. A flow that is normal has its troubles too: aborted connections, large downloads, services that are rare.
"""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.apps.eyenet.network_devices import DEVICES
from telltale.contract.errors import UsageError
from telltale.contract.simulation import Simulation

Floats = NDArray[np.float64]

_DAYS: Final = 1.0
_INTERVAL_S: Final = 30.0
_RATE: Final = 0.05
ATTACKS: Final = ("flood", "scan", "exfiltration", "guessing")
# protocol, service, share of flows; logarithms of bytes out and in, of seconds, and of flows to the same service lately
_KINDS: Final = (
    ("tcp", "http", 0.45, 6.2, 8.6, -1.2, 2.0),
    ("udp", "dns", 0.25, 4.1, 4.9, -4.5, 2.6),
    ("tcp", "smtp", 0.12, 8.0, 5.8, 0.4, 1.1),
    ("tcp", "ssh", 0.08, 7.4, 7.7, 4.0, 0.3),
    ("udp", "ntp", 0.07, 4.3, 4.3, -4.0, 0.2),
    ("tcp", "ftp", 0.03, 9.5, 6.0, 1.5, 0.2),
)


def simulate_flows(how: Simulation) -> pl.DataFrame:
    """Rows of `eyenet/flow`, with `is_attack` and the kind of attack in `attack` ("" for a normal flow).

    Unless asked otherwise one day of five devices, a flow each 30 seconds of each, 5 % of them attacks; the rate is at most
    50 %. More days begin with the same rows.

    Raises:
        UsageError: an argument is out of range.
    """
    how.check(where="eyenet: simulate", highest_rate=0.5)
    if how.start is None:
        raise UsageError("no start", where="eyenet: simulate", mend="Say when simulated time starts.")
    interval_s = how.interval_s or _INTERVAL_S
    n = how.n_rows or max(1, round((how.days or _DAYS) * 86_400 / interval_s)) * len(DEVICES)
    rate = _RATE if how.positive_rate is None else how.positive_rate
    place = np.arange(n)
    times_us = ((how.start.timestamp() + place // len(DEVICES) * interval_s) * 1e6).astype(np.int64)
    # So many of the first n rows are attacks that their share is the rate whatever n is.
    is_attack = np.floor((place + 1) * rate + _offset(how.seed)) > np.floor(place * rate + _offset(how.seed))
    attack = np.where(is_attack, _choice(how.seed, 0, n, ATTACKS, (0.25,) * 4), "")
    columns = _flows(how.seed, n, attack)
    return pl.DataFrame(
        {
            "timestamp": pl.Series(times_us).cast(pl.Datetime("us", "UTC")),
            "device_id": [DEVICES[at] for at in (place % len(DEVICES)).tolist()],
            **columns,
            "is_attack": is_attack.astype(np.int8),
            "attack": attack,
        }
    )


def _flows(seed: int, n: int, attack: NDArray[np.str_]) -> dict[str, NDArray[np.float64] | NDArray[np.str_]]:
    kind = _choice(seed, 1, n, tuple(range(len(_KINDS))), tuple(one[2] for one in _KINDS))
    kind = np.where(attack == "flood", 0, np.where(attack == "guessing", 3, kind))
    base = np.array([one[3:] for one in _KINDS])[kind]
    noise = np.stack([_normal(seed, 10 + at, n) for at in range(4)], axis=1)
    shared = _normal(seed, 20, n)[:, None] * np.array([0.5, 0.7, 0.3, 0.0])
    out, back, seconds, lately = (base + shared + noise * np.array([0.5, 0.6, 0.5, 0.4])).T
    chance = _uniform(seed, 30, n)
    is_aborted = (chance < 0.03) | (attack == "scan") | ((attack == "flood") & (chance < 0.7))
    back = np.where(is_aborted, -np.inf, back)
    seconds = np.where(is_aborted, -6.0, seconds)
    out = np.where(attack == "scan", 3.8, np.where(attack == "flood", 4.0 + 0.1 * noise[:, 0], out))
    out = np.where(attack == "exfiltration", np.maximum(out, back) + 3.0, out)
    lately = np.where(attack == "flood", 5.0 + 0.3 * noise[:, 3], lately)
    lately = np.where(attack == "guessing", 3.2 + 0.4 * noise[:, 3], lately)
    seconds = np.where(attack == "guessing", 0.2 + 0.3 * noise[:, 2], seconds)
    rare = _choice(seed, 2, n, ("x11", "ldap", "telnet", "http", "smtp"), (0.2,) * 5)
    service = np.array([one[1] for one in _KINDS])[kind]
    service = np.where((attack == "scan") | (_uniform(seed, 31, n) < 0.004), rare, service)
    bytes_out, bytes_in = np.exp(out).round(), np.exp(back).round()
    return {
        "protocol": np.array([one[0] for one in _KINDS])[kind],
        "service": service,
        "state": np.where(is_aborted, "rejected", "closed"),
        "bytes_out": bytes_out,
        "bytes_in": bytes_in,
        "packets_out": np.ceil(bytes_out / 700) + 1,
        "packets_in": np.where(bytes_in > 0, np.ceil(bytes_in / 1_200) + 1, 0.0),
        "duration_s": np.exp(seconds).round(4),
        "latency": np.exp(0.7 + 0.3 * _normal(seed, 21, n)).round(3),
        "same_service_flows": np.exp(lately).round(),
    }


def _offset(seed: int) -> float:
    return float(np.random.default_rng([seed, 99]).random())


def _uniform(seed: int, purpose: int, n: int) -> Floats:
    """A stream of its own for every purpose, so that more rows begin with the same rows."""
    return np.random.default_rng([seed, purpose]).random(n)


def _normal(seed: int, purpose: int, n: int) -> Floats:
    return np.random.default_rng([seed, purpose]).standard_normal(n)


def _choice(
    seed: int, purpose: int, n: int, values: tuple[str, ...] | tuple[int, ...], shares: tuple[float, ...]
) -> NDArray[np.generic]:
    ends = np.cumsum(shares)
    place = np.searchsorted(ends / ends[-1], _uniform(seed, purpose, n), side="right")
    return np.array(values)[np.minimum(place, len(values) - 1)]
