"""What following training rows teaches, as parts of a bundle, and back."""

from collections.abc import Collection, Sequence
from typing import Final, final

import numpy as np
from msgspec.structs import replace

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Parameters, Parts
from telltale.contract.learners import Foretold
from telltale.models.succession.association import MOST_SURE
from telltale.models.succession.follower import FIRST_GOOD, FIRST_TRIED, N_CELLS, GatedFollower, Known
from telltale.models.succession.gate import NOTHING
from telltale.models.succession.network import Network
from telltale.models.succession.recent_items import RecentItems

DEFAULTS: Final = {"capacity": 131_072, "store_items": 0, "lowest": 0.25, "budget": 0.12}
_TOP_K: Final = 32
# Where nobody says how much the store holds: one item in a hundred, as long as that is more than a handful.
_STORE_SHARE, _LEAST_STORE = 0.01, 64
# What training counted gives way to what is counted after it: a gate begins with no more than this.
_MOST_WEIGHT: Final = 200.0
_ARRAYS: Final = (
    "good",
    "tried",
    "totals",
    "addresses",
    "followed",
    "successor_numbers",
    "successor_sureness",
    "settings",
)
_ITEMS: Final = "associated"
VOCABULARY, LENGTH = "vocabulary", "network_length"
_MOST_WITH_NETWORK: Final = 20_000


def learn(sequences: Sequence[Sequence[str]], known: Known, *, store_items: int) -> Known:
    """Follow several entities through their items, one after the other: what is known then.

    Args:
        sequences: items of each entity, oldest first.
        known: what is known before.
        store_items: how much the imagined store holds; 0 for a hundredth of the different items.
    """
    size = store_items or max(_LEAST_STORE, int(_STORE_SHARE * len({item for items in sequences for item in items})))
    for items in sequences:
        store = RecentItems(size)
        follower = GatedFollower(known, top_k=_TOP_K, has=store.items)
        for item in items:
            foretold = follower.step(item)
            store.use(item)
            for fetched in foretold.items:
                store.use(fetched)
        gate = follower.gate
        gate.end()
        good, tried = gate.counts
        followed, successors = follower.learned()
        known = replace(
            known,
            good=good,
            tried=tried,
            came_true=gate.came_true,
            in_vain=gate.in_vain,
            wanted=gate.wanted,
            followed=followed,
            successors=successors,
        )
    return known


def parts_of(known: Known) -> Parts:
    """What is known, as arrays and names; a network's graph is stored beside them."""
    tried = np.asarray(known.tried, dtype=np.float64)
    weight = np.minimum(1.0, _MOST_WEIGHT / tried)
    names: dict[str, int] = {}
    for item, (successor, _) in known.successors.items():
        names.setdefault(item, len(names))
        names.setdefault(successor, len(names))
    pairs = [(names[item], names[successor]) for item, (successor, _) in known.successors.items()]
    return Parts(
        arrays={
            "good": np.asarray(known.good, dtype=np.float64) * weight,
            "tried": tried * weight,
            "totals": np.array([known.came_true, known.in_vain, known.wanted], dtype=np.float64),
            "addresses": np.array(list(known.followed), dtype=np.int64),
            "followed": np.array(list(known.followed.values()), dtype=np.uint8),
            "successor_numbers": np.array(pairs, dtype=np.int32).reshape(-1, 2),
            "successor_sureness": np.array([sure for _, sure in known.successors.values()], dtype=np.uint8),
            "settings": np.array(
                [known.capacity, known.lowest, known.budget, known.use_addresses, known.use_association],
                dtype=np.float64,
            ),
        },
        names={_ITEMS: tuple(names)},
    )


