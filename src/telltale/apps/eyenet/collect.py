"""Traffic of this machine's network interfaces, each as a device, and the round-trip time to a host."""

import socket
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from telltale.apps.eyenet.ping import Ask, open_ping
from telltale.telemetry.counters import counted
from telltale.telemetry.host import import_psutil
from telltale.telemetry.pacing import ticks

if TYPE_CHECKING:
    from types import ModuleType

# Our column and psutil's counter.
COUNTERS: Final = {
    "bytes_in": "bytes_recv",
    "bytes_out": "bytes_sent",
    "packets_in": "packets_recv",
    "packets_out": "packets_sent",
}
_LONGEST_WAIT_S: Final = 2.0


def collect_network(
    interval_s: float, n_rows: int | None, *, ping: str | None = None
) -> Iterator[dict[str, float | str | None]]:
    """Rows of `eyenet/sample`: of every interval one for each interface, `device_id` being `host/interface`.

    Values are the difference between two readings of a counter, so the first rows come after one interval. They are told
    per `interval_s` by the time that truly passed: where the machine was too busy for a reading, the next row holds the
    mean of the intervals it stands for, and not their sum. A counter that wrapped is mended; where one was reset, or an
    interface is new, that interval has no row of it.

    Args:
        interval_s: seconds between rows of an interface, above 0.
        n_rows: how many rows, or None for ever.
        ping: HOST or HOST:PORT, whose round-trip time from here every row of an interval carries as `latency`, null where
            no answer came within two seconds (half an interval, where that is less); None for rows without it.

    Raises:
        UsageError: the interval is not above 0, psutil is not installed, or the host cannot be asked.
    """
    psutil = import_psutil(where="collect network")
    due = ticks(interval_s, where="collect network")
    return _rows(psutil, due, n_rows, interval_s=interval_s, ask=None if ping is None else open_ping(ping))


def changes(
    before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]], *, share: float = 1.0
) -> dict[str, dict[str, float]]:
    """What each interface counted in between, times `share`; without those that are new, gone, or were reset.

    >>> changes({"eth0": {"bytes_in": 5}, "tun0": {"bytes_in": 9}}, {"eth0": {"bytes_in": 8}})
    {'eth0': {'bytes_in': 3.0}}
    """
    found = {}
    for name, now in after.items():
        known = before.get(name)
        if known is None:
            continue
        readings = ([[counters[column] for column in now]] for counters in (known, now))
        counts, is_whole = counted(*(np.array(one, dtype=np.uint64) for one in readings))
        if is_whole[0]:
            found[name] = dict(zip(now, (counts[0] * share).tolist(), strict=True))
    return found


def _rows(
    psutil: "ModuleType", due: Iterator[None], n_rows: int | None, *, interval_s: float, ask: Ask | None
) -> Iterator[dict[str, float | str | None]]:
    host = socket.gethostname()
    before, before_s = _counters(psutil), time.monotonic()
    n_yielded = 0
    for _ in due:
        after, after_s = _counters(psutil), time.monotonic()
        timestamp = datetime.now(UTC).isoformat(timespec="microseconds")
        measured = changes(before, after, share=interval_s / (after_s - before_s))
        before, before_s = after, after_s
        # Asked after the counters are read, so that a slow answer moves no reading.
        latency = {} if ask is None else {"latency": ask(min(_LONGEST_WAIT_S, interval_s / 2))}
        for name, values in measured.items():
            if n_yielded == n_rows:
                return
            n_yielded += 1
            yield {"timestamp": timestamp, "device_id": f"{host}/{name}", **values, **latency}
        if n_yielded == n_rows:
            return


def _counters(psutil: "ModuleType") -> dict[str, dict[str, int]]:
    """What each interface counted since it came up."""
    counters = psutil.net_io_counters(pernic=True, nowrap=False)
    return {
        name: {column: int(getattr(of_interface, theirs)) for column, theirs in COUNTERS.items()}
        for name, of_interface in sorted(counters.items())
    }
