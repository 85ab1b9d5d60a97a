"""Made-up rows of the shop: seeded, going on, fit for their schema, and with something in them to find."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.apps.storefront import APP
from telltale.apps.storefront.simulate import simulate
from telltale.apps.storefront.simulate_requests import KINDS
from telltale.apps.storefront.simulate_shop import N_CUSTOMERS, N_ITEMS
from telltale.contract.errors import UsageError
from telltale.contract.simulation import Simulation
from telltale.train.sources import check_simulated

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
EVENTS = [event.name for event in APP.events]


def rows(event: str, **how: float) -> pl.DataFrame:
    return simulate(event, Simulation(start=MONDAY, **how))  # type: ignore[arg-type]  # by name, as the tests write them


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(EVENTS), st.integers(0, 50), st.integers(1, 400), st.sampled_from((0.0, 0.1, 0.5)))
def test_rows_pass_their_own_schema_and_those_of_less_are_the_first_of_more(
    event: str, seed: int, n_rows: int, rate: float
) -> None:
    how = Simulation(seed=seed, n_rows=n_rows, positive_rate=rate)
    checked = check_simulated(APP, event, how)
    more = rows(event, seed=seed, n_rows=n_rows + 137, positive_rate=rate)

    assert checked.quarantined == ()
    assert checked.frame.height == n_rows
    assert more[:n_rows].equals(rows(event, seed=seed, n_rows=n_rows, positive_rate=rate))


@pytest.mark.parametrize("event", EVENTS)
def test_fewer_days_are_the_first_rows_of_more_and_begin_at_the_start(event: str) -> None:
    few, more = rows(event, days=8.5), rows(event, days=15.0)

    assert 0 < few.height <= more.height
    assert more[: few.height].equals(few)
    assert few["timestamp"][0] == MONDAY
    assert few["timestamp"].is_sorted()
    assert few["timestamp"][-1] < MONDAY + timedelta(days=8.5)


@pytest.mark.parametrize("event", ["activity", "order", "interaction"])
def test_another_seed_has_other_customers(event: str) -> None:
    assert not set(rows(event, days=3.0, seed=0)["user_id"]) & set(rows(event, days=3.0, seed=1)["user_id"])


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.1, 0.5])
def test_the_share_of_attacks_asked_for_is_the_share_made(rate: float) -> None:
    assert rows("request", n_rows=2_000, positive_rate=rate)["is_attack"].mean() == pytest.approx(rate, abs=1e-9)


def test_attacks_are_of_six_kinds_from_addresses_of_their_own() -> None:
    made = rows("request", n_rows=6_000)
    attacks, normal = made.filter(pl.col("is_attack") == 1), made.filter(pl.col("is_attack") == 0)

    assert set(attacks["attack"]) == set(KINDS)
    assert not set(attacks["client"]) & set(normal["client"])
    by_kind = attacks.group_by("attack").agg(pl.col("response_time", "request_size", "error_count").median())
    medians = {row["attack"]: row for row in by_kind.iter_rows(named=True)}
    assert medians["slow"]["response_time"] > 9
    assert medians["injection"]["request_size"] > 700
    assert medians["brute_force"]["error_count"] > 2
    assert medians["flood"]["response_time"] > 0.5


def test_failures_are_those_of_the_client_in_the_minute_before() -> None:
    made = rows("request", n_rows=1_500)
    for row in made[::29].iter_rows(named=True):
        since = row["timestamp"] - timedelta(seconds=60)
        own = made.filter(
            (pl.col("client") == row["client"])
            & (pl.col("timestamp") > since)
            & (pl.col("timestamp") <= row["timestamp"])
        )
        assert row["error_count"] == (own["status"] >= 400).sum()


def test_one_kind_of_attack_can_be_asked_for_and_no_other() -> None:
    made = simulate("request", Simulation(start=MONDAY, n_rows=600, kinds=("scraping",)))

    assert set(made.filter(pl.col("is_attack") == 1)["attack"]) == {"scraping"}
    with pytest.raises(UsageError, match="Known: brute_force, credential_stuffing"):
        simulate("request", Simulation(start=MONDAY, kinds=("picnic",)))
    with pytest.raises(UsageError, match="kind"):
        simulate("order", Simulation(start=MONDAY, kinds=("scraping",)))


def test_stuffing_is_by_many_clients_each_with_accounts_of_its_own() -> None:
    made = simulate("request", Simulation(start=MONDAY, n_rows=1_500, kinds=("credential_stuffing",)))
    attacks = made.filter(pl.col("is_attack") == 1)
    of_client = attacks.group_by("client", maintain_order=True).agg(
        pl.len(), pl.col("body").n_unique().alias("accounts")
    )

    assert of_client.height > 10
    assert (of_client["accounts"] > 1).all()
    assert of_client["len"].median() <= 6  # type: ignore[operator]  # there are rows


def test_customers_of_four_habits_do_different_things() -> None:
    month = rows("activity")
    means = {
        row["habit"]: row
        for row in month.group_by("habit").agg(pl.col("login_count", "purchase_count").mean()).iter_rows(named=True)
    }

    assert month["user_id"].n_unique() == N_CUSTOMERS
    assert means["loyal"]["purchase_count"] > 4
    assert means["browsing"]["purchase_count"] < 1
    assert means["dormant"]["login_count"] < 2


def test_some_items_are_taken_much_more_than_others() -> None:
    counts = rows("interaction")["item_id"].value_counts()["count"].sort(descending=True)

    assert len(counts) > 0.9 * N_ITEMS
    assert sum(counts[:20]) > 0.25 * sum(counts)


def test_an_order_is_of_one_moment_and_each_item_in_it_once() -> None:
    orders = rows("order")

    assert orders.group_by("user_id", "timestamp").len()["len"].max() > 1  # type: ignore[operator]  # there are rows
    assert not orders.select("user_id", "timestamp", "item_id").is_duplicated().any()
    assert orders.group_by("item_id").agg(pl.col("unit_price").n_unique())["unit_price"].max() == 1


def test_weekends_sell_more_where_a_product_has_a_week() -> None:
    days = rows("series").with_columns(pl.col("timestamp").dt.weekday().alias("weekday"))
    tea = days.filter(pl.col("series") == "product-01")
    saturday, tuesday = (tea.filter(pl.col("weekday") == weekday)["value"].mean() for weekday in (6, 2))

    assert saturday > 1.2 * tuesday  # type: ignore[operator]  # there are rows of both
    assert days["series"].n_unique() == 8
    assert (days["value"] >= 0).all()


def test_an_unknown_event_is_refused_with_those_known() -> None:
    with pytest.raises(UsageError, match="Known: activity, customer, interaction, order, request, series"):
        simulate("visit", Simulation(start=MONDAY))


def test_more_than_half_attacks_are_refused() -> None:
    with pytest.raises(UsageError, match=r"between 0 and 0\.5"):
        rows("request", positive_rate=0.6)
