"""Which benchmarks there are, and what each is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from telltale.contract.errors import UsageError

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line asked for.

    Args:
        data: folder of cases, or None for the benchmark's own.
        test: folder of other cases to score after fitting on all of `data`, or None.
        quick: under 20 s, for a check that it runs.
        grid: the table of grid searches as well.
        best: the best that the product can do as well, whatever it costs.
        task: `app/task` to be served, or "" for the benchmark's own.
        rate: requests per second at which the latency is measured as well, or None.
    """

    data: Path | None = None
    test: Path | None = None
    quick: bool = False
    grid: bool = False
    best: bool = False
    task: str = ""
    rate: float | None = None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One benchmark.

    Args:
        title: a line for people.
        shown: metrics in tables and pictures, the leading one first.
        lower_is_better: those of them.
        options: fields of `Asked` it takes beside `quick`.
        data_set: the folder of real data it is about, below TELLTALE_DATA; `all` runs on it where it is there.
    """

    title: str
    shown: tuple[str, ...]
    lower_is_better: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()
    data_set: str = ""


BENCHMARKS = {
    "helios": Benchmark(
        title="Anomalies of a service's metrics: ours and plain detectors",
        shown=("precision", "recall", "false_positive_rate", "average_precision"),
        lower_is_better=frozenset({"false_positive_rate"}),
        options=frozenset({"data", "test", "grid"}),
    ),
    "compression": Benchmark(
        title="A codec per block: ours, each codec alone, heuristics",
        shown=("regret_20MBs", "regret_100MBs", "regret_500MBs", "policy_us_per_block"),
        lower_is_better=frozenset({"regret_20MBs", "regret_100MBs", "regret_500MBs", "policy_us_per_block"}),
        options=frozenset({"data", "test"}),
        data_set="compression_corpora",
    ),
    "dedup": Benchmark(
        title="Blocks like a block, among a million: ours and an exact search",
        shown=("recall_5", "query_ms", "bytes_per_block"),
        lower_is_better=frozenset({"query_ms", "bytes_per_block"}),
        options=frozenset({"data"}),
        data_set="compression_corpora",
    ),
    "gossip": Benchmark(
        title="Rumours in lossy, churning networks: ours, fixed fan-out, a closed form",
        shown=("coverage", "messages_ratio", "rounds_ratio"),
        lower_is_better=frozenset({"messages_ratio", "rounds_ratio"}),
    ),
    "keystroke": Benchmark(
        title="Is this the enrolled person typing the password? Ours and detectors of the literature",
        shown=("eer", "eer_global", "zmfar", "auroc", "eer_background", "profile_bytes", "verify_ms_10k"),
        lower_is_better=frozenset(
            {"eer", "eer_global", "zmfar", "eer_background", "eer_practised", "profile_bytes", "verify_ms_10k"}
        ),
        options=frozenset({"data", "test"}),
        data_set="keystroke_cmu",
    ),
    "freetext": Benchmark(
        title="Who is typing, any text: ours, scaled Manhattan, GMM-UBM",
        shown=("eer", "eer_global", "auroc"),
        lower_is_better=frozenset({"eer", "eer_global"}),
        options=frozenset({"data", "test"}),
        data_set="keystroke_pohmm",
    ),
    "intrusion": Benchmark(
        title="Attacks among flow records, of kinds seen and not: ours and plain methods",
        shown=("auroc", "auroc_one_class", "accuracy", "recall_unseen_attacks"),
        options=frozenset({"data", "test"}),
        data_set="nsl_kdd",
    ),
    "requests": Benchmark(
        title="Attacks among requests to a shop: ours, an isolation forest of lengths, character n-grams",
        shown=("auroc", "recall_at_1pct_fp", "auroc_normal_only", "recall_at_1pct_fp_normal_only"),
        lower_is_better=frozenset(
            {
                *("clean_clients_flagged", "clean_clients_flagged_normal_only"),
                *("false_alarms_per_1000_clients", "flagged_share_of_requests"),
            }
        ),
        options=frozenset({"data", "test"}),
        data_set="csic2010",
    ),
    "eyenet": Benchmark(
        title="Faults of network devices that nobody has seen before: ours and plain methods; answers a second",
        shown=("auroc", "event_recall", "false_alarms_per_device_week", "delay_s", "event_recall_at_1"),
        lower_is_better=frozenset(
            {
                *("false_alarms_per_device_week", "false_alarms_per_device_week_known"),
                *("false_alarms_per_device_week_10s", "delay_s", "onnx_difference", "cost_ratio_10000"),
            }
        ),
    ),
    "multivariate": Benchmark(
        title="Machines with many metrics: ours and plain detectors of rows",
        shown=(
            "average_precision",
            "vus_pr",
            "event_recall_at_1pct_fp",
            "delay_rows",
            "points_per_s",
            "vs_half_space_trees",
        ),
        lower_is_better=frozenset({"delay_rows"}),
        options=frozenset({"data", "test"}),
        data_set="smd",
    ),
    "nab": Benchmark(
        title="Numenta's series as they stream by: ours, windowed Gaussian, random, nothing at all",
        shown=("standard", "low_fp", "low_fn", "standard_cv", "ms_per_row"),
        lower_is_better=frozenset({"ms_per_row"}),
        options=frozenset({"data", "test"}),
        data_set="nab",
    ),
    "kpi": Benchmark(
        title="Series of services, a label per row: ours, isolation forest, spectral residual, moving z",
        shown=("average_precision", "vus_pr", "event_recall_at_1pct_fp"),
        options=frozenset({"data", "test"}),
        data_set="ms_cloud_monitoring",
    ),
    "trend": Benchmark(
        title="Series continued: ours, Naive2, seasonal naive, Theta, automatic ETS and ARIMA",
        shown=("owa_hourly", "owa_weekly", "owa_m1", "owa_m3", "owa_tourism", "coverage_95", "series_per_s"),
        lower_is_better=frozenset({"owa_hourly", "owa_weekly", "owa_m1", "owa_m3", "owa_tourism", "owa_made"}),
        options=frozenset({"data", "test", "best"}),
        data_set="mcomp",
    ),
    "hand": Benchmark(
        title="Hand-written logistic regression and decision tree beside scikit-learn's",
        shown=("accuracy_difference", "time_ratio"),
        lower_is_better=frozenset({"accuracy_difference", "time_ratio"}),
    ),
    "latency": Benchmark(
        title="One row through one forest: ours, scikit-learn, stock ONNX; and a list of items",
        shown=("single_row_us", "forest_us", "recommend_us"),
        lower_is_better=frozenset({"single_row_us", "forest_us", "recommend_us"}),
    ),
    "serve": Benchmark(
        title="Predictions over HTTP: ours, a server that answers a constant, FastAPI, MLServer, BentoML",
        shown=("requests_per_s", "vs_constant", "p50_ms", "p99_ms", "rss_mb"),
        lower_is_better=frozenset({"p50_ms", "p99_ms", "rss_mb", "start_s"}),
        options=frozenset({"task", "rate"}),
    ),
    "ingest": Benchmark(
        title="Events to disk: ours over HTTP, and bare sqlite3",
        shown=("events_per_s", "vs_sqlite", "lost", "duplicated"),
        lower_is_better=frozenset({"lost", "duplicated"}),
    ),
    "streams": Benchmark(
        title="Events of a stream, stored, decided and told back: Redis Streams and NATS JetStream",
        shown=("redis_events_per_s", "nats_events_per_s", "redis_p99_ms", "nats_p99_ms"),
        lower_is_better=frozenset({"redis_p99_ms", "nats_p99_ms"}),
    ),
    "peers": Benchmark(
        title="Which peer to ask, where peers stay, drift, come and go: ours, Thompson, UCB, power of two choices",
        shown=("regret_stationary", "regret_drift", "regret_churn", "p99_ms", "p99_crowded_ms"),
        lower_is_better=frozenset(
            {"regret_stationary", "regret_drift", "regret_churn", "p99_ms", "p99_crowded_ms"},
        ),
    ),
    "sessions": Benchmark(
        title="What is viewed next in a visit to a shop: ours, item to item, neighbouring visits",
        shown=("hr_20", "mrr_20", "hr_20_all", "mrr_20_all", "us_per_answer"),
        lower_is_better=frozenset({"us_per_answer"}),
        options=frozenset({"data", "test"}),
        data_set="diginetica_sample",
    ),
    "prefetch": Benchmark(
        title="Blocks fetched ahead into a cache: ours, caches alone, read-ahead, association",
        shown=("hit_ratio", "precision", "extra_traffic", "sieve_difference", "s3fifo_difference"),
        lower_is_better=frozenset({"extra_traffic", "sieve_difference", "s3fifo_difference"}),
        options=frozenset({"data"}),
        data_set="block_traces",
    ),
    "users": Benchmark(
        title="Segments of customers: ours, RFM quintiles, k-means, a mixture, BG/NBD deciles",
        shown=("lift_top20", "eta2", "bootstrap_ari", "segments"),
        lower_is_better=frozenset({"davies_bouldin", "clv_mae", "segments"}),
        options=frozenset({"data", "test"}),
        data_set="online_retail",
    ),
    "recommend": Benchmark(
        title="Which items next: ours, popularity, neighbours, EASE, SLIM, iALS",
        shown=("ndcg_10", "recall_20", "ndcg_10_time", "ndcg_10_repeat", "ndcg_10_new"),
        lower_is_better=frozenset({"train_s", "us_per_answer", "bundle_mb"}),
        options=frozenset({"data", "test"}),
        data_set="movielens_100k",
    ),
    "drift": Benchmark(
        title="Drift alarms where nothing changed, and shifts found: ours, fixed PSI limits, plain KS",
        shown=("false_alarm_rate", "power_half_sigma"),
        lower_is_better=frozenset({"false_alarm_rate"}),
    ),
    "ab": Benchmark(
        title="A comparison looked at again and again: ours and a fixed-horizon test",
        shown=("false_stop_rate", "power"),
        lower_is_better=frozenset({"false_stop_rate"}),
    ),
}


def load(name: str) -> Callable[..., dict[str, Any]]:
    """The benchmark's `run`."""
    return cast("Callable[..., dict[str, Any]]", import_module(f"benchmarks.{name}").run)


def run(name: str, asked: Asked, *, progress: Progress) -> dict[str, Any]:
    """Run a benchmark. Raises UsageError where it is asked for what it does not do."""
    benchmark = BENCHMARKS[name]
    defaults = Asked()
    given = {
        option: value
        for option in ("data", "test", "grid", "best", "task", "rate")
        if (value := getattr(asked, option)) != getattr(defaults, option)
    }
    unknown = given.keys() - benchmark.options
    if unknown:
        raise UsageError.not_one_of(f"--{min(unknown)}", [f"--{o}" for o in benchmark.options], where=name)
    return load(name)(quick=asked.quick, progress=progress, **given)
