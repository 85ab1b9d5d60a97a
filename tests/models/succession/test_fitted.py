"""Bundles of what was learned, and networks."""

import msgspec
import numpy as np
import pytest

from telltale.contract.errors import BundleError, NotEnoughDataError, UsageError
from telltale.contract.estimator import Parts
from telltale.models.association import ESTIMATOR as ASSOCIATION
from telltale.models.next_network import ESTIMATOR as NEXT_NETWORK
from telltale.models.prefetch import ESTIMATOR as PREFETCH
from telltale.models.sequential import ESTIMATOR as SEQUENTIAL
from telltale.models.succession.tokens import item_after, step_between, steps_of, vocabulary_of

QUICK = {**NEXT_NETWORK.defaults, **NEXT_NETWORK.check_parameters}
WALKS = [[str(start + step) for start in range(0, 90_000, 1_000) for step in range(10)], ["a", "b", "c"] * 60]


def test_the_same_walks_give_the_same_parts() -> None:
    first, second = (PREFETCH.fit(WALKS, parameters=PREFETCH.defaults, seed=seed) for seed in (0, 1))

    assert first.names == second.names
    assert all(np.array_equal(first.arrays[name], second.arrays[name]) for name in first.arrays)


def test_a_bundle_remembers_no_more_than_its_capacity() -> None:
    parts = PREFETCH.fit(WALKS, parameters={**PREFETCH.defaults, "capacity": 50}, seed=0)

    assert len(parts.arrays["addresses"]) <= 51
    assert len(parts.arrays["successor_sureness"]) <= 51
    assert len(parts.names["associated"]) <= 102


@pytest.mark.parametrize(
    ("array", "wrong"),
    [
        ("good", np.zeros(3)),
        ("tried", np.zeros(400)),
        ("followed", np.array([9], dtype=np.uint8)),
        ("successor_numbers", np.array([[0, 10**6]], dtype=np.int32)),
        ("totals", np.zeros(2)),
    ],
)
@pytest.mark.parametrize("estimator", [PREFETCH, ASSOCIATION])
def test_arrays_that_do_not_fit_are_refused(estimator: object, array: str, wrong: np.ndarray) -> None:
    parts = PREFETCH.fit(WALKS, parameters=PREFETCH.defaults, seed=0)
    broken = msgspec.structs.replace(parts, arrays={**parts.arrays, array: wrong})

    with pytest.raises(BundleError, match=r"fit each other.*Train the version again"):
        estimator.load(broken)  # type: ignore[attr-defined]  # of either
    with pytest.raises(BundleError, match=f"lack .*{array}"):
        estimator.load(  # type: ignore[attr-defined]  # of either
            msgspec.structs.replace(parts, arrays={name: kept for name, kept in parts.arrays.items() if name != array})
        )


def test_read_ahead_keeps_its_degree_and_begins_at_the_second_in_a_row() -> None:
    parts = SEQUENTIAL.fit(WALKS, parameters={"degree": 3}, seed=0)
    model = SEQUENTIAL.load(parts)

    assert model.foretell(["10", "77", "11"], top_k=8).items == ("12", "13", "14")
    assert model.foretell(["10", "77"], top_k=8).items == ()
    assert model.foretell(["10", "11"], top_k=2).items == ("12", "13")
    follower = model.follow(top_k=8, has={"10", "12"})
    assert follower.step("11").items == ("13", "14")
    assert follower.step("12").items == ()  # there already, and nothing that was read ahead
    with pytest.raises(UsageError, match="from 1 to"):
        SEQUENTIAL.fit(WALKS, parameters={"degree": 0}, seed=0)
    for wrong in (Parts(), Parts(arrays={"degree": np.array([0])})):
        with pytest.raises(BundleError, match="no degree"):
            SEQUENTIAL.load(wrong)


def test_steps_are_differences_or_names_and_lead_back() -> None:
    items = ["10", "12", "name", "11", "+1", "007"]

    assert steps_of(items) == ["=10", "+2", "=name", "-1", "=+1", "=007"]
    address = None
    for item in items:
        step, to = step_between(address, item)
        assert item_after(address, step) == item
        address = address if to is None else to
    assert vocabulary_of([["b", "a", "b"], ["c", "a", "b"]], most=2) == ("b", "a")


@pytest.mark.slow
def test_a_network_learns_what_only_two_steps_together_tell() -> None:
    rng = np.random.default_rng(0)
    # What follows "x" is told by what came before it: no single successor knows.
    walk = [one for which in rng.integers(0, 2, 300).tolist() for one in (("a", "x", "c"), ("b", "x", "d"))[which]]
    parts = NEXT_NETWORK.fit([walk], parameters={**QUICK, "store_items": 1}, seed=0)
    model = NEXT_NETWORK.load(parts)

    assert model.foretell(["c", "a", "x"], top_k=1).items == ("c",)
    assert model.foretell(["c", "b", "x"], top_k=1).items == ("d",)
    assert model.foretell(["c", "b", "x"], top_k=1).source == "network"
    assert model.foretell(["never", "heard", "of"], top_k=1).items == ()


@pytest.mark.slow
def test_the_graph_says_what_the_network_in_torch_says() -> None:
    import torch

    from telltale.models.succession.network import Network
    from telltale.models.succession.network_fit import network_graph, next_network

    torch.manual_seed(1)
    network = next_network(12, 8)
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    vocabulary = [f"={number}" for number in range(1, 12)]
    served = Network(network_graph(weights, length=5), vocabulary, length=5, where="test")
    for tokens in ([1, 2, 3, 4, 5], [0, 0, 0, 0, 7], [11, 11, 11, 11, 11]):
        shares = torch.softmax(network(torch.tensor([tokens])), dim=1)[0].detach().numpy()
        expected = [int(place) for place in np.argsort(-shares)[:4] if place]

        found = served.likeliest(tokens)

        assert [step for step, _ in found] == [f"={place}" for place in expected]
        assert [share for _, share in found] == pytest.approx([float(shares[place]) for place in expected], abs=1e-6)


def test_too_little_for_a_network_and_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="steps to learn from"):
        NEXT_NETWORK.fit([["1", "2"]], parameters=QUICK, seed=0)
    for name in ("max_vocab_size", "length", "hidden", "epochs", "batch_size"):
        with pytest.raises(UsageError, match=name):
            NEXT_NETWORK.fit(WALKS, parameters={**QUICK, name: 0}, seed=0)
    with pytest.raises(BundleError, match="lack what a network needs"):
        NEXT_NETWORK.load(Parts())
