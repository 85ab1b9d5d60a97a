"""Which blocks a stream comes to next: worth fetching before it asks, or not."""

from typing import Final

from telltale.contract.app import Task
from telltale.contract.kinds import Succession
from telltale.contract.verdict import Target

PREFETCH_TASK: Final = Task(
    name="prefetch",
    kind="next",
    event="access",
    estimators=("prefetch", "association", "next_network", "sequential"),
    targets=(
        Target(metric="precision", op=">=", limit=0.5),
        Target(metric="extra_traffic", op="<=", limit=0.2),
        Target(metric="hit_ratio_gain", op=">=", limit=0.0),  # over LRU with read-ahead
    ),
    succession=Succession(item="block_hash"),
    minimum_rows=1_000,
    schedule="45 2 * * *",  # daily
    query_names={"recent": "recent_accesses"},
)