def known_of(parts: Parts, *, network: Network | None, where: str) -> Known:
    """What is known, from stored parts. Raises BundleError where they are not whole."""
    arrays = parts.arrays
    for file, wanted, there in (("arrays", _ARRAYS, arrays), ("names", (_ITEMS,), parts.names)):
        missing = sorted(set(wanted) - set(there))
        if missing:
            raise BundleError(f"the {file} lack {missing}", where=where, mend="Train the version again.")
    items, pairs, sureness = parts.names[_ITEMS], arrays["successor_numbers"], arrays["successor_sureness"]
    is_whole = (
        arrays["good"].shape == arrays["tried"].shape == (N_CELLS,)
        and arrays["totals"].shape == (3,)
        and arrays["settings"].shape == (5,)
        and arrays["addresses"].shape == arrays["followed"].shape
        and pairs.shape == (len(sureness), 2)
        and (not pairs.size or (pairs.min() >= 0 and pairs.max() < len(items) and sureness.max() <= MOST_SURE))
        and (arrays["followed"] <= MOST_SURE).all()
        and (arrays["tried"] > 0).all()
    )
    if not is_whole:
        raise BundleError(
            "the arrays of arrays.safetensors do not fit each other", where=where, mend="Train the version again."
        )
    capacity, lowest, budget, use_addresses, use_association = arrays["settings"].tolist()
    came_true, in_vain, wanted = arrays["totals"].tolist()
    return Known(
        good=arrays["good"].tolist(),
        tried=arrays["tried"].tolist(),
        came_true=came_true,
        in_vain=in_vain,
        wanted=wanted,
        followed=dict(zip(arrays["addresses"].tolist(), arrays["followed"].tolist(), strict=True)),
        successors={
            items[item]: (items[successor], sure)
            for (item, successor), sure in zip(pairs.tolist(), sureness.tolist(), strict=True)
        },
        network=network,
        use_addresses=bool(use_addresses),
        use_association=bool(use_association),
        capacity=int(capacity),
        lowest=lowest,
        budget=budget,
    )


def unknown(parameters: Parameters, *, network: Network | None = None, sources: Sequence[str]) -> Known:
    """What is known before training: nothing. `sources` are of "addresses" and "association"."""
    return Known(
        good=[FIRST_GOOD] * N_CELLS,
        tried=[FIRST_TRIED] * N_CELLS,
        network=network,
        use_addresses="addresses" in sources,
        use_association="association" in sources,
        capacity=int(parameters["capacity"]),
        lowest=float(parameters["lowest"]),
        budget=float(parameters["budget"]),
    )


def network_of(parts: Parts, *, where: str) -> Network:
    """The network of a bundle. Raises BundleError where it has none."""
    length = parts.arrays.get(LENGTH)
    if parts.onnx is None or length is None or length.shape != (1,) or VOCABULARY not in parts.names:
        raise BundleError(
            "model.onnx, arrays or names lack what a network needs", where=where, mend="Train the version again."
        )
    return Network(parts.onnx, parts.names[VOCABULARY], length=int(length[0]), where=where)


def learn_with_network(
    sequences: Sequence[Sequence[str]], network: Parts, parameters: Parameters, *, sources: Sequence[str], where: str
) -> Parts:
    """What is known with a network: the gate and the other sources are led through the end of each sequence alone.

    A network takes longer for a step than all else; of each entity the last steps say how often it comes true, together no
    more than 20,000.
    """
    most = max(1, _MOST_WITH_NETWORK // len(sequences))
    known = unknown(parameters, network=network_of(network, where=where), sources=sources)
    learned = parts_of(learn([items[-most:] for items in sequences], known, store_items=int(parameters["store_items"])))
    return Parts(
        onnx=network.onnx,
        arrays={**learned.arrays, **network.arrays},
        names={**learned.names, **network.names},
    )


@final
class GatedSuccessor:
    """A fitted model: what is known, and followers of it."""

    def __init__(self, known: Known) -> None:
        self.known = known

    def foretell(self, recent: Sequence[str], *, top_k: int) -> Foretold:
        """What follows after these, oldest first: a new follower's, led through them, with all that is still to come."""
        if not recent:
            return NOTHING
        follower = GatedFollower(self.known, top_k=top_k)
        for item in recent[:-1]:
            follower.step(item)
        return follower.step_anew(recent[-1])

    def follow(self, *, top_k: int, has: Collection[str] | None = None) -> GatedFollower:
        """Follow an entity from here on."""
        return GatedFollower(self.known, top_k=top_k, has=has)
