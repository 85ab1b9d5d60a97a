"""The recorder at work: a real X server, real key events, the real command."""

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.apps.personhood.keys import display_of, press, recorder, x_server

from telltale.apps.personhood.schema import KEY_CLASSES, SESSION
from telltale.home import open_home
from telltale.home.derivations import derive_rows
from telltale.telemetry.files import read_rows
from telltale.telemetry.validate import check_rows

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("pynput") is None, reason="the extra [keyboard] is not installed"),
]

# Key, how long it is held and how long until the next press, in seconds; and the class that is kept.
PLAN = [
    ("Z", 0.09, 0.03, "letter"),
    ("e", 0.06, 0.08, "letter"),
    ("p", 0.06, 0.08, "letter"),
    ("h", 0.12, 0.02, "letter"),
    ("t", 0.06, 0.08, "letter"),
    ("BackSpace", 0.07, 0.10, "correction"),
    ("y", 0.06, 0.08, "letter"),
    ("r", 0.06, 0.08, "letter"),
    ("space", 0.05, 0.06, "space"),
    ("9", 0.06, 0.08, "digit"),
    ("comma", 0.06, 0.08, "other"),
    ("q", 0.06, 0.08, "letter"),
    ("u", 0.06, 0.08, "letter"),
    ("o", 0.06, 0.08, "letter"),
]
TYPED = ("zephyr", "zephtyr", "9,quo", "backspace", "escape", "comma", "shift", "keycode", "key.")


