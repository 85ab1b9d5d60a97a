"""How long `POST /recommend` takes in process, of a shop with ten thousand items: from the bytes of a body to those of the answer.

The shop is made up: items in lines of twenty, customers who like three lines. Rows are stored, the version is trained on them by
`train` with its defaults, and every customer asked for has come to ten items since, which each answer reads from the store.
A body names a customer, and every other one five items of this visit. The socket is left out; the record for the log is kept.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import numpy as np
import polars as pl

from benchmarks.catalogue import Progress
from telltale.apps.storefront import APP
from telltale.apps.storefront.routes_answers import RecommendBody, recommend
from telltale.contract.route import RouteRequest
from telltale.home.apps import app_references
from telltale.home.home import Home, open_home
from telltale.serve.edge import open_edge
from telltale.serve.guard.caller import LOCAL
from telltale.serve.routes.route_context import RouteContext
from telltale.serve.settings import ServeSettings
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.frames import ENTITY, KEY, LINE, TIME, TIME_DTYPE, sort_checked

N_ITEMS, N_ITEMS_QUICK = 10_000, 500
_N_CUSTOMERS, _N_CUSTOMERS_QUICK = 1_500, 150
_EACH, _SINCE, _LINE = 40, 10, 20
_CALLS, _CALLS_QUICK = 1_000, 100
_START: Final = datetime(2024, 1, 1, tzinfo=UTC)

Took = list[tuple[int, int]]  # customer and item, in order


def recommend_us(*, quick: bool, progress: Progress) -> tuple[float, dict[str, str]]:
    """The median of an answer in microseconds, and what it is of."""
    n_items, n_customers = (N_ITEMS_QUICK, _N_CUSTOMERS_QUICK) if quick else (N_ITEMS, _N_CUSTOMERS)
    rng = np.random.default_rng(0)
    rows = _took(rng, n_items=n_items, n_customers=n_customers, each=_EACH)
    # Each item at least once, so that the catalogue is what it says.
    rows += [(item % n_customers, item) for item in range(n_items)]
    with TemporaryDirectory(prefix="telltale-bench-") as folder:
        home_folder = Path(folder) / "home"
        progress(f"training storefront/recommend on {len(rows):,} rows of {n_items:,} items")
        with open_home(home_folder) as home:
            _store(home, rows, _START)
            began = time.perf_counter()
            trained = home.train("storefront/recommend")
            seconds = time.perf_counter() - began
            number = str(trained.version.number)
            home.promote("storefront/recommend", number, actor="benchmark", reason="benchmark", override=True)
            since = _took(rng, n_items=n_items, n_customers=n_customers, each=_SINCE)
            _store(home, since, _START + timedelta(days=100))
        bodies = _bodies(rng, n_items=n_items, n_customers=n_customers, n=_CALLS_QUICK if quick else _CALLS)
        # What a crash could lose is written afterwards: a flush is not part of a request.
        edge = open_edge(ServeSettings(home=str(home_folder), apps=app_references(), flush_s=60.0))
        try:
            edge.versions.refresh()
            progress(f"recommend: {len(bodies):,} answers")
            taken = _times_us(RouteContext(edge, LOCAL), bodies)
        finally:
            edge.close()
    return statistics.median(taken), {
        "recommend: items": f"{n_items:,}",
        "recommend: estimator": trained.manifest.estimator,
        "recommend: training": f"{seconds:.1f} s on {len(rows):,} rows",
        "recommend: 99 of 100 answers within": f"{np.quantile(taken, 0.99):.0f} us",
    }


def _took(rng: np.random.Generator, *, n_items: int, n_customers: int, each: int) -> Took:
    lines = rng.integers(0, n_items // _LINE, (n_customers, 3))
    customers = np.repeat(np.arange(n_customers), each)
    of_line = lines[customers, rng.integers(0, 3, len(customers))] * _LINE + rng.integers(0, _LINE, len(customers))
    anywhere = rng.integers(0, n_items, len(customers))
    items = np.where(rng.random(len(customers)) < 0.8, of_line, anywhere)
    order = rng.permutation(len(customers))
    return [*zip(customers[order].tolist(), items[order].tolist(), strict=True)]


def _store(home: Home, rows: Took, start: datetime) -> None:
    n = len(rows)
    frame = pl.DataFrame(
        {
            ENTITY: [str(customer) for customer, _ in rows],
            TIME: pl.Series([start + timedelta(seconds=30 * at) for at in range(n)]).cast(TIME_DTYPE),
            KEY: [msgspec.json.encode([f"i{item}"]).decode() for _, item in rows],
            LINE: np.arange(1, n + 1, dtype=np.int64),
            "item_id": [f"i{item}" for _, item in rows],
            "kind": ["view"] * n,
            "category": [f"c{item // _LINE % 30}" for _, item in rows],
        }
    )
    store, columns = EventStore(home.folder.events), ("item_id", "kind", "category")
    store.add(APP.name, "interaction", sort_checked(frame), columns, source="benchmark", now=start)


def _bodies(rng: np.random.Generator, *, n_items: int, n_customers: int, n: int) -> list[bytes]:
    made = []
    for place in range(n):
        body: dict[str, object] = {"user_id": int(rng.integers(0, n_customers)), "top_k": 5}
        if place % 2:
            body["seen"] = [f"i{item}" for item in rng.integers(0, n_items, 5).tolist()]
        made.append(msgspec.json.encode(body))
    return made


def _times_us(context: RouteContext, bodies: list[bytes]) -> list[float]:
    decode: Callable[[bytes], RecommendBody] = msgspec.json.Decoder(RecommendBody).decode
    clock, encode = time.perf_counter_ns, msgspec.json.encode
    taken = []
    for body in (*bodies[:20], *bodies):
        began = clock()
        told = encode(recommend(context, RouteRequest(path={}, query=None, body=decode(body))))
        taken.append((clock() - began) / 1_000)
        assert told.startswith(b"{"), told
    return taken[20:]
