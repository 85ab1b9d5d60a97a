"""A made-up network with labelled faults, for a first run, for tests and for benchmarks.

Which devices there are is in `telltale.apps.eyenet.network_devices`, how they behave that are well in
`telltale.apps.eyenet.network`, what faults do in `telltale.apps.eyenet.faults`.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.apps.eyenet.faults import inject
from telltale.apps.eyenet.network import network
from telltale.apps.eyenet.network_devices import devices
from telltale.apps.eyenet.simulate_flows import simulate_flows
from telltale.contract.errors import UsageError
from telltale.contract.simulation import Simulation

# 19,800 rows: enough for an hourly level of every device, few enough to train on in seconds.
_DAYS = 2.75
_DEVICES = 5
_INTERVAL_S = 60.0
_RATE = 0.05


def simulate(event: str, how: Simulation) -> pl.DataFrame:
    """Rows of `eyenet/flow` as `simulate_flows` says, or of `eyenet/sample`, with `is_anomaly` and the kind in `fault` ("" where the device is well).

    Unless asked otherwise 2.75 days of five devices, a row a minute of each, with a fault in 5 % of them; the rate is
    at most 50 %. More days begin with the same rows; of more devices those that are well read as before.

    Raises:
        UsageError: an argument is out of range.
    """
    if event == "flow":
        return simulate_flows(how)
    if event != "sample":
        raise UsageError.not_one_of(event, ("sample", "flow"), where="eyenet: event")
    how.check(where="eyenet: simulate", highest_rate=0.5, has_entities=True)
    assert how.start is not None, "the kernel says when time starts"
    interval_s = how.interval_s or _INTERVAL_S
    sites = devices(how.n_entities or _DEVICES)
    names = [device.name for site in sites for device in site]
    n_rows = how.n_rows or max(1, round((how.days or _DAYS) * 86_400 / interval_s)) * len(names)
    n = -(-n_rows // len(names))
    times_s: NDArray[np.float64] = how.start.timestamp() + np.arange(n, dtype=np.float64) * interval_s
    readings = network(sites, times_s, interval_s=interval_s, seed=how.seed)
    rate = _RATE if how.positive_rate is None else how.positive_rate
    kinds = inject(readings, interval_s=interval_s, rate=rate, seed=how.seed)
    stamps = pl.Series((times_s * 1e6).round().astype(np.int64)).cast(pl.Datetime("us", "UTC"))
    parts = [
        pl.DataFrame(
            {
                "timestamp": stamps,
                "device_id": [name] * n,
                "bytes_in": reading.bytes_in.round(),
                "bytes_out": reading.bytes_out.round(),
                "packets_in": reading.packets_in.round(),
                "packets_out": reading.packets_out.round(),
                "latency": pl.Series(reading.latency.round(3)).fill_nan(None),
                "is_anomaly": pl.Series(kind != "", dtype=pl.Int8),
                "fault": kind,
            }
        )
        for name, reading, kind in zip(names, readings, kinds, strict=True)
    ]
    return pl.concat(parts).sort("timestamp", "device_id", maintain_order=True)[:n_rows]
