"""The event of eyenet: one reading of a network device's counters."""

from telltale.contract.schema import Column, EventSchema

SAMPLE = EventSchema(
    name="sample",
    columns=(
        Column(name="bytes_in", unit="bytes per interval", low=0.0),
        Column(name="bytes_out", unit="bytes per interval", low=0.0),
        Column(name="packets_in", unit="packets per interval", low=0.0),
        Column(name="packets_out", unit="packets per interval", low=0.0),
        Column(name="latency", unit="ms", low=0.0, nullable=True),
    ),
    time="timestamp",
    time_aliases=("time", "ts"),
    entity="device_id",
    label="is_anomaly",
    label_aliases=("label",),
    any_numeric=True,
    lateness_s=3_600.0,
)
