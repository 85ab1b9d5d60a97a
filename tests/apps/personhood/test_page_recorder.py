"""What the page records of real key events in a real browser: exactly their times, and of keys their kind alone."""

import json
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from tests.apps.personhood.chromium import Key, Page, key_of, open_browser
from tests.apps.personhood.hands import Hand, Stroke

from telltale.apps.personhood.page import PATH
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

pytestmark = [pytest.mark.server, pytest.mark.slow]
SOON_S = 0.05


@pytest.fixture(scope="module")
def open_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Page]]:
    """A function that opens the page in a tab of its own, up to where somebody new types. Nothing is trained."""
    scratch = tmp_path_factory.mktemp("page")
    (scratch / "home").mkdir()
    settings = ServeSettings(home=str(scratch / "home"), apps=("telltale.apps.personhood:APP",))
    with start_background(settings) as server, open_browser(scratch / "browser") as open_tab:
        n_people = 0

        def open_one() -> Page:
            nonlocal n_people
            page, n_people = open_tab(), n_people + 1
            page.open(server.url + PATH)
            page.press("Tab")
            page.write(f"pat{n_people}")
            page.press("Enter")
            page.wait_for("document.activeElement.id === 'field'")
            return page

        yield open_one


@pytest.fixture
def page(open_page: Callable[[], Page]) -> Page:
    return open_page()


def send(page: Page) -> dict[str, Any]:
    """Finish with Enter; the session that was sent."""
    page.press("Enter")
    page.wait_for(
        "!document.getElementById('done').disabled && document.getElementById('count').textContent[0] === 'N'"
    )
    posted = [told for told in page.requests if told["method"] == "POST"]
    assert len(posted) == 1
    session: dict[str, Any] = json.loads(posted[0]["postData"])["sessions"][0]
    return session


def type_strokes(page: Page, strokes: list[Stroke]) -> None:
    """Strokes as the system would report them: each with the time at which it happened."""
    began_s = time.time() + SOON_S
    for stroke in strokes:
        page.key(stroke.kind, key_of(stroke.name), at_s=began_s + stroke.at_ms / 1_000.0)


def test_times_are_when_keys_moved_by_the_clock(page: Page) -> None:
    sent_s, done_s = [], []
    for name in "it is what it is":
        for kind, wait_s in (("keyDown", 0.03), ("keyUp", 0.02)):
            sent_s.append(time.perf_counter())
            page.key(kind, key_of(name))
            done_s.append(time.perf_counter())
            time.sleep(wait_s)

    session = send(page)

    recorded = np.stack([session["presses_ms"], session["releases_ms"]], axis=1).reshape(-1)
    # Each was told between being sent and being done: one zero of the page's clock must explain all of them.
    earliest = np.max(1_000 * np.array(sent_s) - recorded)
    latest = np.min(1_000 * np.array(done_s) - recorded)
    assert earliest <= latest + 0.4
    assert latest - earliest < 30  # the slowest key says least, the quickest most


def test_what_the_system_reports_is_recorded_to_a_fifth_of_a_millisecond_keys_overlapping(page: Page) -> None:
    text = list("a steady hand, 7 boats")
    strokes = Hand(hold_ms=140, pace_ms=110, seed=1).type(text, np.random.default_rng(0))
    assert any(one.kind == two.kind == "keyDown" for one, two in pairwise(strokes))

    type_strokes(page, strokes)
    session = send(page)

    presses = [(place, stroke) for place, stroke in enumerate(strokes) if stroke.kind == "keyDown"]
    releases = [next(s for s in strokes[place + 1 :] if s.name == pressed.name) for place, pressed in presses]
    np.testing.assert_allclose(session["presses_ms"], [stroke.at_ms for _, stroke in presses], atol=0.2)
    np.testing.assert_allclose(session["releases_ms"], [stroke.at_ms for stroke in releases], atol=0.2)
    assert session["classes"] == [
        "space" if c == " " else "digit" if c == "7" else "other" if c == "," else "letter" for c in text
    ]


