"""Rumours in lossy, churning networks: who hears, at which hop, and how many messages that takes.

The protocol. A store tells every node something once an interval, so a node knows when the next rumour is due. At hop 0 one
node, the source, has it. Who hears for the first time at hop t sends it to `fanout` others, different ones, drawn at random, but
not to whom it came from, provided that t is below `ttl`. At hop `ttl`, and every two hops from there on, who has still not
heard asks one node drawn at random, which replies where it knows; after `tries` requests in vain it gives up. With 0 tries
there is only pushing: for rumours that come unannounced.

A message is a push, a request or a reply; each counts when it is sent, whether it is lost, goes to a node that has left, or
tells what is known already. A hop is what one message takes: a request and its reply take two.

Not modelled: links that differ, messages that overtake each other, nodes that know only some others. Who comes is told
with its membership, under every policy alike, and counted under none.

References:
    Demers et al., "Epidemic algorithms for replicated database maintenance", PODC (1987).
    Mercier, Hayez & Matos, "Optimal epidemic dissemination", arXiv 1709.00198 (2017).
"""

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TRIES: Final = 12
_REPLY_HOPS = 2  # a request and its reply
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, kw_only=True)
class Networks:
    """Several networks, each with a rumour of its own; arrays of shape (r,).

    Args:
        n_nodes: at least 3.
        loss: the share of messages that are lost, from 0 to 1.
        latency_ms: what a hop takes.
        churn: the share of nodes that leave in a second; views of the others do not hear of it while the rumour spreads.
    """

    n_nodes: Ints
    loss: Floats
    latency_ms: Floats
    churn: Floats

    def taken(self, which: Ints) -> "Networks":
        """Some of them, by number, each as often as it is named."""
        return Networks(
            n_nodes=self.n_nodes[which],
            loss=self.loss[which],
            latency_ms=self.latency_ms[which],
            churn=self.churn[which],
        )


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What came of each rumour; arrays of shape (r,).

    Args:
        coverage: the share that heard, of the nodes that did not leave before they did or gave up.
        messages: all that were sent.
        asked: those of them that are requests or replies.
        rounds: the hop at which the last of those that heard did.
    """

    coverage: Floats
    messages: Ints
    asked: Ints
    rounds: Ints


def spread(
    networks: Networks,
    *,
    fanout: Ints,
    ttl: Ints,
    rng: np.random.Generator,
    tries: int = TRIES,
    silent: float = 0.0,
) -> Spread:
    """Spread one rumour in each network, all side by side.

    Args:
        networks: r of them.
        fanout: peers told by each, shape (r,), at least 1; more than there are means all of them.
        ttl: hops, shape (r,), at least 1.
        rng: where chance comes from.
        tries: requests of a node that has not heard by then.
        silent: the share of nodes, but for sources, that hear and ask, and neither push nor reply: which no measure tells.
    """
    nodes = _Nodes(networks, rng, silent=silent)
    pushed, asked = np.zeros(len(fanout), dtype=np.int64), np.zeros(len(fanout), dtype=np.int64)
    gives_up = ttl + _REPLY_HOPS * tries
    fresh, waiting = nodes.sources, np.flatnonzero(nodes.heard_at < 0)
    requests = replies = _Messages(sender=_NOBODY, receiver=_NOBODY)
    for hop in range(1, int(gives_up.max()) + 1):
        pushes = nodes.pushes(fresh[hop <= ttl[nodes.run[fresh]]], fanout, hop)
        received = nodes.received(requests, hop)
        answering = (nodes.heard_at[received.receiver] >= 0) & nodes.tells[received.receiver]
        fresh = nodes.hear(nodes.received(pushes, hop), hop)
        nodes.hear(nodes.received(replies, hop), hop)  # who had to ask does not push
        replies = _Messages(sender=received.receiver[answering], receiver=received.sender[answering])
        waiting = waiting[(nodes.heard_at[waiting] < 0) & (nodes.leaves_at[waiting] > hop)]
        late = hop - ttl[nodes.run[waiting]]
        asks = (late >= 0) & (late % _REPLY_HOPS == 0) & (late < _REPLY_HOPS * tries)
        requests = nodes.requests(waiting[asks])
        pushed += nodes.count(pushes)
        asked += nodes.count(requests) + nodes.count(replies)
        if not (len(fresh) or len(waiting) or len(replies.sender)):
            break
    return nodes.outcome(pushed, asked, gives_up)


@dataclass(frozen=True, kw_only=True)
class _Messages:
    """Who sends to whom, by the node's number over all networks; arrays of one length."""

    sender: Ints
    receiver: Ints


