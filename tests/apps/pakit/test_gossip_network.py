"""Rumours in simulated networks, beside a plain oracle that follows every node by itself."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.apps.pakit.gossip.network import Networks, Spread, spread


def alike(n_nodes: int, runs: int, *, loss: float = 0.0, churn: float = 0.0) -> Networks:
    return Networks(
        n_nodes=np.full(runs, n_nodes, dtype=np.int64),
        loss=np.full(runs, loss),
        latency_ms=np.full(runs, 100.0),
        churn=np.full(runs, churn),
    )


def told(networks: Networks, fanout: int, ttl: int, *, seed: int = 0, tries: int = 12, silent: float = 0.0) -> Spread:
    runs = len(networks.loss)
    rng = np.random.default_rng(seed)
    actions = {"fanout": np.full(runs, fanout, dtype=np.int64), "ttl": np.full(runs, ttl, dtype=np.int64)}
    return spread(networks, **actions, rng=rng, tries=tries, silent=silent)


def plainly(  # noqa: PLR0917 - as the columns of a table
    n_nodes: int, loss: float, fanout: int, ttl: int, tries: int, rng: random.Random
) -> tuple[float, int, int]:
    """Coverage, messages and rounds of one rumour without churn, node by node."""
    heard = {0: (0, 0)}  # node: when, and from whom
    fresh, requests, replies, messages = [0], list[tuple[int, int]](), list[int](), 0
    for hop in range(1, ttl + 2 * tries + 1):
        knew, arrived, pulled = set(heard), [], [node for node in replies if rng.random() >= loss]
        for node in fresh if hop <= ttl else []:
            others = [other for other in range(n_nodes) if other not in {node, heard[node][1]}]
            for other in rng.sample(others, min(fanout, len(others))):
                messages += 1
                if rng.random() >= loss:
                    arrived.append((other, node))
        replies = [asker for asker, asked in requests if rng.random() >= loss and asked in knew]
        messages += len(replies)
        fresh = []
        for node, teller in arrived:
            if node not in heard:
                heard[node] = (hop, teller)
                fresh.append(node)
        for node in pulled:
            heard.setdefault(node, (hop, node))
        late = hop - ttl
        asks = late >= 0 and late % 2 == 0 and late < 2 * tries
        asking = [node for node in range(n_nodes) if node not in heard] if asks else []
        requests = [(node, rng.choice([other for other in range(n_nodes) if other != node])) for node in asking]
        messages += len(requests)
    return len(heard) / n_nodes, messages, max(when for when, _ in heard.values())


@pytest.mark.parametrize(
    ("n_nodes", "loss", "fanout", "ttl", "tries"), [(24, 0.1, 3, 3, 4), (40, 0.2, 5, 2, 12), (30, 0.05, 4, 20, 0)]
)
def test_coverage_messages_and_rounds_are_those_of_a_plain_oracle(
    n_nodes: int, loss: float, fanout: int, ttl: int, tries: int
) -> None:
    rng = random.Random(1)
    plain = np.array([plainly(n_nodes, loss, fanout, ttl, tries, rng) for _ in range(600)])
    found = told(alike(n_nodes, 6_000, loss=loss), fanout, ttl, tries=tries)

    ours = np.column_stack([found.coverage, found.messages, found.rounds])
    error = np.sqrt(plain.var(axis=0) / len(plain) + ours.var(axis=0) / len(ours)) + 1e-9
    assert (np.abs(plain.mean(axis=0) - ours.mean(axis=0)) < 4 * error).all()


@given(n_nodes=st.integers(3, 60), seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_a_node_tells_different_others_and_neither_itself_nor_who_told_it(n_nodes: int, seed: int) -> None:
    one_hop = told(alike(n_nodes, 3), n_nodes + 5, 1, seed=seed)
    two_hops = told(alike(n_nodes, 3), n_nodes + 5, 2, seed=seed)

    # Were one told twice, another would be left out; were the teller told back, there would be more messages.
    assert (one_hop.coverage == 1.0).all()
    assert (one_hop.rounds == 1).all()
    assert (one_hop.messages == n_nodes - 1).all()
    assert (two_hops.messages == (n_nodes - 1) + (n_nodes - 1) * (n_nodes - 2)).all()


def test_pushing_alone_reaches_the_share_that_theory_says() -> None:
    found = told(alike(3_000, 20), 3, 64, tries=0)

    share = 0.9
    for _ in range(100):
        share = 1.0 - np.exp(-3.0 * share)  # Kermarrec, Massoulié & Ganesh: the share that hears
    assert found.coverage.mean() == pytest.approx(share, abs=0.005)
    assert (found.asked == 0).all()


def test_where_every_message_is_lost_nobody_hears_and_all_are_counted() -> None:
    found = told(alike(20, 4, loss=1.0), 5, 3, tries=2)

    assert found.coverage.tolist() == [0.05] * 4
    assert found.messages.tolist() == [5 + 2 * 19] * 4
    assert found.rounds.tolist() == [0] * 4


def test_networks_side_by_side_do_not_mix() -> None:
    networks = Networks(
        n_nodes=np.array([50, 10, 50]),
        loss=np.array([0.0, 1.0, 0.0]),
        latency_ms=np.full(3, 100.0),
        churn=np.zeros(3),
    )
    found = spread(networks, fanout=np.array([6, 2, 6]), ttl=np.array([3, 3, 3]), rng=np.random.default_rng(3))

    assert found.coverage.tolist() == [1.0, 0.1, 1.0]
    assert found.rounds[1] == 0


def test_nodes_that_leave_cost_messages_and_are_not_missed() -> None:
    calm, busy = told(alike(200, 40), 6, 4), told(alike(200, 40, churn=2.0), 6, 4)

    assert calm.coverage.min() == 1.0
    assert busy.coverage.mean() > 0.95
    assert busy.messages.mean() < calm.messages.mean()
    assert told(alike(200, 40, churn=50.0), 6, 4).coverage.min() > 0.0  # the source stays


def test_silent_nodes_hear_and_do_not_tell() -> None:
    found = told(alike(100, 30), 4, 3, silent=1.0)

    # The source alone tells: four others at once, and whoever asks it.
    assert (found.messages - found.asked == 4).all()
    assert found.coverage.mean() < 0.5


def test_the_same_seed_gives_the_same_rumours() -> None:
    networks = alike(64, 5, loss=0.2, churn=0.1)

    one, again, other = (told(networks, 5, 3, seed=seed) for seed in (4, 4, 5))
    assert one.messages.tolist() == again.messages.tolist()
    assert one.messages.tolist() != other.messages.tolist()
