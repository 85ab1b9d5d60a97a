"""Typing sessions of a person at this machine: `telltale collect keystrokes --user-id ID`."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from telltale.apps.personhood.averages import LEAST_KEYS, averages_of
from telltale.apps.personhood.keyboard import KeyboardRecording, import_keyboard
from telltale.apps.personhood.keyboard_timings import KeyTiming
from telltale.apps.personhood.session import Session
from telltale.contract.errors import UsageError
from telltale.contract.estimator import Tell


def collect_keystrokes(user_id: str, tell: Tell) -> Iterator[Mapping[str, object]]:
    """One row of `personhood/session`, when ESC was pressed; none where fewer than ten keys were typed.

    The keys of every window are recorded. Of each no more than when it went down and up, and its class.

    Args:
        user_id: who types.
        tell: given lines for people: what is recorded, how to end it, and what came of it.

    Raises:
        UsageError: `user_id` is blank, pynput is not installed, or there is no display.
    """
    if not user_id.strip():
        raise UsageError("the user id is blank", where="collect keystrokes", mend="Name the person: --user-id ID.")
    import_keyboard()  # what is missing is told before anybody types
    return _sessions(user_id.strip(), tell, started=datetime.now(UTC))


def session_of(timings: list[KeyTiming], *, user_id: str, session_id: str, ended: datetime) -> Session:
    """The row; times from the first press on, to a tenth of a millisecond.

    Args:
        timings: one or more, in the order of presses.
        user_id: whose it is.
        session_id: which of theirs.
        ended: aware, in the typist's own zone.
    """
    first_ms = timings[0].press_ms
    classes = tuple(timing.key_class for timing in timings)
    return Session(
        user_id=user_id,
        session_id=session_id,
        timestamp=int(ended.timestamp()),
        presses_ms=tuple(round(timing.press_ms - first_ms, 1) for timing in timings),
        releases_ms=tuple(round(timing.release_ms - first_ms, 1) for timing in timings),
        classes=classes,
        corrections=classes.count("correction"),
        local_hour=ended.hour,
    )


def _sessions(user_id: str, tell: Tell, *, started: datetime) -> Iterator[Mapping[str, object]]:
    session_id = f"session_{int(started.timestamp())}"
    _tell_banner(tell, user_id, session_id)
    recording = KeyboardRecording()
    try:
        tell("Recording …")
        typed = recording.wait()
    finally:
        recording.close()
    if not typed.is_ended:
        tell("The display went away; what was typed until then is taken.")
    if typed.n_lost or typed.n_errors:
        tell(
            f"Left out: {typed.n_lost} keys that did not both go down and up, {typed.n_errors} that could not be read."
        )
    if len(typed.timings) < LEAST_KEYS:
        tell(f"Nothing is kept: {len(typed.timings)} keys were typed, {LEAST_KEYS} are the least.")
        return
    session = session_of(typed.timings, user_id=user_id, session_id=session_id, ended=datetime.now(UTC).astimezone())
    averages = averages_of(
        session.presses_ms, session.releases_ms, corrections=session.corrections, local_hour=session.local_hour
    )
    tell(f"{len(session.classes)} keys, {session.corrections} of them corrections.")
    assert averages is not None, "there are enough keys"
    for name, value in msgspec.structs.asdict(averages).items():
        tell(f"  {name:<26}{value:g}")
    yield msgspec.structs.asdict(session)


def _tell_banner(tell: Tell, user_id: str, session_id: str) -> None:
    line = "=" * 72
    for text in (
        line,
        "Typing is recorded: TIMING ONLY. Which keys, and what is written, is not kept.",
        f"User:    {user_id}",
        f"Session: {session_id}",
        "Type as you always do, in any window. ESC ends it and keeps the timing;",
        "Ctrl-C in this terminal ends it and keeps nothing.",
        line,
    ):
        tell(text)
    if os.environ.get("WAYLAND_DISPLAY"):
        tell("This desktop runs on Wayland: only keys typed into X windows (XWayland) are seen.")