_NOBODY: Final = np.empty(0, dtype=np.int64)


@final
class _Nodes:
    """The nodes of all networks one after another; the first of each network is its source, and stays."""

    def __init__(self, networks: Networks, rng: np.random.Generator, *, silent: float) -> None:
        self._rng = rng
        self._n, self._loss = networks.n_nodes, networks.loss
        self.sources: Ints = np.concatenate([[0], np.cumsum(self._n)[:-1]]).astype(np.int64)
        self.run: Ints = np.repeat(np.arange(len(self._n)), self._n)
        self.heard_at: Ints = np.full(len(self.run), -1)
        self.heard_at[self.sources] = 0
        self._told_by = self.sources[self.run]  # of the source: itself, so that nobody is left out
        leaving = 1.0 - np.exp(-networks.churn * networks.latency_ms / 1e3)
        self.leaves_at: Ints = np.full(len(self.run), _NEVER)
        going = np.flatnonzero(leaving[self.run] > 0)
        self.leaves_at[going] = rng.geometric(leaving[self.run[going]])
        self.leaves_at[self.sources] = _NEVER
        self.tells = rng.random(len(self.run)) >= silent if silent else np.ones(len(self.run), dtype=np.bool_)
        self.tells[self.sources] = True

    def pushes(self, tellers: Ints, fanout: Ints, hop: int) -> _Messages:
        """To `fanout` different others each, but not to whom it came from; who has left by this hop tells nobody."""
        tellers = tellers[(self.leaves_at[tellers] >= hop) & self.tells[tellers]]
        run = self.run[tellers]
        teller_of = self._told_by[tellers]
        others = self._n[run] - np.where(teller_of == tellers, 1, 2)
        each = np.minimum(fanout[run], others)
        line = np.repeat(np.arange(len(tellers)), each)
        place = np.arange(len(line)) - np.repeat(np.cumsum(each) - each, each)
        # One of each of `each` equal parts of a ring of the others, which is turned at random: different, and all alike.
        low, high = place * others[line] // each[line], (place + 1) * others[line] // each[line]
        turn = (self._rng.random(len(tellers)) * others).astype(np.int64)
        step = (low + (self._rng.random(len(line)) * (high - low)).astype(np.int64) + turn[line]) % others[line] + 1
        known = (teller_of - tellers)[line] % self._n[run[line]]
        step += (known > 0) & (step >= known)
        return _Messages(sender=tellers[line], receiver=self._stepped(tellers[line], step))

    def requests(self, askers: Ints) -> _Messages:
        """To any other each."""
        step = 1 + (self._rng.random(len(askers)) * (self._n[self.run[askers]] - 1)).astype(np.int64)
        return _Messages(sender=askers, receiver=self._stepped(askers, step))

    def received(self, messages: _Messages, hop: int) -> _Messages:
        """Those that are not lost, and whose receiver has not left."""
        arrives = self._rng.random(len(messages.sender)) >= self._loss[self.run[messages.sender]]
        arrives &= self.leaves_at[messages.receiver] > hop
        return _Messages(sender=messages.sender[arrives], receiver=messages.receiver[arrives])

    def hear(self, messages: _Messages, hop: int) -> Ints:
        """Take the rumour in; who hears it for the first time."""
        new = self.heard_at[messages.receiver] < 0
        heard, first = np.unique(messages.receiver[new], return_index=True)
        self.heard_at[heard] = hop
        self._told_by[heard] = messages.sender[new][first]
        return heard

    def count(self, messages: _Messages) -> Ints:
        """Messages by network."""
        return np.bincount(self.run[messages.sender], minlength=len(self._n))

    def outcome(self, pushed: Ints, asked: Ints, gives_up: Ints) -> Spread:
        """What came of each rumour."""
        heard = self.heard_at >= 0
        missed = ~heard & (self.leaves_at > gives_up[self.run])
        n_heard = np.bincount(self.run[heard], minlength=len(self._n))
        n_missed = np.bincount(self.run[missed], minlength=len(self._n))
        return Spread(
            coverage=n_heard / (n_heard + n_missed),
            messages=pushed + asked,
            asked=asked,
            rounds=np.maximum.reduceat(self.heard_at, self.sources),
        )

    def _stepped(self, node: Ints, step: Ints) -> Ints:
        """The node so many places further in the ring of its network."""
        first, n = self.sources[self.run[node]], self._n[self.run[node]]
        return first + (node - first + step) % n
