"""Cutting blocks by their content: what an edit moves stays the same chunk."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.apps.pakit.dedup.chunks import (
    FINGERPRINT_BITS,
    LEAST_CHUNK_BYTES,
    MOST_CHUNK_BYTES,
    chunk_fingerprints,
    chunks,
)
from telltale.apps.pakit.schema import BLOCK_BYTES


def noise(n: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(n)


def cut_one_by_one(block: bytes) -> list[bytes]:
    """The same cuts by a rolling hash over bytes in turn."""
    from telltale.apps.pakit.dedup.chunks import _CUT, _GEAR

    found, start, rolling = [], 0, 0
    for place, byte in enumerate(block):
        rolling = (rolling << 1) + int(_GEAR[byte]) & 0xFFFFFFFF
        length = place + 1 - start
        is_cut = rolling & int(_CUT) == 0 and length >= LEAST_CHUNK_BYTES
        if is_cut or length == MOST_CHUNK_BYTES or place + 1 == len(block):
            found.append(block[start : place + 1])
            start = place + 1
    return found


@settings(max_examples=30, deadline=None)
@given(pattern=st.binary(min_size=1, max_size=200), repeats=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_cuts_are_those_of_a_hash_that_rolls_over_the_bytes(pattern: bytes, repeats: int, seed: int) -> None:
    block = pattern * repeats + noise(3_000, seed) + pattern

    found = [bytes(chunk) for chunk in chunks(block)]

    assert found == cut_one_by_one(block)
    assert b"".join(found) == block
    assert all(LEAST_CHUNK_BYTES <= len(chunk) <= MOST_CHUNK_BYTES for chunk in found[:-1])


def test_a_block_has_some_hundred_chunks_and_each_a_fingerprint_that_a_float_holds() -> None:
    found = chunk_fingerprints(noise(BLOCK_BYTES))

    assert 60 <= len(found) <= 130
    assert len(set(found)) == len(found)
    assert all(one == int(one) and 0 <= one < 1 << FINGERPRINT_BITS for one in found)


def test_what_is_put_in_changes_the_chunk_it_falls_into_and_the_next_at_most() -> None:
    block = noise(BLOCK_BYTES)
    for place in (100, 30_000, 60_000):
        longer = block[:place] + b"a few words more" + block[place:]
        before, after = set(chunk_fingerprints(block)), set(chunk_fingerprints(longer))

        assert len(before - after) <= 2
        assert len(after - before) <= 3


def test_zeros_are_one_chunk_and_nothing_is_none() -> None:
    assert len(chunk_fingerprints(bytes(BLOCK_BYTES))) == 1
    assert chunk_fingerprints(b"") == []
    assert len(chunk_fingerprints(b"a")) == 1


@pytest.mark.parametrize("n", [1, 31, 32, 33, 127, 128, 129, 2_048, 2_049])
def test_short_blocks_are_cut_whole(n: int) -> None:
    assert b"".join(bytes(chunk) for chunk in chunks(noise(n))) == noise(n)
