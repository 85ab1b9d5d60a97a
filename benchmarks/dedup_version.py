"""A version of `pakit/dedup` over a store that is in memory: fitted, written as a bundle, loaded again."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.dedup_store import Store
from telltale.apps.pakit import APP
from telltale.apps.pakit.dedup.task import DEDUP_TASK, SIMILARITY
from telltale.contract.estimator import Parameter
from telltale.contract.verdict import Verdict
from telltale.models.bundle import load_bundle, save_bundle
from telltale.models.manifest import Manifest, TrainedOn
from telltale.models.minhash_index import ESTIMATOR, MinHashIndex
from telltale.models.similar_runtime import SimilarRuntime


@dataclass(frozen=True)
class Version:
    """A loaded version, and what it took."""

    runtime: SimilarRuntime
    build_s: float
    load_s: float
    disk_bytes: int

    @property
    def index(self) -> MinHashIndex:
        """Its index."""
        assert isinstance(self.runtime.index, MinHashIndex)
        return self.runtime.index

    @property
    def bytes_per_block(self) -> float:
        """Memory of the index."""
        return self.index.n_bytes() / self.index.n_items


def make_version(store: Store, directory: Path, **parameters: Parameter) -> Version:
    """What `telltale train pakit/dedup` makes of rows that tell of these blocks."""
    given: dict[str, Parameter] = {**ESTIMATOR.defaults, **parameters}
    started = time.perf_counter()
    parts = ESTIMATOR.fit(store.things, parameters=given, seed=0)
    build_s = time.perf_counter() - started
    save_bundle(directory, _manifest(store, given), parts, np.empty(0, dtype=np.uint64))
    del parts
    started = time.perf_counter()
    runtime = SimilarRuntime(load_bundle(directory))
    load_s = time.perf_counter() - started
    disk_bytes = sum(path.stat().st_size for path in directory.iterdir())
    return Version(runtime=runtime, build_s=build_s, load_s=load_s, disk_bytes=disk_bytes)


def _manifest(store: Store, parameters: dict[str, Parameter]) -> Manifest:
    event = APP.event("block")
    n = len(store.things.names)
    return Manifest(
        app=APP.name,
        task=DEDUP_TASK.name,
        kind="similar",
        event=event,
        columns=tuple(column.name for column in event.columns),
        plan=None,
        estimator=ESTIMATOR.name,
        parameters=parameters,
        seed=0,
        threshold=None,
        operating_point=None,
        similarity=SIMILARITY,
        trained_on=TrainedOn(kind="file", sha256="", n_rows=n, n_positive=None, first="", last=""),
        reference={},
        verdict=Verdict(outcome="not_enough_evidence", targets=(), n=0, n_positive=None),
        metrics={},
        libraries={},
    )
