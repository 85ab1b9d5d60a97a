"""Sketches of sets, against plain Python sets and against datasketch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.learners import Fingerprints
from telltale.models.similarity.minhash import Sketches, hashed, similarities, sketch, sketches
from telltale.models.similarity.ragged import starts_of

MOST = 2**53 - 1
SETS = st.lists(st.lists(st.integers(0, MOST), max_size=30), max_size=12)


def together(sets: list[list[int]]) -> tuple[Fingerprints, Fingerprints]:
    flat = np.array([one for of in sets for one in of], dtype=np.int64)
    return flat, starts_of(np.array([len(of) for of in sets], dtype=np.int64))


def sketched(sets: list[Fingerprints], *, size: int) -> Sketches:
    return sketches(np.concatenate(sets), starts_of(np.array([len(of) for of in sets], dtype=np.int64)), size=size)


def true_similarity(one: Fingerprints, other: Fingerprints) -> float:
    first, second = set(one.tolist()), set(other.tolist())
    return len(first & second) / len(first | second)


def pair(rng: np.random.Generator, n: int, n_shared: int) -> tuple[Fingerprints, Fingerprints]:
    members = rng.choice(MOST, 2 * n - n_shared, replace=False)
    return members[:n], members[n - n_shared :]


@settings(deadline=None)
@given(sets=SETS, size=st.integers(1, 40))
def test_many_sets_are_sketched_as_each_by_itself(sets: list[list[int]], size: int) -> None:
    flat, starts = together(sets)

    made = sketches(flat, starts, size=size)

    each = [sketch(np.array(of, dtype=np.int64), size=size) for of in sets]
    assert made.starts.tolist() == starts_of(np.array([len(of) for of in each], dtype=np.int64)).tolist()
    assert made.values.tolist() == [value for of in each for value in of.tolist()]
    assert each == [] or all(
        of.tolist() == sorted({int(value) for value in hashed(np.array(given_set, dtype=np.int64))})[:size]
        for of, given_set in zip(each, sets, strict=True)
    )


def test_many_sets_at_once_are_cut_into_parts_that_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    sets = [rng.integers(0, MOST, int(rng.integers(0, 50))) for _ in range(200)]
    whole = sketched(sets, size=16)

    monkeypatch.setattr("telltale.models.similarity.minhash._TOGETHER", 60)
    parts = sketched(sets, size=16)

    assert np.array_equal(whole.values, parts.values)
    assert np.array_equal(whole.starts, parts.starts)


@settings(deadline=None)
@given(sets=SETS, asked=st.lists(st.integers(0, MOST), max_size=30), n_shared=st.integers(0, 30))
def test_sets_that_are_kept_whole_are_compared_exactly(sets: list[list[int]], asked: list[int], n_shared: int) -> None:
    sets = [*sets, asked[:n_shared], [*asked, 1, 2, 3], []]
    flat, starts = together(sets)
    own = np.array(asked, dtype=np.int64)

    found = similarities(sketch(own, size=64), sketches(flat, starts, size=64), size=64)

    for of, alike in zip(sets, found.tolist(), strict=True):
        union = set(of) | set(asked)
        assert alike == pytest.approx(len(set(of) & set(asked)) / len(union) if of and asked else 0.0)


@pytest.mark.parametrize(("n", "share"), [(1_000, 0.2), (1_000, 0.7), (5_000, 0.5), (300, 0.9)])
def test_large_sets_are_compared_within_the_error_that_is_stated(n: int, share: float) -> None:
    rng, size = np.random.default_rng(1), 128
    differences = []
    for _ in range(150):
        one, other = pair(rng, n, round(2 * n * share / (1 + share)))
        told = similarities(sketch(one, size=size), sketched([other], size=size), size=size)[0]
        differences.append(told - true_similarity(one, other))

    error = (share * (1 - share) / size) ** 0.5
    assert np.std(differences) < 1.2 * error
    assert abs(np.mean(differences)) < 4 * error / 150**0.5


def test_a_small_set_inside_a_large_one_is_compared_without_bias() -> None:
    rng, size = np.random.default_rng(2), 128
    told = []
    for _ in range(150):
        large = rng.choice(MOST, 2_000, replace=False)
        told.append(similarities(sketch(large[:100], size=size), sketched([large], size=size), size=size)[0])

    assert np.mean(told) == pytest.approx(0.05, abs=0.01)


def test_estimates_agree_with_those_of_datasketch() -> None:
    datasketch = pytest.importorskip("datasketch")
    rng = np.random.default_rng(3)
    for share in (0.1, 0.5, 0.9):
        one, other = pair(rng, 2_000, round(4_000 * share / (1 + share)))
        peers = []
        for members in (one, other):
            made = datasketch.MinHash(num_perm=1_024)
            made.update_batch([int(member).to_bytes(8, "little") for member in members])
            peers.append(made)

        ours = similarities(sketch(one, size=1_024), sketched([other], size=1_024), size=1_024)[0]

        assert ours == pytest.approx(peers[0].jaccard(peers[1]), abs=0.06)
        assert ours == pytest.approx(true_similarity(one, other), abs=0.04)


def test_hashes_are_even() -> None:
    values = hashed(np.arange(100_000))

    counts = np.bincount(values >> 24, minlength=256)
    assert len(np.unique(values)) > 99_990
    assert abs(counts - 100_000 / 256).max() < 6 * (100_000 / 256) ** 0.5
