"""Every codec on one block: how small, how long to write, how long to read. Measured, on this machine."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache, partial
from statistics import median
from typing import Any, Final

from telltale.apps.pakit.compression.transforms import differences, shuffled, summed, unshuffled
from telltale.apps.pakit.schema import MEASURED_CODECS
from telltale.contract.errors import UsageError

BROTLI_QUALITY: Final = 5
_MB = 1e6


@dataclass(frozen=True)
class Codec:
    """One way to make a block smaller, and to make it whole again."""

    compress: Callable[[bytes], Any]
    restore: Callable[[Any], Any]


@cache
def codecs() -> dict[str, Codec]:
    """Every codec by name, in the order of the schema. Raises UsageError where the library is not installed."""
    try:
        import cramjam
    except ImportError as error:
        raise UsageError(
            "measuring codecs needs cramjam, which is not installed",
            where="collect blocks",
            mend="Install it: pip install 'telltale-loop[collect]'.",
        ) from error
    zstd = {
        f"zstd_{level}": Codec(partial(cramjam.zstd.compress, level=level), cramjam.zstd.decompress)
        for level in (1, 3, 9)
    }
    found = {
        "lz4": Codec(cramjam.lz4.compress_block, cramjam.lz4.decompress_block),
        "snappy": Codec(cramjam.snappy.compress_raw, cramjam.snappy.decompress_raw),
        **zstd,
        "brotli": Codec(partial(cramjam.brotli.compress, level=BROTLI_QUALITY), cramjam.brotli.decompress),
        **{f"shuffle{width}_zstd_1": _after(zstd["zstd_1"], _shuffle(width)) for width in (2, 4)},
        "delta2_zstd_1": _after(zstd["zstd_1"], _delta(2)),
    }
    return {name: found[name] for name in MEASURED_CODECS}


def _after(codec: Codec, transform: Codec) -> Codec:
    """A codec that is given what a transform made of the block."""
    return Codec(
        compress=lambda block: codec.compress(transform.compress(block)),
        restore=lambda packed: transform.restore(codec.restore(packed)),
    )


def _shuffle(width: int) -> Codec:
    return Codec(partial(shuffled, width=width), partial(unshuffled, width=width))


def _delta(width: int) -> Codec:
    """Differences of numbers, then shuffled: what is left of a number that moves slowly is in its low bytes."""
    return Codec(
        compress=lambda block: shuffled(differences(block, width), width),
        restore=lambda packed: summed(unshuffled(packed, width), width),
    )


def measure_codecs(block: bytes, *, n_runs: int = 5, of: Collection[str] = MEASURED_CODECS) -> dict[str, float]:
    """Ratio, write and read time of codecs on one block, in the columns of `pakit/block`.

    Times are medians: a single run is mostly noise. Runs go in rounds over all codecs, so that a moment when the machine
    was busy touches one run of each; before them each codec runs once untimed. Caches are warm, as they are for a block
    that has just come in.

    Args:
        block: not empty.
        n_runs: of each.
        of: which codecs.

    Raises:
        UsageError: the library is not installed.
        RuntimeError: a codec did not give the block back.
    """
    chosen = {name: codec for name, codec in codecs().items() if name in of}
    packed = {name: codec.compress(block) for name, codec in chosen.items()}
    for name, codec in chosen.items():
        if bytes(codec.restore(packed[name])) != block:
            msg = f"{name} did not give a block of {len(block)} bytes back"
            raise RuntimeError(msg)
    write_s: dict[str, list[float]] = {name: [] for name in chosen}
    read_s: dict[str, list[float]] = {name: [] for name in chosen}
    for _ in range(n_runs):
        for name, codec in chosen.items():
            started = time.perf_counter()
            codec.compress(block)
            written = time.perf_counter()
            codec.restore(packed[name])
            read_s[name].append(time.perf_counter() - written)
            write_s[name].append(written - started)
    found: dict[str, float] = {}
    for name, made in packed.items():
        found[f"{name}_ratio"] = len(made) / len(block)
        found[f"{name}_write_s_per_mb"] = median(write_s[name]) * _MB / len(block)
        found[f"{name}_read_s_per_mb"] = median(read_s[name]) * _MB / len(block)
    return found
