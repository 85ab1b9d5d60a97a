"""The index as a whole: what it finds, against a search through everything, through additions and removals."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Parameter, Parts
from telltale.contract.learners import Described, Fingerprints
from telltale.models.minhash_index import ESTIMATOR, MinHashIndex
from telltale.models.packed_parts import pack_parts, unpack_parts
from telltale.models.similarity.ragged import starts_of

N_FIGURES = 3
UNKNOWN = np.full(N_FIGURES, np.nan)


def things(sets: Mapping[str, Sequence[int]], figures: dict[str, list[float]] | None = None) -> Described:
    of = [list(fingerprints) for fingerprints in sets.values()]
    rows = [(figures or {}).get(name, [np.nan] * N_FIGURES) for name in sets]
    return Described(
        names=list(sets),
        fingerprints=np.array([one for own in of for one in own], dtype=np.int64),
        starts=starts_of(np.array([len(own) for own in of], dtype=np.int64)),
        figures=np.array(rows, dtype=np.float64).reshape(len(of), N_FIGURES),
    )


def index_of(described: Described, **parameters: Parameter) -> MinHashIndex:
    return ESTIMATOR.load(ESTIMATOR.fit(described, parameters={**ESTIMATOR.defaults, **parameters}, seed=0))


def families(n: int, seed: int = 0) -> dict[str, list[int]]:
    """Sets of a hundred in families of six, each with up to half its members replaced."""
    rng = np.random.default_rng(seed)
    made = {}
    for number in range(n):
        if number % 6 == 0:
            origin = rng.integers(0, 2**52, 100)
        own = np.where(rng.random(100) < rng.uniform(0, 0.4), rng.integers(0, 2**52, 100), origin)
        made[f"{seed}-{number}"] = own.tolist()
    return made


def as_set(members: Sequence[int]) -> Fingerprints:
    return np.array(members, dtype=np.int64)


def test_what_is_alike_by_half_or_more_is_found_as_a_search_through_everything_finds_it() -> None:
    sets = families(3_000)
    index = index_of(things(sets))

    for name in list(sets)[::10]:
        own = as_set(sets[name])
        found, whole = (
            search(own, top_k=5, without=name)
            for search in (lambda of, **how: index.find(of, UNKNOWN, **how), index.exhaustive)
        )
        assert [of for of in found.similarities if of >= 0.5] == [of for of in whole.similarities if of >= 0.5]
        assert index.find_like(name, top_k=5) == found


def test_similarities_are_those_of_the_sets() -> None:
    index = index_of(things({"a": range(100), "b": range(50, 150), "c": range(1_000, 1_100)}))

    found = index.find(as_set(range(100)), UNKNOWN, top_k=5)

    assert found.names == ("a", "b")
    assert list(found.similarities) == pytest.approx([1.0, 1 / 3])
    assert found.source == "fingerprints"


def test_a_thing_that_a_hundred_thousand_share_is_found_at_once_and_hides_nothing() -> None:
    n = 20_000
    sets: dict[str, Sequence[int]] = {f"zeros-{number}": [7] for number in range(n)}
    sets |= {f"header-{number}": [7, 10_000 + number, 50_000 + number] for number in range(n)}
    index = index_of(things(sets))

    started = time.perf_counter()
    zeros = index.find(as_set([7]), UNKNOWN, top_k=5)
    took = time.perf_counter() - started
    header = index.find(as_set([7, 10_123, 50_123]), UNKNOWN, top_k=1)

    assert zeros.similarities == (1.0,) * 5
    assert header.names == ("header-123",)
    assert took < 0.1


def test_things_that_share_no_fingerprint_are_compared_by_their_figures() -> None:
    sets = {"near": [1], "far": [2], "none": [3]}
    index = index_of(things(sets, {"near": [1.0, 2.0, 3.0], "far": [9.0, 9.0, 9.0]}))

    found = index.find(as_set([99]), np.array([1.0, 2.0, np.nan]), top_k=5)
    nothing = index.find(as_set([99]), UNKNOWN, top_k=5)

    assert found.source == "figures"
    assert found.names == ("near", "far")
    assert found.similarities[0] == 1.0 > found.similarities[1] > 0.0
    assert (nothing.names, nothing.source) == ((), "none")


@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(
        st.tuples(
            st.dictionaries(
                st.sampled_from("abcdefghij"), st.lists(st.integers(0, 30), min_size=1, max_size=8), max_size=4
            ),
            st.lists(st.sampled_from("abcdefghij"), max_size=3, unique=True),
        ),
        max_size=12,
    ),
    asked=st.lists(st.integers(0, 30), min_size=1, max_size=8),
)
def test_after_any_additions_and_removals_it_answers_as_one_that_was_built_of_what_is_left(
    steps: list[tuple[dict[str, list[int]], list[str]]], asked: list[int]
) -> None:
    base: dict[str, list[int]] = {"a": [1, 2, 3], "z": [4, 5, 6, 7]}
    model, index = dict(base), index_of(things(base))
    for added, removed in steps:
        for name in removed:
            model.pop(name, None)
        model |= added
        index = index.changed(things(added), removed)

    anew = index_of(things(model))
    again = ESTIMATOR.load(ESTIMATOR.fit(things(base), parameters=ESTIMATOR.defaults, seed=0), changes=index.changes())
    for one in (index, again):
        assert one.n_items == len(model)
        assert one.find(as_set(asked), UNKNOWN, top_k=20) == anew.find(as_set(asked), UNKNOWN, top_k=20)
        assert {name for name in "abcdefghijz" if one.has(name)} == model.keys()
        assert one.has_fingerprints(list("abcz")).tolist() == [name in model for name in "abcz"]
        for name in model:
            assert one.find_like(name, top_k=20) == anew.find_like(name, top_k=20)


def test_a_change_makes_another_and_leaves_the_one_before() -> None:
    sets = families(300)
    index = index_of(things(sets))
    before = index.find_like("0-3", top_k=5)

    changed = index.changed(things({"new": sets["0-3"]}), ["0-4"])

    assert before == index.find_like("0-3", top_k=5)
    assert not index.has("new")
    found = changed.find_like("0-3", top_k=5)
    assert found is not None
    assert found.names[0] == "new"
    assert "0-4" not in found.names


def test_many_small_additions_leave_few_segments() -> None:
    index = index_of(things(families(60)))
    for name, members in families(400, seed=1).items():
        index = index.changed(things({name: members}), ())

    n_segments = len({name.partition(".")[0] for name in index.changes().arrays if "." in name})
    assert index.n_items == 460
    assert n_segments <= 6


def test_what_was_learned_is_kept_as_bytes_and_refused_for_another_index() -> None:
    index = index_of(things(families(60))).changed(things(families(30, seed=1)), ["0-1"])
    packed = pack_parts(index.changes())

    changes = unpack_parts(packed, where="test")
    fitted = ESTIMATOR.fit(things(families(60)), parameters=ESTIMATOR.defaults, seed=0)
    again = ESTIMATOR.load(fitted, changes=changes)

    assert pack_parts(again.changes()) == packed
    assert again.find_like("1-3", top_k=5) == index.find_like("1-3", top_k=5)
    small = ESTIMATOR.fit(things({"a": [1]}), parameters=ESTIMATOR.defaults, seed=0)
    with pytest.raises(BundleError, match="do not fit"):
        ESTIMATOR.load(small, changes=changes)
    wider = Described(names=["a"], fingerprints=as_set([1]), starts=as_set([0, 1]), figures=np.zeros((1, 7)))
    with pytest.raises(BundleError, match="other figures"):
        index_of(wider).with_changes(Parts(arrays={**changes.arrays, "removed": np.empty(0, dtype=np.uint32)}))


def test_parts_that_are_not_whole_are_refused() -> None:
    fitted = ESTIMATOR.fit(things(families(60)), parameters=ESTIMATOR.defaults, seed=0)

    for name, array in fitted.arrays.items():
        without = {other: of for other, of in fitted.arrays.items() if other != name}
        with pytest.raises(BundleError, match=name):
            ESTIMATOR.load(Parts(arrays=without))
        if name not in {"removed", "cell_centres"} and array.ndim and len(array) > 1:
            with pytest.raises(BundleError, match=r"fit each other|figures"):
                ESTIMATOR.load(Parts(arrays={**fitted.arrays, name: array[:-1]}))


def test_the_order_of_rows_changes_nothing_of_the_index() -> None:
    sets = families(120)
    turned = dict(reversed(sets.items()))

    one, other = (ESTIMATOR.fit(things(of), parameters=ESTIMATOR.defaults, seed=0) for of in (sets, turned))

    assert one.arrays.keys() == other.arrays.keys()
    assert all(of.tobytes() == other.arrays[name].tobytes() for name, of in one.arrays.items())


@pytest.mark.slow
def test_a_question_among_two_hundred_thousand_takes_less_than_a_millisecond() -> None:
    rng = np.random.default_rng(0)
    n = 200_000
    rows = np.repeat(rng.integers(0, 2**52, (n // 5, 100)), 5, axis=0)
    is_other = rng.random(rows.shape) < 0.2
    rows[is_other] = rng.integers(0, 2**52, int(is_other.sum()))
    index = index_of(
        Described(
            names=[f"{number:032x}" for number in range(n)],
            fingerprints=rows.ravel(),
            starts=np.arange(n + 1, dtype=np.int64) * 100,
            figures=rng.normal(size=(n, N_FIGURES)),
        )
    )
    took = []
    for number in rng.integers(0, n, 300).tolist():
        started = time.thread_time()
        found = index.find(rows[number], UNKNOWN, top_k=5)
        took.append(time.thread_time() - started)
        assert found.names[0] == f"{number:032x}"
        assert len(found.names) == 5

    assert np.median(took) < 1e-3
    assert index.n_bytes() / n < 700
