import numpy as np
import pytest

from telltale.apps.pakit.gossip.closed_form import best_actions, certain_fanout, expected, expected_rewards
from telltale.apps.pakit.gossip.network import Networks, spread
from telltale.apps.pakit.gossip.reward import ACTIONS, FANOUTS, TTLS, reward_of


def one(n_nodes: int, *, loss: float = 0.0, churn: float = 0.0, latency_ms: float = 100.0) -> Networks:
    return Networks(
        n_nodes=np.array([n_nodes]), loss=np.array([loss]), latency_ms=np.array([latency_ms]), churn=np.array([churn])
    )


@pytest.mark.parametrize("action", [(6.0, 4.0), (8.0, 3.0), (12.0, 3.0)])
@pytest.mark.parametrize(("loss", "churn"), [(0.0, 0.0), (0.05, 0.1)])
def test_in_a_large_network_it_expects_what_a_simulation_finds(
    action: tuple[float, float], loss: float, churn: float
) -> None:
    network = one(800, loss=loss, churn=churn)
    fanout, ttl = (np.array([value]) for value in action)
    said = expected(network, fanout=fanout, ttl=ttl)
    many = network.taken(np.zeros(60, dtype=np.int64))
    found = spread(
        many,
        fanout=np.repeat(fanout, 60).astype(np.int64),
        ttl=np.repeat(ttl, 60).astype(np.int64),
        rng=np.random.default_rng(0),
    )

    assert said.messages_a_node[0, 0] == pytest.approx(found.messages.mean() / 800, rel=0.05)
    assert said.rounds[0, 0] == pytest.approx(found.rounds.mean(), abs=0.8)
    assert said.missed[0, 0] < 1e-3


def test_what_it_chooses_is_near_the_best_of_a_simulation() -> None:
    network = one(96, loss=0.1)
    runs = 100
    many = network.taken(np.zeros(len(ACTIONS) * runs, dtype=np.int64))
    fanout, ttl = np.repeat(ACTIONS, runs, axis=0).astype(np.int64).T
    found = spread(many, fanout=fanout, ttl=ttl, rng=np.random.default_rng(1))
    rewards = reward_of(many, found).reshape(len(ACTIONS), runs).mean(axis=1)

    chosen = int(np.flatnonzero((best_actions(network)[0] == ACTIONS).all(axis=1))[0])
    assert rewards[chosen] > rewards.max() - 0.01
    assert rewards[chosen] > np.median(rewards) + 0.05


def test_slower_networks_are_told_in_fewer_hops() -> None:
    quick, slow = one(256, latency_ms=20.0), one(256, latency_ms=400.0)

    def rounds(network: Networks) -> float:
        fanout, ttl = best_actions(network).T
        return float(expected(network, fanout=fanout, ttl=ttl).rounds[0, 0])

    assert rounds(slow) < rounds(quick) - 1.0


def test_rewards_come_for_every_allowed_action_of_every_network() -> None:
    networks = Networks(
        n_nodes=np.array([3, 64, 4_000]), loss=np.array([0.0, 1.0, 0.3]), latency_ms=np.full(3, 90.0), churn=np.zeros(3)
    )
    rewards = expected_rewards(networks)

    assert rewards.shape == (3, len(FANOUTS) * len(TTLS))
    assert np.isfinite(rewards).all()
    assert (rewards[1] < 0.0).all()  # nothing arrives


@pytest.mark.parametrize("n_nodes", [64, 256])
def test_the_certain_fanout_reaches_all_by_pushing_alone(n_nodes: int) -> None:
    many = one(n_nodes).taken(np.zeros(200, dtype=np.int64))
    fanout = np.full(200, certain_fanout(n_nodes))
    found = spread(many, fanout=fanout, ttl=np.full(200, 64), rng=np.random.default_rng(2), tries=0)

    assert (found.coverage == 1.0).mean() > 0.97
