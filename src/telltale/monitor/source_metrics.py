"""Figures for Prometheus about the backends that rows are read from: how old what came from there is."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from telltale.telemetry.backend.kept import Facts, all_facts

_LABELS: Final = ("app", "event", "source")


class SourceMetrics(Collector):
    """Age and standing of each source, read from the home when they are asked for.

    Args:
        home: the folder.
    """

    def __init__(self, home: Path) -> None:
        self._home = home

    def describe(self) -> Iterable[Metric]:
        """The families without figures: what a registry asks for when this is registered."""
        return _families((), now=datetime.now(UTC))

    def collect(self) -> Iterable[Metric]:
        """The families as they are now."""
        return _families(tuple(all_facts(self._home)), now=datetime.now(UTC))


def _families(sources: Sequence[Facts], *, now: datetime) -> Iterable[Metric]:
    age = GaugeMetricFamily(
        "telltale_source_age_seconds", "Since the last good answer of a backend", labels=_LABELS, unit=""
    )
    stale = GaugeMetricFamily(
        "telltale_source_stale", "1 while a backend gives no rows, so that older ones stand in", labels=_LABELS
    )
    for facts in sources:
        labels = (facts.app, facts.event, facts.address)
        if facts.taken_at is not None:
            age.add_metric(labels, (now - facts.taken_at).total_seconds())
        stale.add_metric(labels, float(facts.failing_since is not None))
    return (age, stale)
