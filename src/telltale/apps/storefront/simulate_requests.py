"""Requests to a shop, with five kinds of attack, a fifth of the incidents each.

Normal: about 150 requests an hour, more in the evening, by 300 clients; a twelfth are odd in some way that is no attack
(a slow report, a large upload, mistyped passwords). Attacks: flood (slow answers, some errors), brute force (many errors
at the log-in), scraping (hardly to be told from a keen customer), injection (large bodies), slow (open for long).
"""

import math
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl

from telltale.contract.simulation import Simulation

KINDS = ("flood", "brute_force", "scraping", "injection", "slow")

_DAYS, _RATE = 3.0, 0.1
_BLOCK = 100  # rows made at once: each block holds its share of attacks, so that the first rows of more are the same
_N_CLIENTS = 300
_N_ATTACKERS = 40


@dataclass
class _Rows:
    """Columns as they grow."""

    time_s: list[float] = field(default_factory=list)
    client: list[str] = field(default_factory=list)
    response_time: list[float] = field(default_factory=list)
    request_size: list[float] = field(default_factory=list)
    error_count: list[float] = field(default_factory=list)
    method: list[str] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    query: list[str | None] = field(default_factory=list)
    body: list[str | None] = field(default_factory=list)
    attack: list[str] = field(default_factory=list)


def simulate_requests(how: Simulation, start: datetime) -> pl.DataFrame:
    """Rows of `storefront/request`, with `is_attack` and the kind in `attack` ("" where normal)."""
    rate = _RATE if how.positive_rate is None else how.positive_rate
    until_s = math.inf if how.n_rows else (how.days or _DAYS) * 86_400.0
    n_rows = how.n_rows or 10**9
    rows, time_s, block, incident = _Rows(), 0.0, 0, 0
    while len(rows.time_s) < n_rows and time_s < until_s:
        rng = np.random.default_rng([how.seed, block])
        n_attacks = round(_BLOCK * rate * (block + 1)) - round(_BLOCK * rate * block)
        kinds, incident = _kinds(rng, n_attacks, incident)
        time_s = _add_block(rows, rng, kinds, time_s, start.timestamp() + time_s)
        block += 1
    frame = pl.DataFrame(vars(rows)).filter(pl.col("time_s") < until_s)[:n_rows]
    stamps = pl.from_epoch((pl.col("time_s") * 1e6).round().cast(pl.Int64), "us").dt.replace_time_zone("UTC")
    return frame.select(
        (stamps + pl.lit(start - datetime.fromtimestamp(0, start.tzinfo))).alias("timestamp"),
        "client",
        pl.col("response_time").round(4),
        pl.col("request_size").round(),
        pl.col("error_count").round(),
        *("method", "path", "status", "query", "body"),
        (pl.col("attack") != "").cast(pl.Int8).alias("is_attack"),
        "attack",
    )


def _kinds(rng: np.random.Generator, n_attacks: int, incident: int) -> tuple[list[str], int]:
    """What each of a hundred rows is, attacks in incidents of three to eight; and the number of the next incident."""
    kinds = [""] * (_BLOCK - n_attacks)
    while n_attacks > 0:
        length = min(int(rng.integers(3, 9)), n_attacks)
        at = int(rng.integers(0, len(kinds) + 1))
        kinds[at:at] = [KINDS[incident % len(KINDS)]] * length
        n_attacks -= length
        incident += 1
    return kinds, incident


def _add_block(rows: _Rows, rng: np.random.Generator, kinds: list[str], time_s: float, epoch_s: float) -> float:
    """Add rows from a moment on, which is `epoch_s` by the calendar; the moment after."""
    attackers = {kind: f"198.51.100.{int(rng.integers(1, _N_ATTACKERS + 1))}" for kind in KINDS}
    ahead_s = epoch_s - time_s
    for kind in kinds:
        _add(rows, rng, time_s, kind, attackers.get(kind, ""))
        hour = (ahead_s + time_s) / 3_600.0 % 24.0
        per_hour = 150.0 * (1.0 + 0.7 * math.sin((hour - 13.0) / 24.0 * 2.0 * math.pi))
        # The requests of an incident follow each other at once. Never at the same microsecond: no two rows are one.
        gap_s = rng.exponential(2.0) if kind else rng.exponential(3_600.0 / per_hour)
        time_s += max(gap_s, 1e-5)
    return time_s


def _add(rows: _Rows, rng: np.random.Generator, time_s: float, kind: str, attacker: str) -> None:
    is_post = rng.random() < 0.25
    seconds = float(rng.lognormal(math.log(0.12), 0.45))
    size = float(rng.lognormal(math.log(1_400.0), 0.6) if is_post else rng.lognormal(math.log(450.0), 0.4))
    errors = float(rng.poisson(0.05))
    client = f"10.0.{int(_N_CLIENTS * rng.random() ** 2) // 100}.{int(rng.integers(1, 101))}"
    method, path = ("POST", "/cart") if is_post else ("GET", f"/items/{int(rng.integers(1, 201))}")
    query: str | None = None
    body = "item=17&quantity=1" if is_post else None
    status = 200
    odd = rng.random()
    if kind:
        client = attacker
    if kind == "flood":
        seconds *= rng.uniform(4.0, 15.0)
        errors, status = float(rng.poisson(4.0)), 503
    elif kind == "brute_force":
        method, path, body, size = "POST", "/login", "user=admin", float(rng.normal(350.0, 20.0))
        errors, status = float(rng.integers(5, 41)), 401
    elif kind == "scraping":
        method, path, query, body = "GET", "/items", f"page={int(rng.integers(1, 400))}", None
        seconds *= rng.uniform(0.9, 2.0)
        errors, size = float(rng.poisson(2.0)), float(rng.normal(300.0, 20.0))
    elif kind == "injection":
        method, path, body = "POST", "/search", "q=' OR 1=1 --"
        size = float(rng.lognormal(math.log(6_000.0), 0.6))
        seconds *= rng.uniform(1.0, 4.0)
        errors, status = float(rng.poisson(1.5)), 500
    elif kind == "slow":
        seconds, status = rng.uniform(10.0, 60.0), 408
        errors = float(rng.poisson(0.3))
    elif odd < 0.03:
        method, path, query, body, seconds = "GET", "/reports", "month=1", None, rng.uniform(1.0, 4.0)
    elif odd < 0.05:
        method, path, size = "POST", "/returns/photo", float(rng.lognormal(math.log(40_000.0), 0.5))
    elif odd < 0.08:
        method, path, body = "POST", "/login", "user=me"
        errors, status = float(rng.integers(1, 4)), 401
    rows.time_s.append(time_s)
    rows.client.append(client)
    rows.response_time.append(seconds)
    rows.request_size.append(size)
    rows.error_count.append(errors)
    rows.method.append(method)
    rows.path.append(path)
    rows.status.append(status)
    rows.query.append(query)
    rows.body.append(body)
    rows.attack.append(kind)