def planned(plan: list[tuple[str, float, float, str]]) -> list[str]:
    """As xdotool's commands; capitals are typed with Shift held, as people do."""
    commands: list[str] = []
    for key, held, until_next, _ in plan:
        shift = ["keydown", "shift"] if key.isupper() else []
        unshift = ["keyup", "shift"] if key.isupper() else []
        commands += [*shift, "keydown", key, "sleep", str(held), *unshift, "keyup", key, "sleep", str(until_next)]
    return commands


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with x_server() as server:
        yield display_of(server)


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_session_is_kept_as_timing_and_classes_and_nothing_says_which_keys(display: str, tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "sessions.jsonl"
    with recorder(tmp_path / "home", display, ["--user-id", "alice", "-o", str(file)]) as running:
        running.wait_for("Recording …")
        os.write(running.typist, b"touch /tmp/what-the-shell-would-run\n")  # as a terminal with the focus gets it
        press(display, *planned(PLAN), "key", "Escape")
        status, told, errors = running.end()
        left = struct.unpack("i", fcntl.ioctl(running.terminal, termios.FIONREAD, b"\0" * 4))[0]

    (row,) = rows_of(file)
    banner = re.search(r"User: +alice\nSession: (session_\d+)\n", told)
    assert (status, errors) == (0, "")
    assert banner is not None
    assert "TIMING ONLY" in told
    assert "ESC ends it" in told
    assert row["session_id"] == banner.group(1)
    assert row["user_id"] == "alice"
    # What was planned, and Shift before it; ESC is no part of it.
    assert row["classes"] == ["other", *(kind for *_, kind in PLAN)]
    assert row["corrections"] == 1
    presses, releases = row["presses_ms"], row["releases_ms"]
    assert isinstance(presses, list)
    assert isinstance(releases, list)
    assert presses[0] == 0.0
    assert presses == sorted(presses)
    for (key, held, until_next, _), down, up, after in zip(PLAN, presses[1:], releases[1:], presses[2:], strict=False):
        assert 1_000 * held - 10 < up - down < 1_000 * held + 80, key  # a busy machine may be late, never early
        assert 1_000 * (held + until_next) - 10 < after - down < 1_000 * (held + until_next) + 160, key
    # Nowhere a word of what was typed, nor the name of a key.
    everything = told.casefold() + file.read_text().casefold()
    assert [word for word in TYPED if word in everything] == []
    assert set(row) == {column.name for column in SESSION.columns} | {"user_id", "timestamp"}
    assert {*row["classes"]} <= {*KEY_CLASSES}
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert file.stat().st_mode & 0o077 == 0
    assert left == 0, "what was typed is left for the shell to run"

    # The row passes the check of its event, and the five averages of it are those that were told.
    assert check_rows(SESSION, read_rows(file), require_time=True).quarantined == ()
    with open_home(tmp_path / "home") as home:
        derived = derive_rows(home, "personhood/averages", str(file)).frame.row(0, named=True)
    assert derived["error_rate_percent"] == round(100 / 15, 2)
    assert derived["is_legitimate"] == 1
    assert (derived["user_id"], derived["timestamp"]) == ("alice", row["timestamp"])
    for name in ("typing_speed_wpm", "avg_key_hold_time_ms", "avg_transition_time_ms", "activity_hour_preference"):
        assert re.search(rf"{name} +{derived[name]}\n", told), f"{name} {derived[name]} in {told}"


def test_a_held_key_is_one_key_and_symbols_come_up_though_shift_went_up_first(display: str, tmp_path: Path) -> None:
    sessions = tmp_path / "home" / "collected" / "sessions.jsonl"
    with recorder(tmp_path / "home", display, ["--user-id", "bob"]) as running:
        running.wait_for("Recording …")
        press(display, "keydown", "a", "sleep", "1.0", "keyup", "a")  # repeats 25 times a second after 0.66 s
        # "!" goes down with Shift, and comes up as "1".
        press(
            display,
            "keydown",
            "shift",
            "keydown",
            "1",
            "sleep",
            "0.05",
            "keyup",
            "shift",
            "sleep",
            "0.03",
            "keyup",
            "1",
        )
        press(display, "key", "--delay", "30", "k", "k", "k", "k", "k", "k", "k", "k", "Escape")
        status, told, _ = running.end()

    (row,) = rows_of(sessions)
    assert status == 0
    assert "Left out" not in told
    assert row["classes"] == ["letter", "other", "other", *["letter"] * 8]
    held = [up - down for down, up in zip(row["presses_ms"], row["releases_ms"], strict=True)]  # type: ignore[call-overload]
    assert held[0] == pytest.approx(1_000, abs=150)
    assert held[1] == pytest.approx(50, abs=40)
    assert held[2] == pytest.approx(80, abs=60)
    assert (sessions.parent.stat().st_mode | sessions.stat().st_mode) & 0o077 == 0


def test_sessions_are_appended_and_too_few_keys_or_ctrl_c_keep_nothing(display: str, tmp_path: Path) -> None:
    file = tmp_path / "sessions.jsonl"
    file.write_text('{"an": "earlier session"}\n')
    with recorder(tmp_path, display, ["--user-id", "carol", "-o", str(file)]) as running:
        running.wait_for("Recording …")
        press(display, "key", "--delay", "20", *"abcdefghi", "Escape")
        few = running.end()
    with recorder(tmp_path, display, ["--user-id", "carol", "-o", str(tmp_path / "other.jsonl")]) as running:
        running.wait_for("Recording …")
        press(display, "key", "--delay", "20", *"abcdefghijklm")
        running.interrupt()
        given_up = running.end()
    with recorder(tmp_path, display, ["--user-id", "carol", "-o", "-"]) as running:
        press_when_ready = running.process.stderr
        assert press_when_ready is not None
        while "Recording" not in press_when_ready.readline():
            pass
        press(display, "key", "--delay", "20", *"abcdefghij", "Escape")
        on_output = running.end()

    assert few[0] == 0
    assert "9 keys were typed, 10 are the least" in few[1]
    assert file.read_text() == '{"an": "earlier session"}\n'
    assert "0 rows recorded" in given_up[1]
    assert not (tmp_path / "other.jsonl").exists()
    assert json.loads(on_output[1])["classes"] == ["letter"] * 10  # rows alone on standard output


def test_what_was_typed_is_kept_where_the_display_goes_away(tmp_path: Path) -> None:
    file = tmp_path / "sessions.jsonl"
    with (
        x_server() as server,
        recorder(tmp_path / "home", display_of(server), ["--user-id", "dave", "-o", str(file)]) as running,
    ):
        running.wait_for("Recording …")
        press(display_of(server), "key", "--delay", "20", *"abcdefghijkl")
        server.kill()
        status, told, errors = running.end()

    assert (status, errors) == (0, "")
    assert "The display went away" in told
    assert rows_of(file)[0]["classes"] == ["letter"] * 12


@pytest.mark.parametrize("options", [("-extension", "RECORD"), None], ids=["no RECORD extension", "no display"])
def test_where_keys_cannot_be_recorded_the_mend_is_named_and_no_file_is_left(
    options: tuple[str, ...] | None, tmp_path: Path
) -> None:
    arguments = ["--user-id", "erin", "-o", str(tmp_path / "sessions.jsonl")]
    if options is None:
        with recorder(tmp_path / "home", "", arguments) as running:
            status, _, errors = running.end()
    else:
        with x_server(*options) as server, recorder(tmp_path / "home", display_of(server), arguments) as running:
            status, _, errors = running.end()

    assert status == 2
    assert "/personhood/type" in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "sessions.jsonl").exists()


def test_keys_that_cannot_be_read_are_counted_and_end_nothing(display: str) -> None:
    program = """
from telltale.apps.personhood.keyboard import KeyboardRecording
recording = KeyboardRecording()
for broken in (None, object()):
    recording._listener.on_press(broken, False)
    recording._listener.on_release(broken, False)
print("ready", flush=True)
typed = recording.wait()
print(len(typed.timings), typed.n_errors, typed.n_lost, typed.is_ended)
"""
    environment = {**os.environ, "DISPLAY": display}
    with subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        press(display, "key", "--delay", "20", "a", "b", "Escape")
        told = running.stdout.read()

    assert told == b"2 4 0 True\n"


def test_without_pynput_the_mend_is_named() -> None:
    program = """
import sys
sys.modules["pynput"] = None
from telltale.apps.personhood.collect import collect_keystrokes
try:
    collect_keystrokes("alice", print)
except Exception as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)

    assert b"pip install 'telltale-loop[keyboard]'" in done.stdout
