"""Which blocks of a store are alike: what a new one could be stored as a difference from, or kept beside."""

from typing import Final

from telltale.apps.pakit.dedup.chunks import chunk_fingerprints
from telltale.apps.pakit.statistics import STATISTICS, block_statistics
from telltale.contract.answer import Similar
from telltale.contract.app import Task
from telltale.contract.kinds import Similarity
from telltale.contract.query import SimilarQuery
from telltale.contract.split import LastOfEach
from telltale.contract.verdict import Target
from telltale.models.similar_runtime import SimilarRuntime

SIMILARITY: Final = Similarity(
    item="block_hash",
    fingerprints="chunk_hashes",
    figures=STATISTICS,
    removed="is_removed",
)

DEDUP_TASK: Final = Task(
    name="dedup",
    kind="similar",
    event="block",
    estimators=("minhash",),
    targets=(
        Target(metric="recall_5", op=">=", limit=0.95),  # of blocks of which at least half is the same
        Target(metric="similarity_error", op="<=", limit=0.05, goal=0.01),
    ),
    similarity=SIMILARITY,
    minimum_rows=200,
    # What was judged is the index without the last blocks of objects; the one that is registered has them.
    split=LastOfEach(n_rows=2, least_rows=1),
    schedule="15 3 * * *",  # daily; between, it follows what is stored and removed
    query_names={"item": "block_hash", "fingerprints": "chunk_hashes"},
)


def find_similar(runtime: SimilarRuntime, block_hash: str, *, top_k: int = 5) -> tuple[Similar, ...]:
    """The blocks most like one that the version knows. Raises NotFoundError, UsageError."""
    return runtime.ask([SimilarQuery(item=block_hash, top_k=top_k)])[0].items


def find_similar_to(runtime: SimilarRuntime, block: bytes, *, top_k: int = 5) -> tuple[Similar, ...]:
    """The blocks most like one whose bytes are at hand, which need not be known; not empty. Raises UsageError."""
    statistics = dict(zip(STATISTICS, block_statistics([block])[0].tolist(), strict=True))
    query = SimilarQuery(fingerprints=tuple(map(int, chunk_fingerprints(block))), figures=statistics, top_k=top_k)
    return runtime.ask([query])[0].items
