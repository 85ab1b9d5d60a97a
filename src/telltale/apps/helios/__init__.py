"""helios: is this moment of this service's metrics anomalous?"""

from datetime import UTC, datetime
from typing import Final

from telltale.apps.helios.features import derive_plan
from telltale.apps.helios.schema import METRICS
from telltale.apps.helios.simulate import simulate
from telltale.contract.app import App, Collection, RetrainingRules, Task
from telltale.contract.verdict import Target
from telltale.telemetry.host import collect_host

ANOMALY: Final = Task(
    name="anomaly",
    kind="score",
    event="metrics",
    derive_plan=derive_plan,
    estimators=("isolation_forest", "robust_z"),
    other_estimators=(
        "series_stream",
        "columns_stream",
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
        Target(metric="precision", op=">=", limit=0.95, goal=0.953),
        Target(metric="recall", op=">=", limit=0.85, goal=0.871),
        Target(metric="false_positive_rate", op="<=", limit=0.15, goal=0.118),
    ),
    minimum_rows=500,
    false_alarms_per_day=2.0,
    schedule="0 0 1 * *",  # monthly
    # A service is another one by day and at weekends: within hours of a retraining there is nothing new to learn.
    retraining=RetrainingRules(not_more_often_s=86_400.0),
    threshold_variable="ANOMALY_THRESHOLD",
    test_days=3.0,
)

APP: Final = App(
    name="helios",
    title="Is this moment of this service's metrics anomalous?",
    events=(METRICS,),
    tasks=(ANOMALY,),
    simulate=simulate,
    start=datetime(2024, 1, 1, tzinfo=UTC),
    collections={
        "host": Collection(
            name="host", event="metrics", title="CPU, memory, disk and network of this machine", collect=collect_host
        )
    },
)
