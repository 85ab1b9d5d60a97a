"""Customers made from interactions: visits, carts after views, purchases; and which source a file is of."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from telltale.apps.storefront import APP
from telltale.apps.storefront.visits import customers_from_interactions
from telltale.contract.simulation import Simulation
from telltale.home import open_home
from telltale.home.derivations import derive_rows
from telltale.models.bundle import load_bundle
from telltale.telemetry.frames import ENTITY, LINE, TIME
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import simulated

START = datetime(2024, 1, 1, tzinfo=UTC)


def acts(*rows: tuple[str, float, str, str | None, float | None]) -> pl.DataFrame:
    """Interactions: user, minute, item, kind, price."""
    return pl.DataFrame(
        {
            ENTITY: [row[0] for row in rows],
            TIME: pl.Series([START + timedelta(minutes=row[1]) for row in rows]).dt.cast_time_unit("us"),
            LINE: pl.Series(range(1, len(rows) + 1), dtype=pl.Int64),
            "item_id": [row[2] for row in rows],
            "kind": pl.Series([row[3] for row in rows], dtype=pl.String),
            "price": pl.Series([row[4] for row in rows], dtype=pl.Float64),
        }
    ).sort(ENTITY, TIME, LINE)


def test_visits_are_told_apart_and_carts_know_whether_the_item_was_viewed() -> None:
    rows = acts(
        ("ann", 0, "a", "view", None),
        ("ann", 5, "a", "cart", None),
        ("ann", 6, "b", "cart", None),
        ("ann", 8, "a", "purchase", 12.0),
        ("ann", 9, "b", "purchase", 3.0),
        ("ann", 100, "c", None, None),  # of no kind: a view, in another visit
        ("bob", 50, "a", "view", None),
    )
    ann, bob = customers_from_interactions(rows).frame.rows(named=True)

    assert (ann["n_visits"], ann["n_views"], ann["views_a_visit"]) == (2, 2, 1.0)
    assert (ann["cart_share"], ann["purchase_share"], ann["view_to_cart"]) == (0.5, 0.5, 0.5)
    assert (ann["n_orders"], ann["spend"], ann["basket_lines"]) == (1, 15.0, 2)
    assert (bob["n_orders"], bob["spend"], bob["recency_days"], bob["n_views"]) == (0, 0.0, None, 1)


def test_who_only_looked_and_bought_later_has_that_as_what_came_later() -> None:
    day = 24 * 60.0
    rows = acts(
        ("ann", 0, "a", "view", 5.0),
        ("ann", 100 * day, "a", "purchase", 5.0),
        ("bob", 0, "a", "view", None),
        ("bob", 160 * day, "a", "view", None),
    )
    frame = customers_from_interactions(rows).frame.filter(pl.col("next_spend").is_not_null())

    assert frame.height == 2
    assert frame["next_spend"].to_list() == [5.0, 0.0]
    assert frame["n_orders"].to_list() == [0.0, 0.0]


@pytest.mark.parametrize("event", ["order", "interaction"])
def test_a_file_of_either_source_makes_customers(event: str, tmp_path: Path) -> None:
    simulated(APP, event, Simulation(n_rows=300)).write_ndjson(tmp_path / "rows.ndjson")
    with open_home(tmp_path / "home") as home:
        derived = derive_rows(home, "storefront/customer", str(tmp_path / "rows.ndjson"))

    assert derived.source == f"storefront/{event}"
    assert derived.n_read == 300
    assert derived.frame["n_visits"].null_count() == (derived.frame.height if event == "order" else 0)


def test_a_shop_that_stores_orders_alone_has_its_customers_divided(tmp_path: Path) -> None:
    simulated(APP, "order", Simulation(days=200.0)).write_ndjson(tmp_path / "orders.ndjson")
    with open_home(tmp_path / "home") as home:
        home.ingest("storefront/order", str(tmp_path / "orders.ndjson"))
        trained = home.train("storefront/users", choices=TrainingChoices(parameters={"k": 3}))

    manifest = load_bundle(trained.version.path).manifest
    assert (manifest.trained_on.kind, manifest.estimator) == ("store", "value_points")
    assert manifest.trained_on.n_rows >= 200
