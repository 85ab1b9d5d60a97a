"""Made-up events of a block store, for a first run and for tests: no codec is needed, and nothing is measured."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl

from telltale.apps.pakit.gossip.simulate import gossip_rows
from telltale.apps.pakit.simulate_blocks import block_rows
from telltale.apps.pakit.simulate_network import access_rows
from telltale.apps.pakit.simulate_peers import peer_rows
from telltale.contract.errors import UsageError
from telltale.contract.simulation import Simulation

# A part of the rows, by seed and number, with everything but the time.
Part = Callable[[int, int], pl.DataFrame]

_PARTS: Final[dict[str, Part]] = {"block": block_rows, "access": access_rows, "peer": peer_rows, "gossip": gossip_rows}
_DAY_S = 86_400.0
_DAYS, _INTERVAL_S = 3.0, 60.0


def simulate(event: str, how: Simulation) -> pl.DataFrame:
    """Rows of an event of pakit, evenly spaced in time.

    Rows come in parts, each from a random stream of its own, so that fewer days are the first rows of more.

    Args:
        event: "block", "access", "peer" or "gossip".
        how: three days of a row a minute where it does not say.

    Raises:
        UsageError: an argument is out of range, or there is no such event.
    """
    if event not in _PARTS:
        raise UsageError.not_one_of(event, _PARTS, where="pakit: event")
    how.check(where="pakit: simulate")
    interval_s = how.interval_s or _INTERVAL_S
    n = how.n_rows or max(1, round((how.days or _DAYS) * _DAY_S / interval_s))
    parts: list[pl.DataFrame] = []
    n_made = 0
    while n_made < n:
        parts.append(_PARTS[event](how.seed, len(parts)))
        n_made += parts[-1].height
    assert how.start is not None, "a simulation begins somewhere"
    return pl.concat(parts)[:n].insert_column(0, _times(how.start, n, interval_s))


def _times(start: datetime, n: int, interval_s: float) -> pl.Series:
    micros = ((start.timestamp() + np.arange(n, dtype=np.float64) * interval_s) * 1e6).round().astype(np.int64)
    return pl.Series("timestamp", micros).cast(pl.Datetime("us", "UTC"))
