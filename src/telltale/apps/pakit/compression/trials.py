"""Codecs tried on a sample of a block: what they make of it says most of what they will make of the whole."""

from typing import Final

from telltale.apps.pakit.compression.codecs import codecs
from telltale.apps.pakit.schema import TRIED_CODECS

# An eighth of a block of 64 KiB: of 2, 4, 8 and 16 KiB the least at which choices on files not seen were about as good as at
# twice as much. Its place is a multiple of eight, so that numbers in columns begin where they do in the block.
_SAMPLE_BYTES: Final = 8_192
_ALIGNED: Final = 8


def trial_ratios(block: bytes, *, of: tuple[str, ...] = TRIED_CODECS) -> list[float]:
    """Compressed over original bytes of the middle 8 KiB of a block, by each of these codecs.

    A ratio is one number for the whole sample: nothing of what is in it can be read back.

    Args:
        block: not empty.
        of: which codecs.

    Raises:
        UsageError: the codecs are not installed.

    References:
        Harnik, Kat, Margalit, Sotnikov & Traeger, "To Zip or not to Zip", FAST 2013, for deciding on a sample; OpenZFS 2.2
        tries LZ4 before a slower codec.
    """
    start = max(len(block) - _SAMPLE_BYTES, 0) // 2 // _ALIGNED * _ALIGNED
    sample = block[start : start + _SAMPLE_BYTES]
    known = codecs()
    return [len(known[name].compress(sample)) / len(sample) for name in of]