def test_corrections_are_counted_and_the_field_is_wiped(page: Page) -> None:
    type_strokes(
        page,
        Hand(hold_ms=80, pace_ms=150, seed=1).type(
            [*"good mornign", "Backspace", "Backspace", *"ng"], np.random.default_rng(0)
        ),
    )
    assert page.ask("document.getElementById('field').value") == "good morning"
    assert page.text("#count") == "16 keys"

    session = send(page)

    assert session["corrections"] == session["classes"].count("correction") == 2
    assert page.ask("document.getElementById('field').value") == ""
    assert session.keys() == {"presses_ms", "releases_ms", "classes", "corrections", "local_hour"}


def test_a_key_that_repeats_is_one_key(page: Page) -> None:
    page.write("a long night")
    page.key("keyDown", key_of("s"))
    for _ in range(5):
        time.sleep(0.03)
        page.key("keyDown", key_of("s"), repeated=True)
    page.key("keyUp", key_of("s"))
    assert page.ask("document.getElementById('field').value") == "a long nightssssss"

    session = send(page)

    assert len(session["classes"]) == 13
    assert session["releases_ms"][-1] - session["presses_ms"][-1] > 140  # from when it first went down


def test_a_key_whose_release_was_lost_is_left_out(page: Page) -> None:
    page.write("one two")
    # Another window comes to the front and goes again: of what was pressed and let go there, this one is not told.
    alt = Key("Alt", "AltLeft", 18)
    page.key("keyDown", alt)
    page.ask("window.dispatchEvent(new Event('blur'))")
    page.key("keyUp", alt)
    page.write("three")
    page.key("keyDown", key_of("x"))
    page.key("keyDown", key_of("x"))  # down again, and was never told to be up
    page.key("keyUp", key_of("x"))

    session = send(page)

    assert len(session["classes"]) == len("one twothreex")
    assert "other" not in session["classes"]
    holds = np.subtract(session["releases_ms"], session["presses_ms"])
    assert np.all((holds >= 0) & (holds < 1_000))


def test_what_an_input_method_or_a_shortcut_does_is_of_no_kind(page: Page) -> None:
    page.write("ten letters")
    page.key("keyDown", Key("Process", "KeyN", 229))
    page.key("keyUp", key_of("n"))
    page.send("Input.imeSetComposition", text="に", selectionStart=1, selectionEnd=1)
    page.press("i")
    page.send("Input.insertText", text="日本")
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key="b", code="KeyB", windowsVirtualKeyCode=66, modifiers=2)

    session = send(page)

    assert session["classes"] == ["letter"] * 3 + ["space"] + ["letter"] * 7 + ["other"] * 3


def test_nothing_can_be_pasted(page: Page) -> None:
    page.send("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
    page.ask("document.getElementById('name').focus()")
    for command in ("selectAll", "copy"):
        page.send("Input.dispatchKeyEvent", type="keyDown", key="x", code="KeyX", modifiers=2, commands=[command])
    page.ask("document.getElementById('field').focus()")

    page.send("Input.dispatchKeyEvent", type="keyDown", key="v", code="KeyV", modifiers=2, commands=["paste"])

    assert page.ask("document.getElementById('field').value") == ""
    page.ask("document.getElementById('name').value = ''; document.getElementById('name').focus()")
    page.send("Input.dispatchKeyEvent", type="keyDown", key="v", code="KeyV", modifiers=2, commands=["paste"])
    assert page.ask("document.getElementById('name').value").startswith("pat")  # so it was there to be pasted


def test_too_few_keys_are_told_and_not_sent(page: Page) -> None:
    page.write("brief")

    page.press("Enter")

    page.wait_for("!document.getElementById('problem').hidden")
    assert page.text("#problem") == "That was 5 keys. Type at least 10: fewer have no rhythm."
    assert not [told for told in page.requests if told["method"] == "POST"]


def test_escape_starts_over(page: Page) -> None:
    page.write("not like this")
    page.press("Escape")
    assert page.text("#count") == "No keys yet"
    page.write("but like that")

    session = send(page)

    assert len(session["classes"]) == len("but like that")
    assert session["presses_ms"][0] == 0
