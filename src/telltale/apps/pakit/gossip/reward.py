"""What may be chosen for a rumour, and what it is worth when it is over.

The reward is stated beforehand, and the same whoever is judged by it: 1 if all heard for nothing and at once, less ten times the
share that did not hear (at most 1), less 0.02 for every message a node, less 0.1 for every second. So a message more for each
node is worth it where it saves 0.2 s, and one node in a thousand that does not hear is as dear as half a message for each.
"""

from itertools import product
from typing import Final

import numpy as np

from telltale.apps.pakit.gossip.network import Floats, Networks, Spread

# A policy cannot leave these bounds: every pair of them is an action, and there is no other.
FANOUTS: Final = (3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0)
TTLS: Final = (2.0, 3.0, 4.0, 6.0, 10.0)
ACTIONS: Final = np.array(list(product(FANOUTS, TTLS)))  # shape (a, 2)

MISSED_COST: Final = 10.0
MESSAGE_COST: Final = 0.02
SECOND_COST: Final = 0.1


def reward_of(networks: Networks, found: Spread) -> Floats:
    """The reward of each rumour, shape (r,)."""
    seconds = found.rounds * networks.latency_ms / 1e3
    return cost_of(1.0 - found.coverage, found.messages / networks.n_nodes, seconds)


def cost_of(missed: Floats, messages_a_node: Floats, seconds: Floats) -> Floats:
    """1 less what was missed and spent; higher is better.

    >>> cost_of(np.array([0.0, 0.01]), np.array([2.0, 2.0]), np.array([1.0, 1.0])).round(3).tolist()
    [0.86, 0.76]
    """
    return 1.0 - np.minimum(1.0, MISSED_COST * missed) - MESSAGE_COST * messages_a_node - SECOND_COST * seconds
