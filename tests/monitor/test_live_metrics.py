from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from telltale.monitor.live_metrics import _BOUNDS_S, LiveMetrics, _observe_many
from telltale.monitor.prediction_log import Record


@given(st.lists(st.one_of(st.sampled_from(_BOUNDS_S), st.floats(0.0, 2.0)), max_size=40))
def test_many_at_once_count_as_one_by_one(seconds: list[float]) -> None:
    one_by_one = Histogram("one", "-", registry=None, buckets=_BOUNDS_S)
    at_once = Histogram("many", "-", registry=None, buckets=_BOUNDS_S)
    for value in seconds:
        one_by_one.observe(value)

    _observe_many(at_once, seconds)

    def figures(histogram: Histogram) -> list[tuple[str, dict[str, str], float]]:
        samples = next(iter(histogram.collect())).samples
        return [
            (sample.name.partition("_")[2], sample.labels, round(sample.value, 9))
            for sample in samples
            if not sample.name.endswith("_created")
        ]

    assert figures(at_once) == figures(one_by_one)


def test_names_and_labels_are_the_promised_ones(record: Callable[..., Record]) -> None:
    metrics = LiveMetrics(CollectorRegistry())

    metrics.observe([record("a"), record("b")])
    metrics.count_failed(record("a")[0], 3)

    page = generate_latest(metrics.registry).decode()
    labels = '{app="helios",role="champion",task="anomaly",version="3"}'
    assert f"telltale_predictions_total{labels} 2.0" in page
    assert f"telltale_prediction_seconds_count{labels} 2.0" in page
    assert f"telltale_failures_total{labels} 3.0" in page
