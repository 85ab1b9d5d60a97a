"""Figures for Prometheus, under names that never change."""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from telltale.monitor.prediction_log import Record, ServedVersion

_LABELS = ("app", "task", "version", "role")
_BOUNDS_S = (25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 50e-3, 100e-3, 250e-3, 1.0)

_ROUTE_BOUNDS_S = (1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 1.0, 5.0, 30.0)


class LiveMetrics:
    """Counters and a histogram, fed with whole flushes: a request never touches them.

    Args:
        registry: where they are registered; a process has one, a test one of its own.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._predictions = Counter("telltale_predictions_total", "Predictions served", _LABELS, registry=registry)
        self._failures = Counter(
            "telltale_failures_total", "Requests that the server failed to answer", _LABELS, registry=registry
        )
        self._seconds = Histogram(
            "telltale_prediction_seconds",
            "From the body in hand to the answer decided",
            _LABELS,
            buckets=_BOUNDS_S,
            registry=registry,
        )

        self._routes = Histogram(
            "telltale_route_seconds",
            "Paths of apps: from the request in hand to its answer",
            ("app", "method", "path", "status"),
            buckets=_ROUTE_BOUNDS_S,
            registry=registry,
        )

    def observe_route(self, app: str, method: str, path: str, status: int, seconds: float) -> None:
        """Count one answer of a path of an app; `path` as it is declared, whose parts in braces stand for any."""
        self._routes.labels(app, method, path, str(status)).observe(seconds)

    def observe(self, records: Sequence[Record]) -> None:
        """Count a flush of the prediction log."""
        latencies_s: dict[ServedVersion, list[float]] = {}
        for record in records:
            latencies_s.setdefault(record[0], []).append(record[6])
        for served, seconds in latencies_s.items():
            labels = (served.app, served.task, str(served.version), served.role)
            self._predictions.labels(*labels).inc(len(seconds))
            _observe_many(self._seconds.labels(*labels), seconds)

    def count(self, served: ServedVersion, n: int) -> None:
        """Count answers that are not logged one by one: what a single one of them took has no meaning."""
        self._predictions.labels(served.app, served.task, str(served.version), served.role).inc(n)

    def count_failed(self, served: ServedVersion, n: int) -> None:
        """Count requests that the version would have answered and the server failed to; version 0 where none serves."""
        self._failures.labels(served.app, served.task, str(served.version), served.role).inc(n)


def _observe_many(histogram: Histogram, seconds: Sequence[float]) -> None:
    # `observe` costs 1 to 3 us per value and is all the library offers; the sums it would add up are added here at
    # once. A test holds the result against `observe` itself, so that a change inside the library is noticed.
    bounds = histogram._upper_bounds  # noqa: SLF001
    for place, n in Tally(bisect_left(bounds, value) for value in seconds).items():
        histogram._buckets[place].inc(n)  # noqa: SLF001
    histogram._sum.inc(sum(seconds))  # noqa: SLF001
