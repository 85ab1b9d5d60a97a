"""Made-up rows of every event of storefront, for a first run and for tests."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import polars as pl

from telltale.apps.storefront.simulate_customers import simulate_customers
from telltale.apps.storefront.simulate_requests import KINDS, simulate_requests
from telltale.apps.storefront.simulate_series import simulate_series
from telltale.apps.storefront.simulate_shop import simulate_activity, simulate_interactions, simulate_orders
from telltale.contract.errors import UsageError
from telltale.contract.simulation import Simulation

_SIMULATORS: Final[dict[str, Callable[[Simulation, datetime], pl.DataFrame]]] = {
    "request": simulate_requests,
    "activity": simulate_activity,
    "order": simulate_orders,
    "interaction": simulate_interactions,
    "series": simulate_series,
    "customer": simulate_customers,
}


def simulate(event: str, how: Simulation) -> pl.DataFrame:
    """Rows of an event in time order, the first at `how.start`; half of the requests at most are attacks.

    Raises:
        UsageError: the event is not known, or an argument is out of range.
    """
    if event not in _SIMULATORS:
        raise UsageError.not_one_of(event, _SIMULATORS, where="storefront: event")
    how.check(where="storefront: simulate", highest_rate=0.5, known_kinds=KINDS if event == "request" else ())
    assert how.start is not None, "the kernel says when time starts"
    return _SIMULATORS[event](how, how.start)
