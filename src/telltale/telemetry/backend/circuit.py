"""A circuit breaker for each server that is read from, shared by all processes of a home through a small file."""

import fcntl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from telltale.contract.errors import UnavailableError
from telltale.storage.whole_files import write_whole
from telltale.telemetry.paging import origin_of

State = Literal["closed", "open", "half-open"]

FAILURES_TO_OPEN: Final = 5
FIRST_OPEN_S: Final = 60.0
MOST_OPEN_S: Final = 3_600.0
_PROBE_S: Final = 60.0  # so long one process has a half-open circuit for itself


class Circuit(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a server.

    Closed, it is asked. After `FAILURES_TO_OPEN` failures in a row it is open: nobody asks until `open_until`. Then one
    question goes out (half-open): a good answer closes the circuit, a failure opens it again, for twice as long.

    Args:
        n_failures: in a row.
        n_openings: since the last good answer.
        open_until: None while it is closed.
        fault: the last one.

    References:
        Nygard, "Release It!", 2007, chapter 5.
    """

    n_failures: int = 0
    n_openings: int = 0
    open_until: datetime | None = None
    fault: str = ""

    def state(self, now: datetime) -> State:
        """Whether it is asked at this moment."""
        if self.open_until is None:
            return "closed"
        return "open" if now < self.open_until else "half-open"


def after_failure(circuit: Circuit, *, fault: str, now: datetime, wait_s: float | None = None) -> Circuit:
    """The circuit once a question failed; where the server said how long to wait, it is open for so long at least."""
    n_failures = circuit.n_failures + 1
    was_open = circuit.open_until is not None
    is_open = was_open or n_failures >= FAILURES_TO_OPEN
    for_s = min(FIRST_OPEN_S * 2.0**circuit.n_openings, MOST_OPEN_S) if is_open else 0.0
    for_s = max(for_s, min(wait_s or 0.0, MOST_OPEN_S))
    return Circuit(
        n_failures=n_failures,
        n_openings=circuit.n_openings + is_open,
        open_until=now + timedelta(seconds=for_s) if for_s else None,
        fault=fault,
    )


def circuit_path(sources: Path, url: str) -> Path:
    """The file of the server that an address is on."""
    scheme, host, port = origin_of(urlsplit(url))
    safe = "".join(sign if sign.isalnum() or sign in ".-" else "_" for sign in f"{scheme}-{host}-{port}")
    return sources / f"circuit-{safe}.json"


def read_circuit(path: Path) -> Circuit:
    """What the file says; closed where there is none, or where it cannot be read: a server is asked rather than forgotten."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Circuit)
    except (OSError, msgspec.DecodeError):
        return Circuit()


def enter_circuit(path: Path, *, now: datetime, where: str) -> State:
    """Whether the server may be asked: "closed", or "half-open" for the one who may try.

    Raises:
        UnavailableError: the circuit is open, or another process is trying.
    """
    refused: list[Circuit] = []

    def enter(circuit: Circuit) -> Circuit:
        if circuit.state(now) == "open":
            refused.append(circuit)
            return circuit
        if circuit.open_until is None:
            return circuit
        return msgspec.structs.replace(circuit, open_until=now + timedelta(seconds=_PROBE_S))

    before = change_circuit(path, enter)
    if refused:
        until = refused[0].open_until
        assert until is not None
        raise UnavailableError(
            f"it is left alone until {until:%Y-%m-%d %H:%M:%S} UTC after {refused[0].n_failures} failures, the last: "
            f"{refused[0].fault}",
            where=where,
            mend="See that it is up; `telltale ingest --now` asks at once.",
            retry_after_s=(until - now).total_seconds(),
        )
    return before.state(now)


def change_circuit(path: Path, change: Callable[[Circuit], Circuit]) -> Circuit:
    """Change a circuit while nobody else does; returns what it was before."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = read_circuit(path)
        after = change(before)
        if after != before:
            write_whole(path, msgspec.json.encode(after))
        return before
