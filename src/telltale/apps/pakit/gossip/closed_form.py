"""What a rumour leads to, in closed form: expected values followed hop by hop, as if every network were a large one.

The protocol and the reward are those that are simulated. What it leaves out is chance: that one of the first few messages
is lost counts for more than its expected value says.

References:
    Kermarrec, Massoulié & Ganesh, "Probabilistic reliable dissemination in large-scale systems", IEEE TPDS 14 (2003).
    Karp, Schindelhauer, Shenker & Vöcking, "Randomized rumor spreading", FOCS (2000): the recursions of push and pull.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from telltale.apps.pakit.gossip.network import TRIES, Floats, Networks
from telltale.apps.pakit.gossip.reward import ACTIONS, cost_of

# Fan-out ln n + c reaches all with probability exp(-exp(-c)): .9991 at 7.
_CERTAINTY: Final = 7.0


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What is expected of each action in each network; arrays of shape (r, a).

    `rounds` is the hop at which the last one hears: the sum of the chances that somebody has yet to.
    """

    missed: Floats
    messages_a_node: Floats
    rounds: Floats


def certain_fanout(n_nodes: int) -> int:
    """Fan-out ln n + 7, up to the next whole one: enough for pushing alone to reach all, 999 times of 1,000.

    >>> [certain_fanout(n) for n in (64, 1024)]
    [12, 14]
    """
    return math.ceil(math.log(n_nodes) + _CERTAINTY)


def expected(networks: Networks, *, fanout: Floats, ttl: Floats, tries: int = TRIES) -> Expected:
    """Follow the expected number of nodes that have not heard, hop by hop.

    Args:
        networks: r of them.
        fanout: of each action, shape (a,).
        ttl: of each action, shape (a,).
        tries: requests of a node that has not heard by its TTL.
    """
    n_nodes, loss = networks.n_nodes[:, None].astype(np.float64), networks.loss[:, None]
    others, arrives = n_nodes - 1.0, 1.0 - loss
    stays = np.exp(-networks.churn * networks.latency_ms / 1e3)[:, None]
    each = np.minimum(fanout, others)
    unheard, fresh = np.broadcast_to(others, each.shape).copy(), np.ones(each.shape)
    sent, rounds = np.zeros(each.shape), -np.expm1(-unheard)
    asked = answered = np.zeros(each.shape)
    missing_one = np.log1p(-np.minimum(arrives, 1.0 - 1e-9) / others)
    for hop in range(1, int(ttl.max()) + 2 * tries + 1):
        left = stays**hop
        knowing = np.clip((n_nodes * left - unheard * stays) / others, 0.0, 1.0)  # the share of peers that could reply
        unheard = unheard * stays
        pushes = np.where(hop <= ttl, fresh * each, 0.0)
        told = unheard * -np.expm1(pushes * missing_one)
        answered = np.minimum(answered, unheard - told)
        fresh, unheard = told, unheard - told - answered
        replies = asked * arrives * knowing
        late = hop - ttl
        asked = np.where((late >= 0) & (late % 2 == 0) & (late < 2 * tries), unheard, 0.0)
        answered = replies * arrives
        sent += pushes + asked + replies
        rounds += -np.expm1(-unheard)
    return Expected(missed=unheard / n_nodes, messages_a_node=sent / n_nodes, rounds=rounds)


def expected_rewards(networks: Networks) -> Floats:
    """The reward that is expected of every action that is allowed, in the order of `ACTIONS`, shape (r, a)."""
    fanout, ttl = ACTIONS.T
    found = expected(networks, fanout=fanout, ttl=ttl)
    return cost_of(found.missed, found.messages_a_node, found.rounds * networks.latency_ms[:, None] / 1e3)


def best_actions(networks: Networks) -> Floats:
    """The allowed fan-out and TTL of the highest expected reward in each network, shape (r, 2)."""
    best: Floats = ACTIONS[np.argmax(expected_rewards(networks), axis=1)]
    return best
