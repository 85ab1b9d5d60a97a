import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.apps.pakit.compression.codecs import codecs
from telltale.apps.pakit.compression.transforms import differences, shuffled, summed, unshuffled

BLOCKS = st.binary(max_size=200)


@given(block=BLOCKS, width=st.sampled_from([2, 4, 8]))
def test_every_block_comes_back_whole(block: bytes, width: int) -> None:
    assert unshuffled(shuffled(block, width), width).tobytes() == block
    assert summed(differences(block, width), width).tobytes() == block


@given(block=BLOCKS)
def test_a_codec_behind_a_transform_gives_every_block_back(block: bytes) -> None:
    pytest.importorskip("cramjam", reason="the extra [collect] is not installed")
    for name in ("shuffle2_zstd_1", "shuffle4_zstd_1", "delta2_zstd_1"):
        codec = codecs()[name]
        assert bytes(codec.restore(codec.compress(block))) == block


def test_numbers_in_columns_pack_better_behind_a_transform() -> None:
    pytest.importorskip("cramjam", reason="the extra [collect] is not installed")
    rng = np.random.default_rng(0)
    known = codecs()
    floats = np.exp(rng.normal(size=16_000)).astype("<f4").tobytes()
    signal = np.cumsum(rng.integers(-40, 40, 30_000)).astype("<i2").tobytes()

    plain, by_bytes = (len(known[name].compress(floats)) for name in ("zstd_1", "shuffle4_zstd_1"))
    whole, by_steps = (len(known[name].compress(signal)) for name in ("zstd_1", "delta2_zstd_1"))

    assert by_bytes < 0.95 * plain
    assert by_steps < 0.8 * whole
