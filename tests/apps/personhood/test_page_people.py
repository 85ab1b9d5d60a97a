"""The whole way through the page: somebody enrols, is known again, somebody else is not, and no key is ever told."""

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from tests.apps.personhood.chromium import Page, key_of, open_browser
from tests.apps.personhood.hands import Hand

import telltale
from telltale.apps.personhood.page import PATH
from telltale.apps.personhood.schema import CONTENT, KEY_CLASSES
from telltale.contract.simulation import Simulation
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.train.fitted import TrainingChoices

pytestmark = [pytest.mark.server, pytest.mark.slow]
NAME: Final = "visitor17"
PAT: Final = Hand(hold_ms=98, pace_ms=185, seed=11)
SOMEBODY_ELSE: Final = Hand(hold_ms=62, pace_ms=330, seed=12)
SENTENCE: Final = "a steady hand and a quiet room, 7 boats on the morning tide"
# What no text or byte may hold: the words, and what keys are called.
IDENTITIES: Final = ("steady", "quiet", "boats", "morning", "tide", "KeyA", "Digit7", "Backspace", "keyCode", "keydown")


@dataclass(frozen=True)
class Story:
    """What the page said while somebody enrolled and was verified, and then somebody else was, under the same name.

    Args:
        page: as it is after all that.
        home, log: of its server.
        progress: at first, and after each of three samples.
        focus: which element had the focus after the third sample, and after the first verdict.
        first, confirmed, second: the verdict, what was said of it once it was confirmed, the next verdict.
        other: the verdict on the other hand.
    """

    page: Page
    home: Path
    log: Path
    progress: list[str]
    focus: list[str]
    first: str
    confirmed: str
    second: str
    other: str


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Told by keys alone, but that the field is focused again after a verdict."""
    scratch = tmp_path_factory.mktemp("people")
    home = scratch / "home"
    with telltale.open(home) as ours:
        ours.train("personhood/verify", choices=TrainingChoices(seed=3), simulation=Simulation(n_rows=1_500, seed=3))
        ours.promote("personhood/verify", "1", actor="test", reason="first", override=True)
    settings = ServeSettings(home=str(home), apps=("telltale.apps.personhood:APP",), flush_s=0.05)
    with (
        (scratch / "log").open("wb") as log,
        start_background(settings, log_to=log) as server,
        open_browser(scratch / "browser") as open_tab,
    ):
        page, rng = open_tab(), np.random.default_rng(5)
        page.look(width=1_000, height=900)
        page.open(server.url + PATH)
        page.press("Tab")
        page.write(NAME)
        page.press("Enter")
        page.wait_for("document.activeElement.id === 'field'")
        progress = [page.text("#progress-text")]
        for n in (1, 2, 3):
            type_sentence(page, PAT, rng)
            page.wait_for(f"document.querySelectorAll('#beads .full').length === {n}")
            page.wait_for("!document.getElementById('done').disabled")
            progress.append(page.text("#progress-text"))
        focus = [page.ask("document.activeElement.id")]

        first = verdict(page, PAT, rng)
        focus.append(page.ask("document.activeElement.id"))
        page.press("Tab")
        page.press("Enter")
        page.wait_for("document.getElementById('confirming').hidden && !document.getElementById('done').disabled")
        confirmed = page.text("#verdict-words")
        second = verdict(page, PAT, rng)
        other = verdict(page, SOMEBODY_ELSE, rng)
        yield Story(page, home, Path(log.name), progress, focus, first, confirmed, second, other)


def type_sentence(page: Page, hand: Hand, rng: np.random.Generator) -> None:
    """Type the sentence, one key of it wrong and taken back, and finish with Enter."""
    names = list(SENTENCE)
    at = int(rng.integers(10, 40))
    names[at:at] = [names[at + 1], "Backspace"]
    began_s = time.time() + 0.05
    for stroke in hand.type(names, rng):
        page.key(stroke.kind, key_of(stroke.name), at_s=began_s + stroke.at_ms / 1_000.0)
    page.press("Enter")


def verdict(page: Page, hand: Hand, rng: np.random.Generator) -> str:
    """What the page says of the sentence as a hand types it."""
    page.ask("document.getElementById('verdict').hidden = true; document.getElementById('field').focus()")
    type_sentence(page, hand, rng)
    page.wait_for("!document.getElementById('verdict').hidden && !document.getElementById('done').disabled")
    return page.text("#verdict")


def test_whoever_enrols_sees_how_far_it_is_and_what_comes_next(story: Story) -> None:
    assert story.progress[:3] == [
        "0 of 3 samples. 3 to go.",
        "1 of 3 samples. 2 to go.",
        "2 of 3 samples. 1 to go.",
    ]
    assert story.progress[3].startswith("Your rhythm is known from 3 samples.")
    assert story.focus == ["field", "verdict-title"]


def test_the_same_hand_is_accepted_and_learned_from_once_it_is_confirmed(story: Story) -> None:
    assert story.first.startswith("✓ Accepted\n"), story.first
    assert "Compared with 3 samples" in story.first
    assert "rests on 4 samples" in story.confirmed
    assert story.second.startswith("✓ Accepted\n"), story.second
    assert "Compared with 4 samples" in story.second


def test_another_hand_is_not_accepted_and_not_learned_from(story: Story) -> None:
    assert story.other.startswith("✕ Not accepted\n"), story.other
    assert "Compared with 4 samples" in story.other
    assert "Yes, that was me" not in story.other
    assert sure(story.other) < sure(story.first)


def test_the_picture_shows_a_dot_for_each_key_beside_the_usual_and_no_letter_of_it(story: Story) -> None:
    n_keys = len(SENTENCE) + 2

    assert story.page.ask("document.querySelectorAll('#holds .dot').length") == n_keys
    assert story.page.ask("document.querySelectorAll('#gaps .dot').length") == n_keys - 1
    assert story.page.ask("document.querySelectorAll('#holds .usual').length") == 5  # kinds
    assert story.page.ask("document.querySelectorAll('#gaps .usual').length") > 50
    assert story.page.ask("document.querySelector('#gaps svg').getAttribute('aria-label')").startswith("Time from key")
    assert story.page.ask("document.querySelectorAll('#averages-list div').length") == 5
    words = story.page.text("#rhythm")
    assert not [word for word in IDENTITIES if word in words]


def test_on_a_phone_nothing_is_wider_than_the_screen_and_the_picture_is_drawn_anew(story: Story) -> None:
    story.page.look(width=360, height=740)
    story.page.wait_for("document.querySelector('#gaps svg').getAttribute('width') < 340")

    assert story.page.ask("document.documentElement.scrollWidth") == 360
    assert story.page.ask("document.querySelectorAll('#gaps .dot').length") == len(SENTENCE) + 1


def test_what_was_sent_is_times_and_kinds_alone(story: Story) -> None:
    posted = [told for told in story.page.requests if told["method"] == "POST"]
    assert len(posted) == 3 + 3 + 1
    assert all(told["hasPostData"] and "postData" in told for told in posted)

    names, texts = set[str](), set[str]()
    for told in posted:
        gather(json.loads(told["postData"]), names, texts)
    assert names == {
        *("user_id", "sessions", "session", "prediction_id"),
        *("presses_ms", "releases_ms", "classes", "corrections", "local_hour"),
    }
    assert not names & set(CONTENT)
    assert len(texts - {NAME, *KEY_CLASSES}) == 1  # the prediction that was confirmed
    everything = json.dumps(story.page.requests)
    assert not [word for word in IDENTITIES if word in everything]


def test_nothing_that_is_kept_or_logged_tells_a_key(story: Story) -> None:
    kept = {path.name: dump(path) for path in story.home.glob("*.db")}
    assert NAME in kept["events.db"]
    assert kept.keys() >= {"events.db", "state.db"}

    for name, text in (*kept.items(), ("log", story.log.read_text(encoding="utf-8"))):
        assert not [word for word in IDENTITIES if word in text], name
    for path in story.home.rglob("*"):  # the files' own bytes too: what was deleted may still be there
        if path.is_file() and "artifacts" not in path.parts:
            found = path.read_bytes()
            assert not [word for word in IDENTITIES if word.encode() in found], path


def test_the_browser_found_nothing_wrong_with_the_page(story: Story) -> None:
    # That nobody of that name is known yet, the page is told by a status.
    assert [fault for fault in story.page.faults if "/v1/personhood/profile" not in fault] == []


def sure(told: str) -> int:
    """How much it is like the person, 0 to 100."""
    found = re.search(r"^(\d+)$", told, flags=re.MULTILINE)
    assert found is not None, told
    return int(found[1])


def gather(value: Any, names: set[str], texts: set[str]) -> None:
    """Every name and every text of a JSON document."""
    if isinstance(value, dict):
        names.update(value)
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        gather(part, names, texts)
    if isinstance(value, str):
        texts.add(value)


def dump(path: Path) -> str:
    """Every row of every table, bytes too."""
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return "\n".join(repr(row) for name in tables for row in database.execute(f'SELECT * FROM "{name}"'))  # noqa: S608
