import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.features.summaries.like_hours import N_BUCKETS, buckets, choose_like_hours
from telltale.features.summaries.stream import LAGS, Reference, StreamSummary, Summary, merge, summarise_reference

Floats = NDArray[np.float64]
DAY_S = 86_400.0
MONDAY_S = 4 * DAY_S  # 5 January 1970

RNG = np.random.default_rng(5)
REFERENCE = summarise_reference(("a", "b"), RNG.normal(size=(600, 2)))
ROWS = np.where(RNG.random((60, 2)) < 0.1, np.nan, RNG.normal(size=(60, 2)) * 3)


def summary_of(values: Floats, reference: Reference = REFERENCE) -> Summary:
    stream = StreamSummary(reference.layout)
    stream.add(values)
    return stream.take()


def weeks(n_weeks: int, *, rhythm: float, weekend: float = 0.0, seed: int = 0) -> tuple[Floats, Floats]:
    """Times every ten minutes, and one column with a rhythm of the day and another level at weekends."""
    times_s: Floats = MONDAY_S + np.arange(n_weeks * 7 * 144, dtype=np.float64) * 600.0
    noise = np.random.default_rng(seed).normal(size=len(times_s))
    day = rhythm * np.sin(times_s / DAY_S * 2 * np.pi)
    return times_s, (noise + day + weekend * (buckets(times_s, "hour_of_kind_of_day") >= 24))[:, None]


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 60), min_size=2, max_size=2), data=st.data())
def test_merging_is_the_same_in_any_order_and_grouping(cuts: list[int], data: st.DataObject) -> None:
    first, second = sorted(cuts)
    a, b, c = (summary_of(part) for part in (ROWS[:first], ROWS[first:second], ROWS[second:]))

    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(a, b) == merge(b, a)
    assert merge(a, summary_of(ROWS[:0])) == a


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 60), max_size=8))
def test_how_rows_are_cut_into_batches_changes_nothing(cuts: list[int]) -> None:
    entities = ["x" if i % 3 else "y" for i in range(60)]
    whole, pieces = StreamSummary(REFERENCE.layout), StreamSummary(REFERENCE.layout)
    whole.add(ROWS, entities=entities)
    taken: Summary | None = None
    places = [0, *sorted(cuts), 60]

    for start, end in pairwise(places):
        pieces.add(ROWS[start:end], entities=entities[start:end])
        part = pieces.take()
        taken = part if taken is None else merge(taken, part)

    assert taken == whole.take()


def test_lagged_sums_are_those_of_a_plain_loop() -> None:
    layout = REFERENCE.layout.features[0]
    entities = [["x", "y", "y"][i % 3] for i in range(60)]
    stream = StreamSummary(REFERENCE.layout)
    stream.add(ROWS, entities=entities)
    found = stream.take().features[0]

    for place, lag in enumerate(LAGS):
        n = products = earlier = 0
        for name in "xy":
            own = [row for row, entity in zip(ROWS[:, 0], entities, strict=True) if entity == name]
            scores = [
                None if math.isnan(x) else layout.location[0][sum(edge <= x for edge in layout.edges[0])] for x in own
            ]
            for one, other in zip(scores, scores[lag:], strict=False):
                if one is not None and other is not None:
                    n, products, earlier = n + 1, products + one * other, earlier + one
        assert (found.n_pairs[place], found.location.products[place], found.location.earlier[place]) == (
            n,
            products,
            earlier,
        )


def test_what_is_counted_is_what_came() -> None:
    stream = StreamSummary(REFERENCE.layout)
    stream.add(ROWS, times_s=np.arange(60.0) + 7.0)
    found = stream.take()

    assert (found.n_rows, found.first_s, found.last_s) == (60, 7.0, 66.0)
    for place, feature in enumerate(found.features):
        known = ROWS[~np.isnan(ROWS[:, place]), place]
        layout = REFERENCE.layout.features[place]
        assert feature.n == len(known)
        assert sum(feature.n_missing) == 60 - len(known)
        mean = layout.centre + feature.total / 1e3 * layout.unit / feature.n
        assert mean == pytest.approx(known.mean(), abs=1e-3)
    assert stream.take().n_rows == 0


