import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from telltale.contract.errors import UsageError
from telltale.features.summaries.stream import Reference, StreamSummary, summarise_reference
from telltale.monitor.drift.decide import Drift, compare, fixed_limits

Floats = NDArray[np.float64]
HOUR_S = 3_600.0
NAMES = ("a", "b", "c")


def autoregressive(rng: np.random.Generator, n: int, k: int, coefficient: float) -> Floats:
    shocks: Floats = rng.normal(size=(n + 200, k)) * np.sqrt(1 - coefficient**2)
    for i in range(1, len(shocks)):
        shocks[i] += coefficient * shocks[i - 1]
    return shocks[200:]


def held_against(
    reference: Reference,
    values: Floats,
    *,
    times_s: Floats | None = None,
    entities: list[str] | None = None,
    level: float = 0.05,
) -> Drift:
    stream = StreamSummary(reference.layout)
    stream.add(values, times_s=times_s, entities=entities)
    return compare(reference, stream.take(), level=level)


def alarm_rate(*, n: int, coefficient: float, windows: int, reference_rows: int = 3_000, k: int = 12) -> float:
    rng = np.random.default_rng([n, windows])
    names = tuple(f"f{i}" for i in range(k))
    alarms = 0
    for _ in range(windows // 10):
        reference = summarise_reference(names, autoregressive(rng, reference_rows, k, coefficient))
        series = autoregressive(rng, 10 * (n + 60), k, coefficient)
        alarms += sum(
            held_against(reference, series[i * (n + 60) : i * (n + 60) + n]).drifted is True for i in range(10)
        )
    return alarms / windows


@pytest.mark.slow
@pytest.mark.parametrize(("n", "coefficient"), [(50, 0.0), (50, 0.9), (500, 0.9)])
def test_an_unchanged_stream_alarms_as_often_as_asked_for_and_no_more(n: int, coefficient: float) -> None:
    # 5 % of 200 windows, and three standard errors.
    assert alarm_rate(n=n, coefficient=coefficient, windows=200) <= 0.10


def test_a_small_reference_is_not_taken_for_the_truth() -> None:
    rng = np.random.default_rng(13)
    alarms = 0
    for _ in range(300):
        reference = summarise_reference(("a",), rng.normal(size=(200, 1)))
        alarms += held_against(reference, rng.normal(size=(2_000, 1))).drifted is True

    assert alarms / 300 <= 0.09


def test_a_reference_too_sparse_for_bins_is_undecided() -> None:
    rng = np.random.default_rng(3)
    times_s = np.arange(0.0, 300.0) * HOUR_S
    reference = summarise_reference(("a",), rng.normal(size=(300, 1)), times_s=times_s, like_hours="hour_of_day")

    found = held_against(reference, rng.normal(size=(300, 1)) + 9, times_s=times_s)

    assert found.drifted is None
    assert "too few values in each of the like hours" in found.why


def test_the_window_itself_never_drifts_from_its_reference() -> None:
    values = np.random.default_rng(0).normal(size=(500, 3))

    found = held_against(summarise_reference(NAMES, values), values)

    assert found.drifted is False
    assert [(one.psi, one.ks, one.wasserstein) for one in found.features] == [(0.0, 0.0, 0.0)] * 3


@settings(max_examples=25, deadline=None)
@given(shift=st.floats(0.8, 5.0), sign=st.sampled_from([-1, 1]), scale=st.sampled_from([1e-9, 1.0, 1e12]))
def test_a_shift_is_found_whatever_the_unit_and_named_with_its_size(shift: float, sign: int, scale: float) -> None:
    rng = np.random.default_rng(1)
    reference = summarise_reference(NAMES, rng.normal(size=(2_000, 3)) * scale)
    values = rng.normal(size=(200, 3)) * scale
    values[:, 1] += sign * shift * scale

    found = held_against(reference, values)

    assert found.moved == ("b",)
    moved = found.features[1]
    assert moved.aspect == "location"
    assert moved.shift is not None
    assert moved.low is not None
    assert moved.high is not None
    assert sign * moved.shift > 0
    if shift < 1.2:
        assert moved.low < sign * shift < moved.high


def test_what_moved_is_named() -> None:
    rng = np.random.default_rng(2)
    reference = summarise_reference(NAMES, rng.normal(size=(2_000, 3)))
    values = rng.normal(size=(400, 3))
    values[:, 0] *= 2.0
    values[::40, 1] = np.nan
    values[::8, 2] = 0.123

    found = held_against(reference, values)

    assert [one.aspect for one in found.features] == ["spread", "missing", "shape"]
    assert found.moved == NAMES


def test_a_value_never_seen_in_a_constant_feature_is_drift_once_it_is_no_accident() -> None:
    reference = summarise_reference(("a",), np.full((2_000, 1), 7.0))
    once, often = np.full((50, 1), 7.0), np.full((50, 1), 7.0)
    once[0], often[:5] = 8.0, 8.0

    assert held_against(reference, np.full((50, 1), 7.0)).drifted is False
    assert held_against(reference, once).drifted is False
    assert held_against(reference, often).drifted is True


def test_a_rare_event_seen_as_often_as_before_is_no_drift() -> None:
    rng = np.random.default_rng(3)
    reference = summarise_reference(("a",), (rng.random((40_000, 1)) < 0.005).astype(float))

    alarms = sum(
        held_against(reference, (rng.random((50, 1)) < 0.005).astype(float), level=0.01).drifted is True
        for _ in range(600)
    )

    # Two of fifty come in 2.6 % of windows; by the normal tail they would be an alarm.
    assert alarms / 600 <= 0.015


def days(rng: np.random.Generator, n_days: int, *, first: int = 0) -> tuple[Floats, Floats]:
    times_s: Floats = (np.arange(n_days * 288, dtype=np.float64) + first * 288) * 300.0
    level = 3.0 * np.sin(times_s / 86_400 * 2 * np.pi)
    return times_s, (level + rng.normal(size=len(times_s)))[:, None]


def test_a_days_rhythm_is_no_drift_and_a_shift_within_an_hour_is() -> None:
    rng = np.random.default_rng(4)
    times_s, values = days(rng, 14)
    reference = summarise_reference(("a",), values, times_s=times_s)
    later_s, later = days(rng, 3, first=14)

    hours = [slice(start, start + 12) for start in range(0, len(later), 12)]
    unchanged = [held_against(reference, later[h], times_s=later_s[h]).drifted for h in hours]
    shifted = [held_against(reference, later[h] + 1.5, times_s=later_s[h]).drifted for h in hours]
    blind = summarise_reference(("a",), values, times_s=times_s, like_hours="none")

    assert reference.layout.like_hours == "hour_of_day"
    assert sum(one is True for one in unchanged) <= 0.1 * len(hours)
    assert sum(one is True for one in shifted) >= 0.9 * len(hours)
    # Without like hours the rhythm is memory: an hour is worth one row, and a shift in it is not seen.
    assert not any(held_against(blind, later[h] + 1.5, times_s=later_s[h]).drifted for h in hours)


def test_interleaved_entities_keep_their_own_memory() -> None:
    rng = np.random.default_rng(5)
    streams = autoregressive(rng, 1_000, 8, 0.95)
    mixed, names = streams.reshape(-1, 1), [str(i % 8) for i in range(8_000)]

    known = summarise_reference(("a",), mixed, entities=names)
    found = held_against(known, mixed[:400], entities=names[:400]).features[0]

    assert found.reference_autocorrelation == pytest.approx(0.95, abs=0.03)
    assert found.n_effective is not None
    assert 8 <= found.n_effective <= 24  # eight entities, fifty rows each, all but one


def test_a_window_that_remembers_more_than_the_reference_counts_for_less() -> None:
    rng = np.random.default_rng(6)
    reference = summarise_reference(("a",), rng.normal(size=(3_000, 1)))

    found = held_against(reference, autoregressive(rng, 1_000, 1, 0.9)).features[0]

    assert found.n_effective is not None
    assert found.n_effective < 120


def test_a_shift_half_way_through_the_window_is_found_all_the_same() -> None:
    rng = np.random.default_rng(7)
    reference = summarise_reference(("a",), rng.normal(size=(3_000, 1)))
    values = rng.normal(size=(1_000, 1))
    values[500:] += 1.5

    assert held_against(reference, values).drifted is True


def test_a_shift_that_can_be_detected_is_detected_four_times_in_five() -> None:
    rng = np.random.default_rng(8)
    reference = summarise_reference(("a",), rng.normal(size=(2_000, 1)))
    size = held_against(reference, rng.normal(size=(100, 1))).features[0].detectable
    assert size is not None

    found = sum(held_against(reference, rng.normal(size=(100, 1)) + size).drifted is True for _ in range(200))

    assert 0.70 <= found / 200 <= 0.92


def test_too_little_is_said_to_be_too_little() -> None:
    rng = np.random.default_rng(9)
    reference = summarise_reference(NAMES, rng.normal(size=(500, 3)))
    few = held_against(reference, rng.normal(size=(9, 3)) + 9)
    slow = summarise_reference(("a",), autoregressive(rng, 300, 1, 0.98))

    assert few.drifted is None
    assert "at least 10 are needed" in few.why
    undecided = held_against(slow, rng.normal(size=(100, 1)))
    assert undecided.drifted is None
    assert "independent rows" in undecided.why


def test_a_feature_that_stops_coming_is_drift() -> None:
    rng = np.random.default_rng(10)
    reference = summarise_reference(NAMES, rng.normal(size=(2_000, 3)))
    values = rng.normal(size=(60, 3))
    values[:, 2] = np.nan

    found = held_against(reference, values)

    assert found.moved == ("c",)
    assert found.features[2].aspect == "missing"


def test_the_fixed_limits_cry_on_fifty_rows_of_which_nothing_changed() -> None:
    rng = np.random.default_rng(11)
    reference = summarise_reference(NAMES, rng.normal(size=(2_000, 3)))
    stream = StreamSummary(reference.layout)
    stream.add(rng.normal(size=(50, 3)))
    window = stream.take()

    bands = {one.band for one in fixed_limits(reference, window)}

    assert bands <= {"watch", "drifted"}
    assert compare(reference, window).drifted is False
    assert {one.band for one in fixed_limits(reference, reference.summary)} == {"stable"}


def test_wrong_use_is_told() -> None:
    rng = np.random.default_rng(12)
    one, other = (summarise_reference(("a",), rng.normal(size=(100, 1))) for _ in range(2))

    with pytest.raises(UsageError, match="own layout"):
        compare(one, other.summary)
    with pytest.raises(UsageError, match=r"such as 0\.05"):
        compare(one, one.summary, level=5)
