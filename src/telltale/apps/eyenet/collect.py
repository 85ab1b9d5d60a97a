"""Traffic of this machine's network interfaces, each as a device."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

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


def collect_network(interval_s: float, n_rows: int | None) -> Iterator[dict[str, float | str]]:
    """Rows of `eyenet/sample`: of every interval one for each interface, `device_id` being `host/interface`.

    Values are the difference between two readings of a counter, so the first rows come after one interval. Where a
    counter went back (the interface was reset) or is new, that interval has no row of it. There is no `latency`: an
    interface answers no ping.

    Args:
        interval_s: seconds between rows of an interface, above 0.
        n_rows: how many rows, or None for ever.

    Raises:
        UsageError: the interval is not above 0, or psutil is not installed.
    """
    return _rows(import_psutil(where="collect network"), ticks(interval_s, where="collect network"), n_rows)


def changes(before: dict[str, dict[str, float]], after: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """What each interface counted in between; without those that are new, gone, or whose counters went back.

    >>> changes({"eth0": {"bytes_in": 5.0}, "tun0": {"bytes_in": 9.0}}, {"eth0": {"bytes_in": 8.0}})
    {'eth0': {'bytes_in': 3.0}}
    """
    found = {}
    for name, counted in after.items():
        known = before.get(name)
        if known is not None and all(counted[column] >= known[column] for column in counted):
            found[name] = {column: counted[column] - known[column] for column in counted}
    return found


def _rows(psutil: "ModuleType", due: Iterator[None], n_rows: int | None) -> Iterator[dict[str, float | str]]:
    host = socket.gethostname()
    before = _counters(psutil)
    n_yielded = 0
    for _ in due:
        after = _counters(psutil)
        measured = changes(before, after)
        before = after
        timestamp = datetime.now(UTC).isoformat(timespec="microseconds")
        for name, values in measured.items():
            if n_yielded == n_rows:
                return
            n_yielded += 1
            yield {"timestamp": timestamp, "device_id": f"{host}/{name}", **values}
        if n_yielded == n_rows:
            return


def _counters(psutil: "ModuleType") -> dict[str, dict[str, float]]:
    """What each interface counted since it came up."""
    counters = psutil.net_io_counters(pernic=True, nowrap=False)
    return {
        name: {column: float(getattr(of_interface, theirs)) for column, theirs in COUNTERS.items()}
        for name, of_interface in sorted(counters.items())
    }
