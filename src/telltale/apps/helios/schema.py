"""The event of helios: a row of a service's metrics."""

from telltale.contract.schema import Column, EventSchema

METRICS = EventSchema(
    name="metrics",
    columns=(
        Column(name="event_count", unit="events per interval", low=0.0),
        Column(name="error_rate", unit="share of events", low=0.0, high=1.0),
        Column(name="p50_latency_ms", unit="ms", low=0.0),
        Column(name="p95_latency_ms", unit="ms", low=0.0),
        Column(name="p99_latency_ms", unit="ms", low=0.0),
    ),
    time="timestamp",
    time_aliases=("time", "ts"),
    entity="service",
    label="is_anomaly",
    label_aliases=("label",),
    any_numeric=True,
    lateness_s=3_600.0,
)
