"""eyenet: is this network device's last five minutes anomalous?"""

from datetime import UTC, datetime
from typing import Final

from telltale.apps.eyenet.collect import collect_network
from telltale.apps.eyenet.features import derive_plan
from telltale.apps.eyenet.flows import FLOW, FLOWS
from telltale.apps.eyenet.routes import ROUTES
from telltale.apps.eyenet.schema import SAMPLE
from telltale.apps.eyenet.simulate import simulate
from telltale.contract.app import App, Collection, Task
from telltale.contract.command import CommandOption
from telltale.contract.verdict import Target

ANOMALY: Final = Task(
    name="anomaly",
    kind="score",
    event="sample",
    derive_plan=derive_plan,
    estimators=("ensemble", "lstm", "isolation_forest", "window_residual", "robust_z"),
    other_estimators=(
        "columns_stream",
        "series_stream",
        "ensemble",
        "lstm",
        "isolation_forest",
        "window_ensemble",
        "window_residual",
        "window_kmeans",
        "window_polynomial",
        "patch_memory",
        "one_class_svm",
        "robust_z",
    ),
    targets=(
        Target(metric="event_recall", op=">=", limit=0.7, goal=0.9),
        Target(metric="false_alarms_per_entity_week", op="<=", limit=4.0, goal=1.0),
    ),
    minimum_rows=2_000,
    false_alarms_per_day=2.0,
    thresholds={"lstm": 0.5},
    answer_names={"decision": "is_anomaly", "score": "anomaly_score", "time": "timestamp"},
    schedule="30 3 * * 0",  # weekly
    alarm_limits={"latency_mean_ms": 100.0, "drift_mean_psi": 0.3},
)

APP: Final = App(
    name="eyenet",
    title="Is this network device's last five minutes anomalous?",
    events=(SAMPLE, FLOW),
    tasks=(ANOMALY, FLOWS),
    simulate=simulate,
    routes=ROUTES,
    start=datetime(2024, 1, 1, tzinfo=UTC),
    collections={
        "network": Collection(
            name="network",
            event="sample",
            title="traffic of this machine's interfaces",
            collect=collect_network,
            options=(
                CommandOption(
                    name="ping",
                    help="HOST, whose round-trip time is the latency; HOST:PORT for the time of a TCP connection.",
                ),
            ),
        )
    },
)
