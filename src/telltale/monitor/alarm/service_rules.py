"""Slow answers, and failed ones."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from telltale.monitor.alarm.scene import Finding, Scene
from telltale.monitor.service import ServiceLevel, measure_service
from telltale.monitor.service_minutes import NO_VERSION

_TIMED_FOR: Final = timedelta(minutes=10)
_FAILED_FOR: Final = timedelta(minutes=5)
# Half a minute of the most that a process answers; every task is looked at, several times a minute.
_MOST_READ: Final = 200_000
# Fewer slow ones may be the first after a start.
_FEWEST_FOR_MEAN: Final = 20
_FEWEST_FOR_P99: Final = 100
_FEWEST_FOR_RATE: Final = 20


def high_latency(scene: Scene, limits: Mapping[str, float]) -> Finding | None:
    """The mean of the last 100 answers, or the p99 of ten minutes, is above its limit."""
    service = _measured(scene, _TIMED_FOR)
    found = []
    mean_ms, p99_ms = service.last_100_mean_ms, service.p99_ms
    if mean_ms is not None and service.n_timed >= _FEWEST_FOR_MEAN and mean_ms > limits["latency_mean_ms"]:
        n = min(100, service.n_timed)
        found.append(
            f"the last {n} predictions took {mean_ms:.1f} ms on average; the limit is {limits['latency_mean_ms']:g} ms"
        )
    if p99_ms is not None and service.n_timed >= _FEWEST_FOR_P99 and p99_ms > limits["latency_p99_ms"]:
        found.append(
            f"the slowest hundredth of {service.n_timed:,} in ten minutes took {p99_ms:.1f} ms or more (p99); the limit "
            f"is {limits['latency_p99_ms']:g} ms"
        )
    if not found:
        return None
    return Finding(
        what=f"High prediction latency detected: {'; and '.join(found)}",
        mend="See whether something else takes the processor, and whether it began with a promotion "
        f"(`telltale history {scene.app.name}/{scene.name}`); then take that one back, or serve with more workers.",
    )


def high_error_rate(scene: Scene, limits: Mapping[str, float]) -> Finding | None:
    """Of the requests of five minutes more than the limit failed by the server's fault."""
    service = _measured(scene, _FAILED_FOR)
    rate = service.error_rate
    if rate is None or service.n < _FEWEST_FOR_RATE or rate <= limits["error_rate"]:
        return None
    address = f"{scene.app.name}/{scene.name}"
    n_unserved = _measured(scene, _FAILED_FOR, version=NO_VERSION).n_failed
    mend = (
        f"The server's log has the error of each; where it began with a promotion, `telltale rollback {address}`."
        if n_unserved < service.n_failed
        else f"No version served them: `telltale versions {address}` has what there is to promote."
    )
    return Finding(
        what=f"High error rate detected: {service.n_failed:,} of {service.n:,} requests in five minutes failed "
        f"({rate:.1%}); the limit is {limits['error_rate']:.1%}",
        mend=mend,
    )


def _measured(scene: Scene, span: timedelta, *, version: int | None = None) -> ServiceLevel:
    return measure_service(
        scene.folder.events,
        scene.app.name,
        scene.name,
        version=version,
        since=scene.now - span,
        until=scene.now,
        most_read=_MOST_READ,
    )