def test_one_absurd_value_does_not_hide_the_others() -> None:
    found = summary_of(np.array([[1e300, -np.inf], [0.0, 0.0]])).features

    assert [feature.n for feature in found] == [2, 2]
    assert abs(found[0].total) <= 101_000
    assert found[0].counts[0][-1] == 1
    assert found[1].counts[0][0] == 1


def test_a_summary_and_its_reference_come_back_from_json_as_they_were() -> None:
    found = summary_of(ROWS)

    assert msgspec.json.decode(msgspec.json.encode(found), type=Summary) == found
    assert msgspec.json.decode(msgspec.json.encode(REFERENCE), type=Reference) == REFERENCE


@pytest.mark.parametrize("kind", list(N_BUCKETS))
def test_a_feature_takes_a_few_kilobytes_however_finely_time_is_cut(kind: str) -> None:
    times_s, values = weeks(9, rhythm=2.0)

    made = summarise_reference(("a",), values, times_s=times_s, like_hours=kind)  # type: ignore[arg-type]  # its values

    assert len(msgspec.json.encode(made.summary)) < 8_000
    assert len(msgspec.json.encode(made.layout)) < 28_000


def test_a_value_that_many_rows_share_has_a_bin_of_its_own() -> None:
    values = np.where(np.arange(1_000) % 2 == 0, 0.0, np.linspace(-1, 1, 1_000))[:, None]
    reference = summarise_reference(("a",), values)

    just_below, itself, just_above = (
        summary_of(np.array([[x]]), reference).features[0].counts[0] for x in (-1e-9, 0.0, 1e-9)
    )

    assert len({just_below.index(1), itself.index(1), just_above.index(1)}) == 3


def test_time_is_cut_as_finely_as_the_values_ask_for_and_the_rows_allow() -> None:
    assert choose_like_hours(*weeks(4, rhythm=0.0)) == "none"
    assert choose_like_hours(*weeks(2, rhythm=2.0)) == "hour_of_day"
    assert choose_like_hours(*weeks(6, rhythm=2.0)) == "hour_of_day"
    assert choose_like_hours(*weeks(6, rhythm=2.0, weekend=3.0)) == "hour_of_kind_of_day"
    times_s, values = weeks(2, rhythm=2.0, weekend=3.0)
    assert choose_like_hours(times_s[:430], values[:430]) == "none"  # three days


def test_the_hour_of_the_week_begins_on_monday() -> None:
    assert buckets(np.array([MONDAY_S, MONDAY_S - 1.0]), "hour_of_week").tolist() == [0, 167]


def test_an_entity_not_seen_for_longest_is_forgotten_first() -> None:
    stream = StreamSummary(REFERENCE.layout, most_entities=2)
    for name in ("x", "y", "x", "z", "y", "z"):
        stream.add(np.zeros((1, 2)), entities=[name])

    # y was forgotten when z came; x and z followed themselves once each.
    assert stream.take().features[0].n_pairs[0] == 2


def test_wrong_use_is_told_with_its_mend() -> None:
    with pytest.raises(NotEnoughDataError, match="at least 20"):
        summarise_reference(("a",), np.zeros((3, 1)))
    with pytest.raises(UsageError, match="one column per name"):
        summarise_reference(("a",), np.zeros((30, 2)))
    with pytest.raises(UsageError, match=r"one column for each of \['a', 'b'\]"):
        summary_of(np.zeros((3, 1)))
    other = summarise_reference(("a", "b"), np.random.default_rng(1).normal(size=(600, 2)))
    with pytest.raises(UsageError, match="Merge summaries of one version"):
        merge(summary_of(ROWS), summary_of(ROWS, other))
    times_s, values = weeks(2, rhythm=2.0)
    with pytest.raises(UsageError, match="like hours"):
        summary_of(values, summarise_reference(("a",), values, times_s=times_s))
