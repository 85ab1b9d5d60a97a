"""Which peer a block is fetched from: by what came of the requests before, whoever is there now."""

from typing import Final

from telltale.contract.app import Task
from telltale.contract.kinds import Acting, Reward
from telltale.contract.verdict import Target

# A request that failed has cost a store its time-out.
TIME_OUT_MS: Final = 2_000.0

PEERS_TASK: Final = Task(
    name="peers",
    kind="act",
    event="peer",
    estimators=("linear_thompson", "linucb"),
    targets=(
        Target(metric="gain_dr", op=">=", limit=0.0),  # ms a request, against how the logged requests were sent
        Target(metric="overlap", op=">=", limit=0.8),  # else the log cannot say
    ),
    acting=Acting(
        action=("peer_id",),
        available="available_peers",
        context=("block_size_log", "time_of_day", "network_load"),
        reward=Reward(column="latency_ms", is_cost=True, success="success", failure=TIME_OUT_MS),
    ),
    query_names={"available": "available_peers"},
    minimum_rows=300,
    schedule="45 2 * * *",  # daily; between them it learns from what is stored
)
