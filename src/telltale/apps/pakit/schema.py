"""The events of pakit: what a block store does, told without any of its content."""

from typing import Final

from telltale.apps.pakit.statistics import STATISTICS
from telltale.contract.schema import Column, EventSchema

CODECS: Final = (
    *("none", "lz4", "snappy", "zstd_1", "zstd_3", "zstd_9", "brotli"),
    # The bytes of numbers put in another order first (`transforms.py`).
    *("shuffle2_zstd_1", "shuffle4_zstd_1", "delta2_zstd_1"),
)
MEASURED_CODECS: Final = CODECS[1:]
# Codecs that are tried on a sample of a block before one is chosen for all of it (`trials.py`).
TRIED_CODECS: Final = ("lz4", "zstd_1", "shuffle2_zstd_1", "shuffle4_zstd_1", "delta2_zstd_1")
TRIALS: Final = tuple(f"trial_{codec}" for codec in TRIED_CODECS)
BLOCK_BYTES: Final = 65_536

_HOUR_S = 3_600.0
# An event with a column that could hold what is stored is refused by name.
_CONTENT: Final = ("content", "data", "bytes", "payload", "body", "text", "plaintext", "chunk", "sample", "preview")
_MOST_BITS = 8.0
_HIGHEST = {"distinct_bytes": 256.0, "core_bytes": 256.0, "repeat_share": 1.0, "pair_entropy": 16.0}


def _statistic(name: str) -> Column:
    unit = "values of 256" if name.endswith("_bytes") else "share" if name.endswith("_share") else "bits"
    return Column(name=name, unit=unit, low=0.0, high=_HIGHEST.get(name, _MOST_BITS), nullable=True)


def _measurements(codec: str) -> tuple[Column, ...]:
    return (
        Column(name=f"{codec}_ratio", unit="compressed bytes per byte", low=0.0, nullable=True),
        Column(name=f"{codec}_write_s_per_mb", unit="s to compress 1e6 bytes", low=0.0, nullable=True),
        Column(name=f"{codec}_read_s_per_mb", unit="s to restore 1e6 bytes", low=0.0, nullable=True),
    )


_PROPENSITY: Final = Column(name="propensity", unit="probability of what was chosen", low=0.0, high=1.0, nullable=True)

BLOCK: Final = EventSchema(
    name="block",
    columns=(
        Column(name="block_hash", dtype="str"),
        Column(name="block_size", unit="bytes", low=1.0),
        Column(name="block_depth", unit="steps from the root", low=0.0, nullable=True),
        Column(name="access_count", unit="reads so far", low=0.0, nullable=True),
        Column(name="compression_algorithm", dtype="str", nullable=True),
        Column(name="compression_ratio", unit="compressed bytes per byte", low=0.0, nullable=True),
        _PROPENSITY,
        Column(name="bandwidth_mb_s", unit="1e6 bytes per s", low=1e-3, nullable=True),
        Column(name="reads", unit="expected reads of the block", low=0.0, nullable=True),
        *(_statistic(name) for name in STATISTICS),
        *(Column(name=name, unit="ratio on a sample", low=0.0, nullable=True) for name in TRIALS),
        *(column for codec in MEASURED_CODECS for column in _measurements(codec)),
        Column(name="chunk_hashes", dtype="floats", unit="52 bits each", low=0.0, high=2.0**53 - 1.0, nullable=True),
        Column(name="is_removed", unit="0 or 1", low=0.0, high=1.0, nullable=True),
    ),
    entity="object_id",
    lateness_s=_HOUR_S,
    key=("block_hash",),
    forbidden=_CONTENT,
)

ACCESS: Final = EventSchema(
    name="access",
    columns=(
        Column(name="block_hash", dtype="str"),
        Column(name="block_size", unit="bytes", low=1.0, nullable=True),
        Column(name="operation", dtype="str", nullable=True, allowed=("read", "write")),
        Column(name="was_prefetched", unit="0 or 1", low=0.0, high=1.0, nullable=True),
        _PROPENSITY,
    ),
    entity="stream",
    lateness_s=_HOUR_S,
    key=("block_hash",),
    forbidden=_CONTENT,
)

PEER: Final = EventSchema(
    name="peer",
    columns=(
        Column(name="success", unit="0 or 1", low=0.0, high=1.0),
        Column(name="latency_ms", unit="ms", low=0.0, nullable=True),
        Column(name="block_size_log", unit="log10 of bytes", low=0.0, nullable=True),
        Column(name="time_of_day", unit="share of the day", low=0.0, high=1.0, nullable=True),
        Column(name="network_load", unit="share", low=0.0, high=1.0, nullable=True),
        Column(name="available_peers", dtype="strs", nullable=True),
        _PROPENSITY,
    ),
    entity="peer_id",
    lateness_s=_HOUR_S,
    forbidden=_CONTENT,
)

GOSSIP: Final = EventSchema(
    name="gossip",
    columns=(
        Column(name="fanout", unit="peers told by each", low=1.0),
        Column(name="ttl", unit="hops", low=1.0),
        Column(name="reward", unit="the network's own"),
        Column(name="state", dtype="floats", nullable=True),  # levels of size, loss, latency, churn
        Column(name="avg_latency_ms", unit="ms", low=0.0, nullable=True),
        Column(name="message_loss_rate", unit="share", low=0.0, high=1.0, nullable=True),
        Column(name="n_nodes", unit="nodes", low=1.0, nullable=True),
        Column(name="churn_rate", unit="share that leaves in a second", low=0.0, high=1.0, nullable=True),
        _PROPENSITY,
    ),
    entity="network_id",
    lateness_s=_HOUR_S,
    forbidden=_CONTENT,
)

EVENTS: Final = (BLOCK, ACCESS, PEER, GOSSIP)
