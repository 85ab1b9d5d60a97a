"""A simulated attack sent to a running telltale, request by request, at a bounded rate. To this machine alone.

What is sent looks like an attack; at an address elsewhere it would be one, on whoever has that address.
"""

import ipaddress
import json
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
import polars as pl

from telltale.contract.errors import UnavailableError, UsageError
from telltale.contract.schema import EventSchema
from telltale.home.attack import AttackOutcome, outcome_of
from telltale.telemetry.frames import ENTITY, TIME

_TIMEOUT_S: Final = 10.0
_MOST_PER_S: Final = 500.0
_OK: Final = 200
# Rows of a client that go along with a request, as its window.
_ROWS_BEFORE: Final = 50
# An alarm so long after an incident is still of it.
_MEMORY_S: Final = 600.0


def loopback_address(url: str) -> tuple[str, int, str]:
    """Host, port and path of an address on this machine. Raises UsageError for any other, before anything is sent."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        raise UsageError(f"{url!r} is no address", where="--against", mend="Give http://127.0.0.1:8000.") from None
    if parts.scheme != "http" or parts.username is not None or not _is_loopback(host):
        raise UsageError(
            f"{url} is not on this machine's loopback",
            where="--against",
            mend="Attacks are simulated against a telltale on this machine alone: http://127.0.0.1:PORT.",
        )
    return host, port, parts.path.rstrip("/")


def attack_against(
    url: str,
    schema: EventSchema,
    task: str,
    frame: pl.DataFrame,
    *,
    per_second: float,
    key: str = "",
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> AttackOutcome:
    """Ask the server about each row in the order of their times, with the rows of its client before it.

    Args:
        url: of a telltale on the loopback.
        schema: of the event whose rows they are.
        task: `app/task`, which scores them.
        frame: checked rows with labels, sorted by entity and time.
        per_second: requests at most.
        key: for `Authorization: Bearer`, or "".
        progress: told how many of how many were answered.

    Raises:
        UsageError: the address is not on the loopback, or the rate is out of range.
        UnavailableError: the server cannot be reached, or does not answer as a telltale with a version of that task does.
    """
    host, port, prefix = loopback_address(url)
    if not 0 < per_second <= _MOST_PER_S:
        raise UsageError(
            f"{per_second:g} requests a second", where="--rate", mend=f"Give above 0 and at most {_MOST_PER_S:g}."
        )
    columns = [name for name in frame.columns if not name.startswith("@")]
    order = frame[TIME].arg_sort().to_list()
    rows = frame.select(columns).rows(named=True)
    times, entities = frame[TIME].dt.to_string("iso:strict").to_list(), frame[ENTITY].to_list()
    before: defaultdict[str, deque[dict[str, Any]]] = defaultdict(lambda: deque(maxlen=_ROWS_BEFORE))
    decided = np.zeros(frame.height, dtype=bool)
    entity = schema.entity or "entity"
    connection = HTTPConnection(host, port, timeout=_TIMEOUT_S)
    due_s = time.monotonic()
    try:
        _connect(connection, url)
        for n_done, place in enumerate(order):
            row = {
                "timestamp": times[place],
                **{name: value for name, value in rows[place].items() if value is not None},
            }
            window = before[entities[place]]
            window.append(row)
            body = {entity: entities[place], "rows": [{**one, entity: entities[place]} for one in window]}
            time.sleep(max(0.0, due_s - time.monotonic()))
            due_s += 1.0 / per_second
            decided[place] = _decision(connection, f"{prefix}/v1/{task}/predict", body, url=url, key=key)
            progress(n_done + 1, len(order))
    finally:
        connection.close()
    return outcome_of(frame, decided, memory=_MEMORY_S)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _connect(connection: HTTPConnection, url: str) -> None:
    """Connect, and see who was reached: a name may stand for any address. Raises UnavailableError, UsageError."""
    try:
        connection.connect()
    except OSError as error:
        raise UnavailableError(
            f"nobody answers at {url} ({error.strerror or error})", where="--against", mend="Start it: telltale up."
        ) from error
    assert isinstance(connection.sock, socket.socket), "it is connected"
    peer = connection.sock.getpeername()[0]
    if not ipaddress.ip_address(peer).is_loopback:
        raise UsageError(f"{url} is {peer}", where="--against", mend="Give http://127.0.0.1:PORT.")


def _decision(connection: HTTPConnection, path: str, body: object, *, url: str, key: str) -> bool:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    try:
        connection.request("POST", path, body=json.dumps(body).encode(), headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        told = json.loads(content) if content else {}
    except (OSError, HTTPException, ValueError) as error:
        raise UnavailableError(f"{url} gave no answer ({error})", where="--against", mend="Look at its log.") from error
    decision = told.get("decision") if isinstance(told, dict) else None
    if answer.status != _OK or not isinstance(decision, bool):
        detail = told.get("detail", "") if isinstance(told, dict) else ""
        raise UnavailableError(
            f"POST {path} answered {answer.status} {detail}".strip(),
            where="--against",
            mend="Serve a version of the task, and give a key where the server asks for one.",
        )
    return decision
