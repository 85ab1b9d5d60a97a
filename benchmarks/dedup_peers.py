"""datasketch's MinHash LSH beside ours, on as many blocks as its Python loops allow."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.catalogue import Progress
from benchmarks.dedup_blocks import Block
from benchmarks.dedup_store import ExactSearch, Store
from benchmarks.dedup_version import make_version
from benchmarks.results import Cell
from telltale.contract.learners import Fingerprints, Found
from telltale.contract.query import SimilarQuery
from telltale.evaluate.similar_metrics import ALIKE, TOP, Searched, recall_of
from telltale.train.similar import jaccard

_N, _N_QUICK = 30_000, 3_000
_PERMUTATIONS = 128
_MOST_ASKED = 400
# What it weighs a miss by, over a false candidate, where it chooses its bands: as it does by default, and for recall.
_MISSES = (0.5, 0.9)

Asked = tuple[Block, Found]


def peer_rows(
    store: Store, questions: Sequence[Asked], *, quick: bool, progress: Progress
) -> tuple[tuple[Cell, ...], ...]:
    """Method, blocks, recall, time of a question, time to build, memory of the process for each block."""
    part = store.first(min(_N_QUICK if quick else _N, len(store.things.names)))
    exact = ExactSearch(part)
    step = max(1, len(questions) // _MOST_ASKED)
    asked = [(block, exact.find(block.fingerprints, top_k=TOP)) for block, _ in questions[::step]]
    progress(f"datasketch: {len(part.things.names):,} blocks")
    return (_ours(part, asked), *(_datasketch(part, asked, misses=misses) for misses in _MISSES))


def _ours(store: Store, asked: Sequence[Asked]) -> tuple[Cell, ...]:
    with TemporaryDirectory(prefix="telltale-") as scratch:
        version = make_version(store, Path(scratch))

        def find(block: Block) -> list[str]:
            query = SimilarQuery(fingerprints=tuple(block.fingerprints.tolist()), top_k=TOP)
            return [one.item for one in version.runtime.ask([query])[0].items]

        recall, took_ms = _asked(store, asked, find)
        return "telltale", len(store.things.names), recall, took_ms, version.build_s, version.bytes_per_block


def _datasketch(store: Store, asked: Sequence[Asked], *, misses: float) -> tuple[Cell, ...]:
    """Its LSH with its own choice of bands for a threshold of .5; what it finds is ordered by its MinHash estimate."""
    from datasketch import MinHash, MinHashLSH

    def minhash(fingerprints: Fingerprints) -> Any:
        made = MinHash(num_perm=_PERMUTATIONS)
        made.update_batch([int(of).to_bytes(8, "little") for of in fingerprints])
        return made

    before, started = _rss(), time.perf_counter()
    index = MinHashLSH(threshold=ALIKE, num_perm=_PERMUTATIONS, weights=(1.0 - misses, misses))
    kept = {}
    for number, name in enumerate(store.things.names):
        kept[name] = minhash(store.set_of(number))
        index.insert(name, kept[name])
    build_s, taken = time.perf_counter() - started, _rss() - before

    def find(block: Block) -> list[str]:
        own = minhash(block.fingerprints)
        return sorted(index.query(own), key=lambda name: -own.jaccard(kept[name]))[:TOP]

    n = len(store.things.names)
    recall, took_ms = _asked(store, asked, find)
    return f"datasketch MinHashLSH, 128 permutations, misses weigh {misses:g}", n, recall, took_ms, build_s, taken / n


def _asked(store: Store, asked: Sequence[Asked], find: Any) -> tuple[float | None, float]:
    recalls, took = [], []
    for block, exact in asked:
        started = time.perf_counter()
        names = find(block)
        took.append(time.perf_counter() - started)
        alike = tuple(jaccard(block.fingerprints, store.set_of(store.numbers[name])) for name in names)
        found = Found(names=tuple(names), similarities=alike, source="fingerprints")
        if (recall := recall_of(Searched(found=found, exhaustive=exact))) is not None:
            recalls.append(recall)
    return (float(np.mean(recalls)) if recalls else None), float(np.mean(took) * 1e3)


def _rss() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
