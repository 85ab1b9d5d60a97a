"""Requests to a shop, with six kinds of attack, a sixth of the incidents each.

Normal: about 150 requests an hour, more in the evening, in visits of some pages by 300 clients; some are odd in a way that
is no attack (a slow report, a large upload, a mistyped password, a name with an apostrophe). Attacks: incidents of four to
twelve requests that follow each other sooner than people click, see `simulate_attacks`.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote_plus

import numpy as np
import polars as pl

from telltale.apps.storefront.simulate_attacks import KINDS, Request, account, incident, seconds
from telltale.contract.simulation import Simulation

__all__ = ["KINDS", "simulate_requests"]

_DAYS, _RATE = 3.0, 0.1
_BLOCK: Final = (
    200  # rows made at once: each block holds its share of attacks, so that the first rows of more are the same
)
_N_CLIENTS: Final = 300
_PER_HOUR: Final = 150.0
_PAGES: Final = 6.0  # of a visit, on average
_WORDS: Final = (
    "lamp",
    "red mug",
    "garden gnome",
    "paper bag",
    "wall clock",
    "candle",
    "children's toy",
    "tea & coffee",
)
_PEOPLE: Final = ("anna", "ben", "o'brien", "maria-jose", "d'angelo", "li wei", "john", "zoe")
_WINDOW_S: Final = 60.0
_SHORTEST, _LONGEST = 4, 12  # incidents, but for what is left over in a block

# (seconds since the start, request, kind of attack or "")
_Timed = tuple[float, Request, str]


def simulate_requests(how: Simulation, start: datetime) -> pl.DataFrame:
    """Rows of `storefront/request`, with `is_attack` and the kind in `attack` ("" where normal).

    Args:
        how: `kinds` are those of attacks; () for all.
        start: of the first row.
    """
    rate = _RATE if how.positive_rate is None else how.positive_rate
    until_s = math.inf if how.n_rows else (how.days or _DAYS) * 86_400.0
    n_rows = how.n_rows or 10**9
    timed: list[_Timed] = []
    block, n_incidents, time_s = 0, 0, 0.0
    while len(timed) < n_rows and time_s < until_s:
        rng = np.random.default_rng([how.seed, block])
        n_attacks = round(_BLOCK * rate * (block + 1)) - round(_BLOCK * rate * block)
        made = _block(rng, time_s, start.timestamp(), _BLOCK - n_attacks)
        end_s = made[-1][0] if made else time_s + _BLOCK * 24.0
        attacks, n_incidents = _attacks(rng, n_attacks, (time_s, end_s), how.kinds or KINDS, n_incidents)
        made = sorted(made + attacks, key=lambda one: one[0])
        if not timed:
            first_s = made[0][0]
            made = [(at_s - first_s, request, kind) for at_s, request, kind in made]
        timed += made
        time_s = made[-1][0] + 1.0
        block += 1
    return _frame([one for one in timed if one[0] < until_s][:n_rows], start)


def _block(rng: np.random.Generator, time_s: float, start_s: float, n: int) -> list[_Timed]:
    """The `n` normal requests of a block, in visits that begin from a moment on, which is `start_s` later by the calendar."""
    made: list[_Timed] = []
    while len(made) < n:
        hour = (start_s + time_s) / 3_600.0 % 24.0
        per_hour = _PER_HOUR * (1.0 + 0.7 * math.sin((hour - 13.0) / 24.0 * 2.0 * math.pi))
        time_s += float(rng.exponential(3_600.0 * _PAGES / per_hour))
        at_s = time_s
        for request in _visit(rng)[: n - len(made)]:
            at_s += request.after_s
            made.append((at_s, request, ""))
    return sorted(made, key=lambda one: one[0])


def _attacks(
    rng: np.random.Generator, n: int, span_s: tuple[float, float], kinds: Sequence[str], n_incidents: int
) -> tuple[list[_Timed], int]:
    """The `n` requests of attacks in a block, and the number of the next incident."""
    made: list[_Timed] = []
    while len(made) < n:
        kind = kinds[n_incidents % len(kinds)]
        at_s = float(rng.uniform(*span_s))
        left, length = n - len(made), int(rng.integers(_SHORTEST, _LONGEST + 1))
        for request in incident(kind, rng, left if left < length + _SHORTEST else length):
            at_s += request.after_s
            made.append((at_s, request, kind))
        n_incidents += 1
    return made, n_incidents


def _visit(rng: np.random.Generator) -> list[Request]:
    """What one client does, a page at a time."""
    client = f"10.0.{int(_N_CLIENTS * rng.random() ** 2) // 100}.{int(rng.integers(1, 101))}"
    pages = list[Request]()
    for _ in range(int(rng.geometric(1.0 / _PAGES))):
        pages += _page(rng, client)
    return pages


def _page(rng: np.random.Generator, client: str) -> Iterator[Request]:
    """A page, or the few requests that a form takes until it is right."""
    took = seconds(rng)
    small = float(rng.lognormal(math.log(450.0), 0.4))
    form = float(rng.lognormal(math.log(1_400.0), 0.6))
    what = rng.random()
    method, path, status, query, body, size = "GET", f"/items/{int(rng.integers(1, 201))}", 200, None, None, small
    again = 0
    if what < 0.03:
        path, query, took = "/reports", f"month={int(rng.integers(1, 13))}", float(rng.uniform(1.0, 4.0))
    elif what < 0.05:
        method, path, size = "POST", "/returns/photo", float(rng.lognormal(math.log(40_000.0), 0.5))
    elif what < 0.12:
        method, path, body = "POST", "/login", f"user={quote_plus(account(rng))}"
        size, again = float(rng.normal(350.0, 20.0)), int(rng.choice((0, 1, 2), p=(0.7, 0.2, 0.1)))
    elif what < 0.22:
        path, query = "/search", f"q={quote_plus(str(rng.choice(_WORDS)))}&page={int(rng.integers(1, 4))}"
    elif what < 0.30:
        path, query = "/items", f"page={int(rng.geometric(0.15))}"
    elif what < 0.33:
        method, path, size = "POST", "/checkout", form
        body = f"name={quote_plus(str(rng.choice(_PEOPLE)))}&street=Main+St.+{int(rng.integers(1, 99))}%2C+{int(rng.integers(1, 9))}"
    elif what < 0.52:
        method, path, size = "POST", "/cart", form
        body = f"item={int(rng.integers(1, 201))}&quantity={int(rng.integers(1, 5))}"
    elif what < 0.53:
        path, status = "/old-page", 404
    for place in range(again + 1):
        is_wrong = place < again
        yield Request(
            after_s=max(float(rng.lognormal(math.log(12.0), 0.8)), 1e-5),
            client=client,
            seconds=took,
            size=size,
            method=method,
            path=path,
            status=401 if is_wrong else status,
            query=query,
            body=body,
        )


def _frame(timed: Sequence[_Timed], start: datetime) -> pl.DataFrame:
    requests = [request for _, request, _ in timed]
    stamps = pl.from_epoch((pl.col("time_s") * 1e6).round().cast(pl.Int64), "us").dt.replace_time_zone("UTC")
    frame = pl.DataFrame({"time_s": [at_s for at_s, _, _ in timed]}, schema={"time_s": pl.Float64})
    return frame.select(
        (stamps + pl.lit(start - datetime.fromtimestamp(0, start.tzinfo))).alias("timestamp"),
        pl.Series("client", [one.client for one in requests], dtype=pl.String),
        pl.Series("response_time", [one.seconds for one in requests], dtype=pl.Float64).round(4),
        pl.Series("request_size", [one.size for one in requests], dtype=pl.Float64).round(),
        pl.Series("error_count", failures(timed), dtype=pl.Float64),
        pl.Series("method", [one.method for one in requests], dtype=pl.String),
        pl.Series("path", [one.path for one in requests], dtype=pl.String),
        pl.Series("status", [one.status for one in requests], dtype=pl.Int64),
        pl.Series("query", [one.query for one in requests], dtype=pl.String),
        pl.Series("body", [one.body for one in requests], dtype=pl.String),
        pl.Series("is_attack", [kind != "" for _, _, kind in timed], dtype=pl.Boolean).cast(pl.Int8),
        pl.Series("attack", [kind for _, _, kind in timed], dtype=pl.String),
    )


def failures(timed: Sequence[_Timed]) -> list[float]:
    """How many requests of the client failed in the minute that ends with each."""
    recent: dict[str, deque[float]] = {}
    counts = []
    for at_s, request, _ in timed:
        failed = recent.setdefault(request.client, deque())
        while failed and failed[0] <= at_s - _WINDOW_S:
            failed.popleft()
        if request.status >= 400:
            failed.append(at_s)
        counts.append(float(len(failed)))
    return counts
