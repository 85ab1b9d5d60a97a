"""Rows of what was done, as policies learn from them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from telltale.contract.errors import SchemaError
from telltale.contract.kinds import Acting, Reward
from telltale.contract.schema import Column, EventSchema
from telltale.models.acting import action_name, action_names, actions_by_name, acts_of, context_of
from telltale.telemetry.frames import ENTITY, LINE, TIME

PEER = EventSchema(name="peer", columns=(Column(name="latency_ms"),), entity="peer_id")
PEERS = Acting(
    action=("peer_id",),
    reward=Reward(column="latency_ms", is_cost=True, success="success", failure=2_000.0),
    context=("load", "size"),
    available="available_peers",
)
ROUND = EventSchema(name="round", columns=(Column(name="fanout"), Column(name="ttl"), Column(name="reward")))
ROUNDS = Acting(
    action=("fanout", "ttl"),
    reward=Reward(column="reward"),
    options={"fanout": (2.0, 3.0), "ttl": (4.0, 6.5)},
)


def _peer_rows() -> pl.DataFrame:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return pl.DataFrame(
        {
            ENTITY: ["a", "a", "b", "c", "d"],
            TIME: [start + timedelta(seconds=second) for second in (0, 9, 3, 4, 5)],
            LINE: [1, 2, 3, 4, 5],
            "success": [1.0, 0.0, 1.0, 1.0, None],
            "latency_ms": [10.0, None, 20.0, None, 40.0],
            "load": [0.5, 0.6, None, 0.1, 0.2],
            "available_peers": [["a", "b"], ["a", "b"], None, None, ["d", "e"]],
            "propensity": [0.5, None, 0.25, 0.25, 0.5],
        },
        schema_overrides={TIME: pl.Datetime("us", "UTC")},
    )


def test_rows_come_in_the_order_of_time_and_costs_become_rewards() -> None:
    acts = acts_of(_peer_rows(), PEERS, PEER)

    # c has neither failed nor a latency: it teaches nothing.
    assert acts.actions == ("a", "b", "d", "a")
    assert acts.rewards.tolist() == [-10.0, -20.0, -40.0, -2_000.0]
    assert acts.available == (("a", "b"), ("a", "b", "d", "e"), ("d", "e"), ("a", "b"))
    assert np.array_equal(acts.contexts[:, 0], [0.5, np.nan, 0.2, 0.6], equal_nan=True)
    assert np.isnan(acts.contexts[:, 1]).all()  # the rows have no such column
    assert np.array_equal(acts.propensities, [0.5, 0.25, 0.5, np.nan], equal_nan=True)
    assert np.diff(acts.times_s).min() > 0


def test_numeric_actions_have_a_name_and_others_than_the_options_teach_nothing() -> None:
    rows = pl.DataFrame(
        {
            ENTITY: ["n", "n", "n"],
            TIME: pl.Series([None] * 3, dtype=pl.Datetime("us", "UTC")),
            "fanout": [2.0, 3.0, 9.0],
            "ttl": [6.5, 4.0, 4.0],
            "reward": [1.0, 2.0, 3.0],
        }
    )

    acts = acts_of(rows, ROUNDS, ROUND)

    assert acts.actions == ("fanout=2,ttl=6.5", "fanout=3,ttl=4")
    assert acts.rewards.tolist() == [1.0, 2.0]
    assert acts.times_s.tolist() == [0.0, 0.0]
    assert set(acts.available) == {action_names(ROUNDS)}


def test_a_name_says_its_action_and_back() -> None:
    by_name = actions_by_name(ROUNDS)

    assert len(by_name) == 4
    assert all(action_name(action) == name for name, action in by_name.items())
    assert action_names(PEERS) == ()


def test_missing_columns_and_unknown_contexts_are_named() -> None:
    with pytest.raises(SchemaError, match="latency_ms"):
        acts_of(_peer_rows().drop("latency_ms"), PEERS, PEER)
    with pytest.raises(SchemaError, match=r"weather.*size"):
        context_of({"weather": 1.0}, PEERS.context)
    assert np.array_equal(context_of({"size": 2.0}, PEERS.context), [np.nan, 2.0], equal_nan=True)
