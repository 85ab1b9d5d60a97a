"""What an index of blocks takes: to build and to load, on disk, to follow what comes and goes, and to keep what it learned."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from benchmarks.catalogue import Progress
from benchmarks.dedup_blocks import Block
from benchmarks.dedup_store import Store
from benchmarks.dedup_version import Version
from benchmarks.results import Cell
from telltale.apps.pakit.dedup.task import SIMILARITY
from telltale.contract.estimator import Floats
from telltale.contract.learners import Described
from telltale.contract.query import SimilarQuery
from telltale.models.minhash_index import MinHashIndex
from telltale.models.packed_parts import pack_parts, unpack_parts
from telltale.models.similarity.packed_names import PackedNames
from telltale.models.similarity.ragged import starts_of

Result = TypeVar("Result")

_N_ASKED = 500
_CHUNKS = 100
_BATCH = 1_000
_N_ALONE = 300
_CHANGES = 100_000
_TOP = 5
_N_BY_FIGURES = 60
_N_FIGURES = len(SIMILARITY.figures)


@dataclass(frozen=True)
class Took:
    """By the clock, and of the processor: on a machine that others use too the two are far apart."""

    ms: float
    processor_ms: float


def latency_row(name: str, took: Sequence[Took]) -> tuple[Cell, ...]:
    """Median and 99th percentile by the clock, and the 99th percentile of what the processor worked on it."""
    p50, p99 = np.quantile([one.ms for one in took], (0.5, 0.99)).tolist()
    return name, p50, p99, float(np.quantile([one.processor_ms for one in took], 0.99))


def timed(action: Callable[[], Result]) -> tuple[Result, Took]:
    """What an action gives, and what it took."""
    clock, processor = time.perf_counter(), time.thread_time()
    given = action()
    return given, Took(ms=(time.perf_counter() - clock) * 1e3, processor_ms=(time.thread_time() - processor) * 1e3)


def figure_rows(version: Version, store: Store, block: Block, *, seed: int) -> tuple[tuple[Cell, ...], ...]:
    """How long other questions take: by name, of zeros, and of blocks that share no chunk, by their figures."""
    rng = np.random.default_rng([seed, 2])
    names = [store.things.names[place] for place in rng.integers(0, len(store.things.names), _N_ASKED).tolist()]
    figures = [_named(version, _near(store.things.figures, rng)) for _ in range(_N_ASKED)]
    unknown = tuple(rng.integers(1 << 52, 1 << 53, len(block.fingerprints)).tolist())
    asked = {
        "a known block, by its name": [SimilarQuery(item=name) for name in names],
        "a block of zeros, as one in two hundred": [SimilarQuery(fingerprints=(7,))] * _N_ASKED,
        "a block that shares no chunk, by its figures": [
            SimilarQuery(fingerprints=unknown, figures=of) for of in figures
        ],
    }
    return tuple(latency_row(name, _timed(version, queries)) for name, queries in asked.items())


def cost_rows(version: Version, store: Store, progress: Progress) -> tuple[tuple[Cell, ...], ...]:
    """Figures by name."""
    index = version.index
    n = index.n_items
    progress(f"adding and removing {_CHANGES:,} blocks")
    rng = np.random.default_rng(3)
    n_changes = min(_CHANGES, n)
    alone = [_made(rng, 1, f"alone-{number}-") for number in range(_N_ALONE)]
    one_by_one = _seconds(lambda: _all_added(index, alone))
    gone_alone = store.things.names[:_N_ALONE]
    removed_alone = _seconds(lambda: _all_removed(index, [[name] for name in gone_alone]))
    batches = [_made(rng, _BATCH, f"batch-{number}-") for number in range(n_changes // _BATCH // 2)]
    gone = [store.things.names[start : start + _BATCH] for start in range(0, _BATCH * len(batches), _BATCH)]
    started = time.perf_counter()
    more = _all_added(index, batches)
    added_s = time.perf_counter() - started
    started = time.perf_counter()
    changed = _all_removed(more, gone)
    removed_s = time.perf_counter() - started
    started = time.perf_counter()
    packed = pack_parts(changed.changes())
    kept_s = time.perf_counter() - started
    taken_s = _seconds(lambda: version.runtime.with_learned(unpack_parts(packed, where="benchmark")))
    after = version.runtime.with_learned(unpack_parts(packed, where="benchmark"))
    sets = [batch.fingerprints[:_CHUNKS] for batch in batches]
    again = [SimilarQuery(fingerprints=tuple(of.tolist()), top_k=_TOP) for of in sets * (_N_ASKED // len(sets) + 1)]
    took = _timed(replace(version, runtime=after), again)
    n_batched = _BATCH * len(batches)
    return (
        ("building, blocks a second", n / version.build_s),
        ("building, s", version.build_s),
        ("loading a bundle, s", version.load_s),
        ("bundle, bytes a block", version.disk_bytes / n),
        ("index in memory, bytes a block", version.bytes_per_block),
        *_by_array(version, n),
        ("added one by one, blocks a second", _N_ALONE / one_by_one),
        ("removed one by one, blocks a second", _N_ALONE / removed_alone),
        ("added by the thousand, blocks a second", n_batched / added_s),
        ("removed by the thousand, blocks a second", n_batched / removed_s),
        (f"keeping {2 * n_batched:,} changes, s", kept_s),
        (f"keeping {2 * n_batched:,} changes, bytes a change", len(packed) / (2 * n_batched)),
        ("taking them back, s", taken_s),
        ("a question after them, p50_ms", float(np.median([one.ms for one in took]))),
        ("a question after them, processor p99_ms", float(np.quantile([one.processor_ms for one in took], 0.99))),
        *_figure_rows(version, store, rng),
    )


def _figure_rows(version: Version, store: Store, rng: np.random.Generator) -> tuple[tuple[Cell, ...], ...]:
    """Beside a look at all rows of figures: which of the five nearest are found, and how much less similar those found are."""
    arrays = version.runtime.bundle.parts.arrays
    names = PackedNames(hashes=arrays["name_hashes"], text=arrays["name_text"], starts=arrays["name_starts"])
    n_found, gaps = 0, []
    for _ in range(_N_BY_FIGURES):
        figures = _near(store.things.figures, rng)
        scaled = ((figures - arrays["figure_middle"]) / arrays["figure_spread"]).astype(np.float32)
        distances = np.sqrt(((arrays["figures"] - scaled) ** 2).mean(axis=1))
        nearest = np.argsort(distances, kind="stable")[:_TOP]
        answer = version.runtime.ask([SimilarQuery(figures=_named(version, figures), top_k=_TOP)])[0]
        n_found += len({names.name(int(number)) for number in nearest} & {one.item for one in answer.items})
        best = float((1.0 / (1.0 + distances[nearest])).mean())
        gaps.append(best - float(np.mean([one.similarity for one in answer.items])))
    return (
        ("found by figures, of the five nearest, share", n_found / (_TOP * _N_BY_FIGURES)),
        ("found by figures, less similar than the nearest by", float(np.mean(gaps))),
    )


def _by_array(version: Version, n: int) -> tuple[tuple[Cell, ...], ...]:
    """Where the memory goes."""
    arrays = version.runtime.bundle.parts.arrays
    parts = {
        "hashes of chunks": ("sketch_values", "sketch_starts"),
        "hooks": ("hook_keys", "hook_items"),
        "names": ("name_hashes", "name_text", "name_starts"),
        "figures": ("figures", "cell_items", "cell_starts", "cell_centres"),
    }
    return tuple((f"of that {what}", sum(arrays[name].nbytes for name in names) / n) for what, names in parts.items())


def _all_added(index: MinHashIndex, batches: Sequence[Described]) -> MinHashIndex:
    for batch in batches:
        index = index.changed(batch, ())
    return index


def _all_removed(index: MinHashIndex, batches: Sequence[Sequence[str]]) -> MinHashIndex:
    nothing = Described(
        names=(),
        fingerprints=np.empty(0, dtype=np.int64),
        starts=np.zeros(1, dtype=np.int64),
        figures=np.empty((0, _N_FIGURES)),
    )
    for names in batches:
        index = index.changed(nothing, names)
    return index


def _made(rng: np.random.Generator, n: int, prefix: str) -> Described:
    """Blocks that have nothing in common."""
    return Described(
        names=[f"{prefix}{number}" for number in range(n)],
        fingerprints=rng.integers(0, 1 << 52, n * _CHUNKS),
        starts=starts_of(np.full(n, _CHUNKS, dtype=np.int64)),
        figures=rng.normal(size=(n, _N_FIGURES)),
    )


def _near(figures: Floats, rng: np.random.Generator) -> Floats:
    """Somebody's figures, a little off."""
    row = figures[int(rng.integers(0, len(figures)))]
    return np.asarray(row * (1.0 + 0.02 * rng.normal(size=len(row))))


def _named(version: Version, figures: Floats) -> dict[str, float]:
    return dict(zip(version.runtime.similarity.figures, figures.tolist(), strict=True))


def _timed(version: Version, queries: Sequence[SimilarQuery]) -> list[Took]:
    return [timed(partial(version.runtime.ask, [query]))[1] for query in queries]


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
