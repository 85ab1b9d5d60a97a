"""The task pakit/gossip: trained on made-up rumours, asked as its clients ask, and never out of its bounds."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.apps.pakit import APP
from telltale.apps.pakit.gossip.closed_form import expected_rewards
from telltale.apps.pakit.gossip.env import GossipEnv
from telltale.apps.pakit.gossip.levels import levels_of, measured, rows_of_episodes
from telltale.apps.pakit.gossip.network import Networks
from telltale.apps.pakit.gossip.reward import ACTIONS, FANOUTS, TTLS
from telltale.apps.pakit.gossip.simulate import drawn_networks
from telltale.apps.pakit.gossip.task import GOSSIP_TASK, expected_rows
from telltale.contract.app import Task
from telltale.contract.query import ActQuery
from telltale.contract.simulation import Simulation
from telltale.models.act_runtime import ActRuntime
from telltale.models.acting import actions_by_name, acts_of
from telltale.models.tabular_q import ESTIMATOR
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import Checked, check_rows
from telltale.testing.trained_task import TrainedTask
from telltale.train.sources import simulated

EVENT = APP.event("gossip")


@pytest.fixture(scope="module")
def runtime() -> ActRuntime:
    found = TrainedTask(APP, GOSSIP_TASK, "tabular_q").runtime
    assert isinstance(found, ActRuntime)
    return found


def checked(rows: pl.DataFrame) -> Checked:
    numbered = rows.with_columns(pl.int_range(1, pl.len() + 1).alias(LINE))
    return check_rows(EVENT, RawRows(frame=numbered, source="test"), require_time=False)


def test_two_measures_are_enough_to_be_answered(runtime: ActRuntime) -> None:
    (answer,) = runtime.ask([ActQuery(context={"avg_latency_ms": 100.0, "message_loss_rate": 0.05})])

    assert answer.action.keys() == {"fanout", "ttl"}
    assert answer.action["fanout"] in FANOUTS
    assert answer.action["ttl"] in TTLS
    assert 0.5 < answer.expected < 1.0


@given(
    context=st.dictionaries(
        st.sampled_from(["avg_latency_ms", "message_loss_rate", "n_nodes", "churn_rate"]),
        st.floats(allow_nan=True, allow_infinity=True),
    ),
    reward=st.floats(-1e6, 1e6),
)
@settings(max_examples=40, deadline=None)
def test_no_measure_and_no_reward_makes_it_leave_its_bounds(
    runtime: ActRuntime, context: dict[str, float], reward: float
) -> None:
    assert GOSSIP_TASK.acting is not None
    rows = checked(
        pl.DataFrame({"network_id": "n", "fanout": [999.0, 3.0], "ttl": [999.0, 2.0], "reward": [1e9, reward]})
    )
    learned = runtime.learn(rows.frame)
    chances = learned.probabilities(ActQuery(context=context))

    assert chances.keys() == actions_by_name(GOSSIP_TASK.acting).keys()
    assert sum(chances.values()) == pytest.approx(1.0)
    (answer,) = learned.ask([ActQuery(context=context)])
    assert [answer.action["fanout"], answer.action["ttl"]] in ACTIONS.tolist()
    assert answer.n_learned == 1  # the action that is none of the options teaches nothing


def test_larger_networks_are_told_by_more(runtime: ActRuntime) -> None:
    def reach(n_nodes: float) -> float:
        chances = runtime.probabilities(
            ActQuery(
                context={"avg_latency_ms": 100.0, "message_loss_rate": 0.05, "n_nodes": n_nodes, "churn_rate": 0.0}
            )
        )
        assert GOSSIP_TASK.acting is not None
        action = actions_by_name(GOSSIP_TASK.acting)[max(chances, key=chances.__getitem__)]
        return math.pow(float(action["fanout"]), float(action["ttl"]))

    assert reach(16.0) < reach(120.0) < reach(1_000.0)


def test_a_version_from_a_short_log_owes_its_start_to_what_is_known_beforehand() -> None:
    networks = drawn_networks(np.random.default_rng(44), 40)
    rewards = expected_rewards(networks)
    assert GOSSIP_TASK.acting is not None
    names = list(actions_by_name(GOSSIP_TASK.acting))

    def mean_regret(task: Task) -> float:
        found = TrainedTask(APP, task, "tabular_q").runtime
        assert isinstance(found, ActRuntime)
        chosen = []
        for place in range(40):
            context = {name: float(column[place]) for name, column in measured(networks).items()}
            chances = found.probabilities(ActQuery(context=context))
            chosen.append(names.index(max(chances, key=chances.__getitem__)))
        return float((rewards.max(axis=1) - rewards[np.arange(40), chosen]).mean())

    with_it = mean_regret(GOSSIP_TASK)
    assert with_it < 0.02
    assert mean_regret(replace(GOSSIP_TASK, beforehand=None)) > 1.5 * with_it


def test_what_is_known_beforehand_is_rows_of_the_event() -> None:
    rows = expected_rows()
    found = checked(rows.with_columns(pl.format("network {}", pl.int_range(pl.len())).alias("network_id")))

    assert found.quarantined == ()
    assert rows.equals(expected_rows())
    assert rows.group_by("fanout", "ttl").len()["len"].unique().to_list() == [rows.height // len(ACTIONS)]


def test_episodes_of_states_actions_and_rewards_alone_teach_a_policy() -> None:
    env = GossipEnv(n_rumours=400, largest=1)
    env.action_space.seed(1)
    state, _ = env.reset(seed=1)
    episodes = []
    for _ in range(400):
        action = env.action_space.sample()
        after, reward, *_ = env.step(action)
        episodes.append({"state": tuple(state.tolist()), "action": tuple(ACTIONS[action]), "reward": reward})
        state = after
    episodes.append({"state": (1, 2, 0, 1), "action": (6, 10), "reward": 0.8})

    assert GOSSIP_TASK.acting is not None
    acts = acts_of(checked(rows_of_episodes(episodes)).frame, GOSSIP_TASK.acting, EVENT)
    policy = ESTIMATOR.load(ESTIMATOR.fit(acts, acting=GOSSIP_TASK.acting, parameters=ESTIMATOR.defaults, seed=0))
    names = acts.available[0]
    worth = policy.expected(names, np.array([100.0, 0.05, np.nan, np.nan]))
    chosen = actions_by_name(GOSSIP_TASK.acting)[names[int(np.argmax(worth))]]

    assert len(acts.actions) == 401
    # Nets of some dozens: telling sixteen for ten hops is a waste that 400 episodes show.
    assert worth.max() > worth[names.index("fanout=16,ttl=10")] + 0.05
    assert float(chosen["fanout"]) < 16.0


def test_made_up_rounds_try_every_action_as_often_under_the_same_conditions() -> None:
    rows = simulated(APP, "gossip", Simulation(n_rows=480))

    each = rows.group_by("network_id", "n_nodes", "fanout", "ttl").len()
    assert each.height == 480
    assert rows["propensity"].unique().to_list() == [1 / len(ACTIONS)]
    assert rows["network_id"].n_unique() == 12
    networks = Networks(
        n_nodes=rows["n_nodes"].to_numpy().astype(np.int64),
        loss=rows["message_loss_rate"].to_numpy(),
        latency_ms=rows["avg_latency_ms"].to_numpy(),
        churn=rows["churn_rate"].to_numpy(),
    )
    assert levels_of(networks).tolist() == [[int(level) for level in state] for state in rows["state"].to_list()]


def test_fewer_rows_are_the_first_of_more_whatever_comes_after() -> None:
    assert simulated(APP, "gossip", Simulation(n_rows=700, seed=3))[:300].equals(
        simulated(APP, "gossip", Simulation(n_rows=300, seed=3))
    )
