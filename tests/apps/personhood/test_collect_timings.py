"""Matching releases to presses, and what class a key is; the keyboard itself is in `test_collect`."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.apps.personhood.keyboard import key_class
from telltale.apps.personhood.keyboard_timings import LONGEST_HOLD_MS, KeyTiming, KeyTimings


def test_keys_that_overlap_are_held_as_long_as_each_was() -> None:
    timings = KeyTimings()
    timings.press("a", "letter", at_ms=0.0)
    timings.press("b", "letter", at_ms=60.0)
    timings.release("a", at_ms=80.0)
    timings.press("1", "digit", at_ms=120.0)
    timings.release("1", at_ms=130.0)
    timings.release("b", at_ms=150.0)

    assert timings.finish() == [
        KeyTiming(0.0, 80.0, "letter"),
        KeyTiming(60.0, 150.0, "letter"),
        KeyTiming(120.0, 130.0, "digit"),
    ]


@given(
    strokes=st.lists(st.tuples(st.integers(0, 5), st.floats(1, 300), st.floats(1, 300), st.integers(0, 4)), max_size=30)
)
def test_one_key_after_another_is_kept_as_it_was_whatever_repeats(
    strokes: list[tuple[int, float, float, int]],
) -> None:
    timings, expected, now = KeyTimings(), [], 0.0
    for key, gap, hold, n_repeats in strokes:
        down = now + gap
        for repeat in range(n_repeats + 1):
            timings.press(key, "letter", at_ms=down + repeat * hold / (n_repeats + 1))
        now = down + hold
        timings.release(key, at_ms=now)
        expected.append(KeyTiming(down, now, "letter"))

    assert timings.finish() == expected
    assert timings.n_lost == 0


def test_nothing_of_a_key_is_left_when_it_is_up() -> None:
    timings = KeyTimings()
    timings.press("q", "letter", at_ms=0.0)
    timings.release("q", at_ms=50.0)
    timings.press("!", "other", at_ms=100.0)

    assert "q" not in repr(vars(timings))
    assert "!" not in repr(vars(timings))  # nor as it is, while it is down
    assert str(hash("q")) not in repr(vars(timings))


def test_a_symbol_comes_up_under_another_name_where_shift_went_up_first() -> None:
    timings = KeyTimings()
    timings.press("shift", "other", at_ms=0.0, is_modifier=True)
    timings.press("!", "other", at_ms=50.0)
    timings.release("1", at_ms=120.0)
    timings.release("shift", at_ms=130.0)

    assert timings.finish() == [KeyTiming(0.0, 130.0, "other"), KeyTiming(50.0, 120.0, "other")]


def test_where_it_is_not_known_which_key_came_up_all_that_it_could_be_are_given_up() -> None:
    timings = KeyTimings()
    timings.press("!", "other", at_ms=0.0)
    timings.press("a", "letter", at_ms=40.0)
    timings.release("1", at_ms=90.0)
    timings.release("a", at_ms=100.0)

    assert timings.finish() == []
    assert timings.n_lost == 2


def test_a_release_without_a_press_is_ignored_and_a_press_without_a_release_is_counted() -> None:
    timings = KeyTimings()
    timings.release("enter", at_ms=5.0)
    timings.press("b", "letter", at_ms=10.0)

    assert timings.finish() == []
    assert timings.n_lost == 1


def test_a_release_that_was_lost_costs_one_key_and_no_more() -> None:
    timings = KeyTimings()
    timings.press("a", "letter", at_ms=0.0)  # its release went to a locked screen
    timings.press("a", "letter", at_ms=60_000.0)
    timings.release("a", at_ms=60_000.0 + LONGEST_HOLD_MS)
    timings.press("a", "letter", at_ms=80_000.0)
    timings.release("a", at_ms=80_090.0)

    assert timings.finish() == [KeyTiming(80_000.0, 80_090.0, "letter")]
    assert timings.n_lost == 1


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (SimpleNamespace(char="a"), "letter"),
        (SimpleNamespace(char="Ž"), "letter"),
        (SimpleNamespace(char="д"), "letter"),
        (SimpleNamespace(char="7"), "digit"),
        (SimpleNamespace(char="\N{ARABIC-INDIC DIGIT FOUR}"), "digit"),
        (SimpleNamespace(char="²"), "other"),
        (SimpleNamespace(char="."), "other"),
        (SimpleNamespace(char="\N{NO-BREAK SPACE}"), "space"),
        (SimpleNamespace(char="´", is_dead=True), "other"),
        (SimpleNamespace(char=None, vk=65_437), "other"),
        (SimpleNamespace(name="space"), "space"),
        (SimpleNamespace(name="backspace"), "correction"),
        (SimpleNamespace(name="delete"), "correction"),
        (SimpleNamespace(name="shift_r"), "other"),
        (SimpleNamespace(name="enter"), "other"),
    ],
)
def test_of_a_key_the_class_is_kept(key: SimpleNamespace, kind: str) -> None:
    assert key_class(key) == kind
