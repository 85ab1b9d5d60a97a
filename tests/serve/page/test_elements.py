from datetime import UTC, datetime, timedelta

import pytest

from telltale.serve.page.charts import Frame, bars, interval, spark
from telltale.serve.page.elements import DASH, NOTHING, Html, badge, facts, joined, link, section, table, tag

HOSTILE = "\"><script>alert('x')</script>&"


def test_whatever_is_put_into_an_element_is_escaped_unless_it_is_html() -> None:
    for made in (
        tag("p", HOSTILE),
        tag("p", "x", title=HOSTILE),
        joined("a", HOSTILE),
        link(HOSTILE, HOSTILE),
        badge(HOSTILE, HOSTILE, HOSTILE),
        facts({HOSTILE: HOSTILE}),
        section(HOSTILE, HOSTILE, about=HOSTILE),
        table(HOSTILE, (HOSTILE, HOSTILE), [(HOSTILE, HOSTILE)]),
        spark([1.0, 2.0], HOSTILE),
        bars([1.0], HOSTILE),
        interval(0.5, 0.4, 0.6, 0.5, HOSTILE),
        Frame(HOSTILE, HOSTILE, x_labels=[(0.0, HOSTILE)], y_labels=[(0.0, HOSTILE)]).drawn([("a", HOSTILE)]),
    ):
        assert "<script>" not in made
        assert '="">' not in made
    assert tag("p", Html("<b>x</b>")) == "<p><b>x</b></p>"


def test_a_row_is_named_by_its_first_cell_and_on_a_phone_each_cell_by_its_column() -> None:
    made = table("Tasks", ("task", "gate", ""), [("anomaly", "pass", "x"), ("trend", DASH, NOTHING)])

    assert '<caption class="unseen">Tasks</caption>' in made
    assert made.count('scope="row"') == 2
    assert made.count('data-of="gate"') == 2
    assert made.count('class="none"') == 1  # left out where there is no room
    assert '<span class="unseen">actions</span>' in made


def test_a_table_without_rows_says_why_or_nothing() -> None:
    assert table("Tasks", ("task",), [], note="None.") == '<p class="quiet">None.</p>'
    assert table("Tasks", ("task",), []) == NOTHING
    assert section("Tasks", table("Tasks", ("task",), [])) == NOTHING


def test_a_line_passes_over_what_is_not_known_and_needs_two_values() -> None:
    assert spark([None, 1.0, float("nan")], "x") == NOTHING
    drawn = spark([0.25, None, 0.75], "x")
    assert 'points="3.0,19.0 93.0,3.0"' in drawn
    assert spark([0.5, 0.5], "flat").count("11.0") == 3


def test_a_curve_is_broken_where_a_value_is_missing_and_stays_inside_its_frame() -> None:
    frame = Frame("t", "t", x_labels=(), y_labels=())
    frame.curve([(0.0, 0.0), (0.1, 0.2), None, (0.5, 9.0)], "p50")

    drawn = frame.drawn()

    assert drawn.count("<polyline") == 1
    assert drawn.count("<circle") == 1
    assert f'cy="{frame.y(1.0):.1f}"' in drawn


@pytest.mark.parametrize("highest", [0.0, float(1 << 40)])
def test_bars_reach_from_nothing_to_the_top_whatever_the_highest(highest: float) -> None:
    drawn = bars([highest, 0.0], "x")

    assert drawn.count("<rect") == (1 if highest else 0)


def test_an_interval_that_is_a_point_is_drawn() -> None:
    assert "nan" not in interval(1.0, 1.0, 1.0, None, "x")
    assert 'class="limit"' in interval(1.0, 1.0, 1.0, 1.0, "x")


def test_times_are_told_from_now_and_whole_beside_it() -> None:
    from telltale.serve.page.elements import moment

    now = datetime(2024, 12, 1, tzinfo=UTC)

    assert ">in 2 d</time>" in moment(now + timedelta(hours=48), now)
    assert 'title="2024-11-30 22:20:00 UTC">100 min ago<' not in moment(now - timedelta(minutes=100), now)
    assert moment(None, now) == DASH
