"""Measurements of this machine, one row per interval."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from telltale.contract.errors import UsageError
from telltale.telemetry.pacing import ticks

if TYPE_CHECKING:
    from types import ModuleType

HOST_COLUMNS: Final = (
    "cpu_percent",
    "memory_percent",
    "swap_percent",
    "load_1m",
    "n_processes",
    "disk_read_bytes_s",
    "disk_write_bytes_s",
    "net_in_bytes_s",
    "net_out_bytes_s",
)


def collect_host(interval_s: float, n_rows: int | None) -> Iterator[dict[str, float | str | None]]:
    """Rows of this machine's load: `timestamp` (ISO 8601, UTC) and `HOST_COLUMNS`.

    Rates (`_s`) come from the difference between two readings of a counter, so the first row comes after one interval.
    Where a counter went back (a device went away, or was reset) there is no rate, and that interval has no row.

    Args:
        interval_s: seconds between rows, above 0.
        n_rows: how many rows, or None for ever.

    Raises:
        UsageError: the interval is not above 0, or psutil is not installed.
    """
    return _rows(import_psutil(where="collect host"), ticks(interval_s, where="collect host"), n_rows)


def import_psutil(*, where: str) -> "ModuleType":
    """The module psutil, which the extra [collect] brings. Raises UsageError where it is not installed."""
    try:
        import psutil
    except ImportError as error:
        raise UsageError(
            "measuring this machine needs psutil, which is not installed",
            where=where,
            mend="Install it: pip install 'telltale-loop[collect]'.",
        ) from error
    module: ModuleType = psutil
    return module


def rates(before: dict[str, float], after: dict[str, float], *, elapsed_s: float) -> dict[str, float] | None:
    """Counter differences per second; None where a counter went back, is gone or is new.

    >>> rates({"net_in_bytes_s": 100.0}, {"net_in_bytes_s": 300.0}, elapsed_s=2.0)
    {'net_in_bytes_s': 100.0}
    """
    if before.keys() != after.keys() or any(after[name] < before[name] for name in before):
        return None
    return {name: (after[name] - before[name]) / elapsed_s for name in before}


def _rows(psutil: "ModuleType", due: Iterator[None], n_rows: int | None) -> Iterator[dict[str, float | str | None]]:
    psutil.cpu_percent()  # the share is counted from one call to the next
    before, before_s = _counters(psutil), time.monotonic()
    n_yielded = 0
    while n_rows is None or n_yielded < n_rows:
        next(due)
        after, after_s = _counters(psutil), time.monotonic()
        measured = rates(before, after, elapsed_s=after_s - before_s)
        before, before_s = after, after_s
        if measured is None:
            continue
        n_yielded += 1
        yield {
            "timestamp": datetime.now(UTC).isoformat(timespec="microseconds"),
            "cpu_percent": psutil.cpu_percent(),
            "memory_percent": psutil.virtual_memory().percent,
            "swap_percent": psutil.swap_memory().percent,
            "load_1m": psutil.getloadavg()[0],
            "n_processes": float(len(psutil.pids())),
            **measured,
        }


def _counters(psutil: "ModuleType") -> dict[str, float]:
    """Bytes since the machine started; 0 where it has no disk or no network."""
    disk, network = psutil.disk_io_counters(nowrap=False), psutil.net_io_counters(nowrap=False)
    return {
        "disk_read_bytes_s": float(disk.read_bytes if disk else 0),
        "disk_write_bytes_s": float(disk.write_bytes if disk else 0),
        "net_in_bytes_s": float(network.bytes_recv if network else 0),
        "net_out_bytes_s": float(network.bytes_sent if network else 0),
    }
