"""Policies: from the blocks of a file to a codec for each. Baselines are tuned on the files that ours is trained on."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.compression_blocks import Packed
from telltale.apps.pakit.compression.codecs import codecs
from telltale.apps.pakit.compression.policy import CodecPolicy
from telltale.apps.pakit.schema import CODECS
from telltale.models.choose_runtime import ChooseRuntime

Floats = NDArray[np.float64]
Policy = Callable[[Sequence[bytes]], Sequence[str]]
_EVERY = (1, 16)
_SAMPLE = 4_096


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a policy is made for: one bandwidth, on some training files."""

    bandwidth_mb_s: float
    training: Sequence[Packed]

    def tables(self) -> list[tuple[Floats, Floats]]:
        """Regret of each codec on each training block, and seconds of the cheapest: a pair per file."""
        found = []
        for file in self.training:
            costs = file.costs(self.bandwidth_mb_s)
            cheapest = costs.min(axis=1)
            found.append((costs / cheapest[:, None] - 1.0, cheapest))
        return found


def ours(runtime: ChooseRuntime, setting: Setting) -> Policy:
    """The product's own, as it is."""
    return CodecPolicy(runtime, bandwidth_mb_s=setting.bandwidth_mb_s).choose


def ours_every_block(runtime: ChooseRuntime, setting: Setting) -> Policy:
    """The same version asked for each block by itself, however small."""
    policy = CodecPolicy(runtime, bandwidth_mb_s=setting.bandwidth_mb_s)
    return lambda blocks: [answer.choice for answer in policy.answers(blocks)]


def always(codec: str) -> Policy:
    """One codec for every block."""
    return lambda blocks: [codec] * len(blocks)


def best_in_training(setting: Setting) -> Policy:
    """The single codec of the least mean regret on training files."""
    over = np.concatenate([regrets for regrets, _ in setting.tables()])
    return always(CODECS[int(over.mean(axis=0).argmin())])


def btrfs_like(setting: Setting) -> Policy:
    """Compress or not, by the rules of btrfs; with which codec, and how often to look, is chosen on training files."""
    return _tuned(setting, lambda block: float(_is_compressible(block)))


def sample_and_try(setting: Setting) -> Policy:
    """LZ4 on 4 KiB from the middle: below a ratio one codec, above it another; all of it chosen on training files."""
    return _tuned(setting, _tried)


def _tried(block: bytes) -> float:
    middle = max((len(block) - _SAMPLE) // 2, 0)
    sample = block[middle : middle + _SAMPLE]
    return -len(codecs()["lz4"].compress(sample)) / len(sample)


def _is_compressible(block: bytes) -> bool:
    """16 of every 256 bytes: few values, a small core set, or a low entropy (fs/btrfs/compression.c of Linux)."""
    whole = np.frombuffer(block, dtype=np.uint8)
    n = len(whole) // 256
    sample = whole[: n * 256].reshape(n, 256)[:, :16].ravel() if n else whole
    counts = np.bincount(sample, minlength=256)
    if np.count_nonzero(counts) < 64:
        return True
    ordered = np.sort(counts)[::-1]
    core = int(np.searchsorted(np.cumsum(ordered), 0.9 * len(sample))) + 1
    if core <= 64 or core >= 200:
        return core <= 64
    share = ordered[ordered > 0] / len(sample)
    return float(-(share * np.log2(share)).sum()) / 8.0 < 0.8


def _tuned(setting: Setting, look: Callable[[bytes], float]) -> Policy:
    """The cut on what `look` says, the codec on either side, and how many blocks share a look: of least mean regret.

    What looking takes is counted, as it is when the policy is scored.
    """
    tables = setting.tables()
    over, cheapest = (np.concatenate(parts) for parts in zip(*tables, strict=True))
    look_s = _seconds_of(look, [block for file in setting.training for block in file.blocks[:2]])
    best: tuple[float, float, int, str, str] | None = None
    for every in _EVERY:
        seen = [np.array([look(block) for block in file.blocks[::every]]) for file in setting.training]
        pairs = zip(seen, setting.training, strict=True)
        values = np.concatenate([np.repeat(found, every)[: len(file.blocks)] for found, file in pairs])
        n_looks = sum(len(found) for found in seen)
        spent = float(look_s * n_looks / len(values) * (1.0 / cheapest).mean())
        for cut in np.unique(np.quantile(values, np.linspace(0, 1, 21))):
            above = values >= cut
            low, high = (over[rows].mean(axis=0) if rows.any() else np.zeros(len(CODECS)) for rows in (~above, above))
            regret = spent + (low.min() * (~above).sum() + high.min() * above.sum()) / len(values)
            if best is None or regret < best[0]:
                best = (float(regret), float(cut), every, CODECS[int(low.argmin())], CODECS[int(high.argmin())])
    assert best is not None  # there is at least one training block
    _, cut, every, below, at_least = best

    def policy(blocks: Sequence[bytes]) -> list[str]:
        heads = [at_least if look(block) >= cut else below for block in blocks[::every]]
        return [heads[place // every] for place in range(len(blocks))]

    return policy


def _seconds_of(look: Callable[[bytes], float], blocks: Sequence[bytes]) -> float:
    times = []
    for block in blocks:
        started = time.perf_counter()
        look(block)
        times.append(time.perf_counter() - started)
    return median(times)
