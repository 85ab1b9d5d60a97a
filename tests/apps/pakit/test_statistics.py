import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.apps.pakit.schema import BLOCK
from telltale.apps.pakit.statistics import STATISTICS, block_statistics, byte_statistics


def statistics(block: bytes) -> dict[str, float]:
    return dict(zip(STATISTICS, block_statistics([block])[0].tolist(), strict=True))


def entropy(values: bytes) -> float:
    n = len(values)
    return -sum(count / n * math.log2(count / n) for count in Counter(values).values())


def core(values: bytes) -> int:
    reached = n = 0
    for _, count in Counter(values).most_common():
        n += 1
        reached += count
        if reached * 10 >= 9 * len(values):
            break
    return n


@given(block=st.binary(min_size=1, max_size=64))
def test_a_block_of_one_run_is_counted_as_a_plain_count_does(block: bytes) -> None:
    found = statistics(block)

    assert found["byte_entropy"] == pytest.approx(entropy(block), abs=1e-9)
    assert found["distinct_bytes"] == len(set(block))
    assert found["core_bytes"] == core(block)
    for stride in (1, 2, 4, 8):
        deltas = bytes((later - earlier) % 256 for earlier, later in zip(block, block[stride:], strict=False))
        assert found[f"delta_{stride}_entropy"] == pytest.approx(entropy(deltas) if deltas else 0.0, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    blocks=st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=6),
    repeats=st.integers(1, 400),
)
def test_statistics_stay_within_the_schema_and_many_at_once_are_as_one_by_one(
    blocks: list[bytes], repeats: int
) -> None:
    blocks = [block * repeats for block in blocks]

    together = block_statistics(blocks)

    assert np.array_equal(together, np.concatenate([block_statistics([block]) for block in blocks]))
    for place, name in enumerate(STATISTICS):
        column = BLOCK.column(name)
        assert column is not None
        assert column.low is not None
        assert column.high is not None
        assert (together[:, place] >= column.low).all()
        assert (together[:, place] <= column.high).all()


def test_zeros_numbers_in_columns_and_noise_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    zeros, noise = statistics(bytes(65_536)), statistics(rng.bytes(65_536))
    columns = statistics(np.cumsum(rng.integers(0, 3, 16_384)).astype("<u4").tobytes())

    assert zeros["byte_entropy"] == 0.0
    assert zeros["repeat_share"] > 0.99
    assert noise["byte_entropy"] > 7.8
    assert columns["delta_4_entropy"] < columns["delta_1_entropy"] - 1.0


def test_a_block_without_a_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="no byte"):
        block_statistics([b"a", b""])


@given(block=st.binary(min_size=1, max_size=5_000))
def test_three_of_them_are_the_same_by_the_quick_way(block: bytes) -> None:
    assert byte_statistics(block) == pytest.approx(tuple(block_statistics([block])[0][:3]))
