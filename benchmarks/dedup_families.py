"""Families of nearly the same block by the thousand: where five of the most similar are hardest to tell from the rest."""

import time

import numpy as np

from benchmarks.catalogue import Progress
from benchmarks.results import Cell
from telltale.contract.learners import Described
from telltale.evaluate.similar_metrics import TOP, Searched, recall_of
from telltale.models.minhash_index import ESTIMATOR

_SIZES, _SIZES_QUICK = (100, 500, 2_000, 10_000), (100, 500)
_BLOCKS = 20_000
_CHUNKS = 100
_MOST_EDITED = 0.4
_ASKED_EDITED = 0.1
_QUESTIONS = 100
_NO_FIGURES = np.empty(0)


def family_rows(*, quick: bool, seed: int, progress: Progress) -> tuple[tuple[Cell, ...], ...]:
    """By the size of a family: recall, how much less similar the five found are than the best, processor time."""
    progress("families of nearly the same block")
    return tuple(_family_row(size, seed=seed) for size in (_SIZES_QUICK if quick else _SIZES))


def _family_row(size: int, *, seed: int) -> tuple[Cell, ...]:
    rng = np.random.default_rng([seed, size])
    n = max(_BLOCKS // size, 1) * size
    rows = np.repeat(rng.integers(0, 1 << 52, (n // size, _CHUNKS)), size, axis=0)
    rows = _edited(rows, rng.uniform(0, _MOST_EDITED, (n, 1)), rng)
    things = Described(
        names=[f"{number:08x}" for number in range(n)],
        fingerprints=rows.ravel(),
        starts=np.arange(n + 1, dtype=np.int64) * _CHUNKS,
        figures=np.empty((n, 0)),
    )
    index = ESTIMATOR.load(ESTIMATOR.fit(things, parameters=ESTIMATOR.defaults, seed=0))
    recalls: list[float | None] = []
    gaps, took_ms = [], []
    for number in rng.integers(0, n, _QUESTIONS).tolist():
        asked = _edited(rows[number], np.full(1, _ASKED_EDITED), rng)
        started = time.thread_time()
        found = index.find(asked, _NO_FIGURES, top_k=TOP)
        took_ms.append((time.thread_time() - started) * 1e3)
        best = index.exhaustive(asked, top_k=TOP)
        recalls.append(recall_of(Searched(found=found, exhaustive=best), least=0.0))
        gaps.append(np.mean(best.similarities) - np.mean(found.similarities))
    return (
        size,
        n,
        float(np.mean([of for of in recalls if of is not None])),
        float(np.mean(gaps)),
        float(np.quantile(took_ms, 0.99)),
    )


def _edited(rows: np.ndarray, share: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each chunk another with a chance."""
    return np.where(rng.random(rows.shape) < share, rng.integers(0, 1 << 52, rows.shape), rows)
