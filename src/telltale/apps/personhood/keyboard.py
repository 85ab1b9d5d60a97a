"""The keys of this machine, as they go down and up: a class each, and nothing else of them gets out of here."""

import sys
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from telltale.apps.personhood.keyboard_timings import KeyTiming, KeyTimings
from telltale.contract.errors import UsageError

if TYPE_CHECKING:
    from types import ModuleType

_WHERE: Final = "collect keystrokes"
_CORRECTIONS: Final = {"backspace", "delete"}
_MODIFIERS: Final = ("shift", "ctrl", "alt", "cmd", "caps_lock", "num_lock")
# The terminal gets the last keys at about the time that we do.
_SETTLES_S: Final = 0.1
_LOOKS_S: Final = 0.2
_READY_S: Final = 10.0
# Ended by us and not by a key, it may see so at the next key only; nothing waits for it.
_ENDS_S: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What was typed until it ended.

    Args:
        timings: in the order of presses; ms of one clock.
        n_lost: keys whose press or release is not known.
        n_errors: key events that could not be read, and were left out.
        is_ended: by ESC; else the keyboard went away.
    """

    timings: list[KeyTiming]
    n_lost: int
    n_errors: int
    is_ended: bool


class KeyboardRecording:
    """Records from the moment it is made until ESC, which is no part of it, or until it is closed.

    Raises:
        UsageError: pynput is not installed, there is no display, or its keys cannot be recorded.
    """

    def __init__(self) -> None:
        keyboard = import_keyboard()
        self._escape = keyboard.Key.esc
        self._timings = KeyTimings()
        self._n_errors = 0
        self._ended = threading.Event()
        self._listener = keyboard.Listener(on_press=self._on_press, on_release=self._on_release)
        self._is_closed = False
        self._fault = ""
        # What a thread of the listener raises must not print a traceback with the keys' names in it.
        self._hook, threading.excepthook = threading.excepthook, self._on_thread_fault
        self._listener.start()
        self._wait_until_ready()

    def wait(self) -> Typed:
        """What was typed, once ESC was pressed or the keyboard went away."""
        while self._listener.is_alive() and not self._ended.wait(_LOOKS_S):
            pass
        self.close()
        timings = self._timings.finish()
        return Typed(
            timings=timings, n_lost=self._timings.n_lost, n_errors=self._n_errors, is_ended=self._ended.is_set()
        )

    def close(self) -> None:
        """End it. What was typed into the terminal meanwhile is thrown away, or the shell would run it next."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._listener.is_alive():
            self._listener.stop()
        threading.Thread.join(self._listener, _ENDS_S)  # its own join raises what ended it
        threading.excepthook = self._hook
        _forget_typed()

    def _wait_until_ready(self) -> None:
        ready = threading.Thread(target=self._listener.wait, daemon=True)
        ready.start()
        until_s = time.monotonic() + _READY_S
        while ready.is_alive() and self._listener.is_alive() and time.monotonic() < until_s:
            ready.join(0.02)
        if ready.is_alive():
            threading.excepthook = self._hook
            raise UsageError(
                f"the keys of this display cannot be recorded ({self._fault or 'it does not answer'})",
                where=_WHERE,
                mend="Use an X server with the RECORD extension, or type into the page /personhood/type.",
            )

    def _on_press(self, key: Any) -> bool | None:
        now_ms = time.perf_counter() * 1_000.0
        if key == self._escape:
            self._ended.set()
            return False  # ends the listener
        try:
            self._timings.press(
                _identity(key), key_class(key), at_ms=now_ms, is_modifier=_name(key).startswith(_MODIFIERS)
            )
        except Exception:  # noqa: BLE001  # one key that cannot be read must not end the session
            self._n_errors += 1
        return None

    def _on_release(self, key: Any) -> None:
        now_ms = time.perf_counter() * 1_000.0
        try:
            self._timings.release(_identity(key), at_ms=now_ms)
        except Exception:  # noqa: BLE001  # as above
            self._n_errors += 1

    def _on_thread_fault(self, told: threading.ExceptHookArgs) -> None:
        if told.thread is self._listener:
            self._fault = told.exc_type.__name__
        else:
            self._hook(told)


def import_keyboard() -> "ModuleType":
    """The module pynput.keyboard, which the extra [keyboard] brings.

    Raises:
        UsageError: it is not installed, or finds no display.
    """
    if find_spec("pynput") is None:
        raise UsageError(
            "recording keystrokes needs pynput, which is not installed",
            where=_WHERE,
            mend="Install it: pip install 'telltale-loop[keyboard]'.",
        )
    try:
        from pynput import keyboard
    except ImportError as error:
        raise UsageError(
            "there is no display whose keys could be recorded",
            where=_WHERE,
            mend="Run it in a desktop session (DISPLAY is set there), or type into the page /personhood/type.",
        ) from error
    module: ModuleType = keyboard
    return module


def key_class(key: Any) -> str:
    """letter, digit, space, correction or other: all that is kept of a key.

    Args:
        key: pynput's `Key` or `KeyCode`.

    Raises:
        ValueError: it is neither.
    """
    if _name(key) in _CORRECTIONS:
        return "correction"
    if _name(key) == "space":
        return "space"
    char = getattr(key, "char", None)
    if not isinstance(char, str) or getattr(key, "is_dead", False):
        return "other"
    if char.isalpha():
        return "letter"
    if char.isdecimal():
        return "digit"
    return "space" if char.isspace() else "other"


def _identity(key: Any) -> Hashable:
    """The same for a key's press and release, capitals or not."""
    name, char = _name(key), getattr(key, "char", None)
    return name or (char.casefold() if isinstance(char, str) else key.vk)


def _name(key: Any) -> str:
    """Of a key without a character, as in `shift_r`; else "". Raises ValueError for what is no key."""
    if key is None:
        raise ValueError(key)
    name = getattr(key, "name", "")
    return name if isinstance(name, str) else ""


def _forget_typed() -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        return
    try:
        import termios
    except ImportError:  # no such terminals there
        return
    time.sleep(_SETTLES_S)
    termios.tcflush(sys.stdin, termios.TCIFLUSH)
