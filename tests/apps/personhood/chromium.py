"""A real browser, driven over its own pipe by the DevTools protocol: no port, no driver program, no library."""

import base64
import json
import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_WAIT_S = 30.0
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
    "--disable-dev-shm-usage",
)  # fmt: skip


class Page:
    """A tab. Keeps every request that it sends and every problem that it logs.

    Args:
        send: sends a command for this tab and waits for its answer.
    """

    def __init__(self, send: Callable[..., dict[str, Any]]) -> None:
        self.send = send
        self.requests: list[dict[str, Any]] = []
        self.faults: list[str] = []

    def heard(self, method: str, told: dict[str, Any]) -> None:
        """Take up an event of the protocol."""
        if method == "Network.requestWillBeSent":
            self.requests.append(told["request"])
        elif method == "Runtime.exceptionThrown":
            self.faults.append(json.dumps(told["exceptionDetails"])[:2_000])
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.faults.append(f"{told['entry'].get('url', '')} {told['entry']['text']}")

    def open(self, url: str) -> None:
        """Go to a page and wait until its scripts have run."""
        self.send("Page.navigate", url=url)
        self.wait_for(f"document.readyState === 'complete' && location.href === {json.dumps(url)}")

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        told = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression holds."""
        ends = time.monotonic() + _WAIT_S
        while not self.ask(f"Boolean({expression})"):
            assert time.monotonic() < ends, f"never so: {expression}; faults: {self.faults}"
            time.sleep(0.02)

    def text(self, selector: str) -> str:
        """What is to be read there; nothing where it is hidden."""
        return str(self.ask(f"document.querySelector({json.dumps(selector)}).innerText"))

    def key(self, kind: str, key: "Key", *, at_s: float | None = None, repeated: bool = False) -> None:
        """A key goes down ("keyDown") or up ("keyUp"), as the system's clock says or at a given time of it."""
        typed = {"text": key.text} if kind == "keyDown" and key.text else {}
        when = {} if at_s is None else {"timestamp": at_s}
        self.send(
            "Input.dispatchKeyEvent", type=kind, key=key.key, code=key.code, windowsVirtualKeyCode=key.number,
            autoRepeat=repeated, **typed, **when,
        )  # fmt: skip

    def press(self, name: str) -> None:
        """A key goes down and up."""
        key = key_of(name)
        self.key("keyDown", key)
        self.key("keyUp", key)

    def write(self, text: str) -> None:
        """Type a text anyhow."""
        for character in text:
            self.press(character)

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        told = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(told["data"]))

    def look(self, *, width: int, height: int, scheme: str = "light") -> None:
        """Size and colour scheme of the window."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


class Key:
    """A key of an American keyboard, as the protocol wants it told."""

    def __init__(self, key: str, code: str, number: int, text: str = "") -> None:
        self.key, self.code, self.number, self.text = key, code, number, text


_NAMED = {
    "Enter": Key("Enter", "Enter", 13, "\r"),
    "Backspace": Key("Backspace", "Backspace", 8),
    "Tab": Key("Tab", "Tab", 9),
    "Escape": Key("Escape", "Escape", 27),
    "Shift": Key("Shift", "ShiftLeft", 16),
    "ArrowDown": Key("ArrowDown", "ArrowDown", 40),
    "ArrowUp": Key("ArrowUp", "ArrowUp", 38),
    " ": Key(" ", "Space", 32, " "),
    ",": Key(",", "Comma", 188, ","),
    ".": Key(".", "Period", 190, "."),
}


def key_of(name: str) -> Key:
    """The key that makes a character, or of that name."""
    if name in _NAMED:
        return _NAMED[name]
    code = f"Digit{name}" if name.isdigit() else f"Key{name.upper()}"
    return Key(name, code, ord(name.upper()), name)


@contextmanager
def open_browser(folder: Path) -> Iterator[Callable[[], Page]]:
    """A headless Chromium with a profile of its own; gives a function that opens a tab.

    Args:
        folder: for the profile; empty.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed: make system")
    (read_end, browser_writes), (browser_reads, write_end) = os.pipe(), os.pipe()
    # The browser reads commands from descriptor 3 and answers on 4; a shell puts them there.
    line = f'exec "$@" 3<&{browser_reads} 4>&{browser_writes}'
    process = subprocess.Popen(
        ["bash", "-c", line, "browser", program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
        pass_fds=(browser_reads, browser_writes),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(browser_reads)
    os.close(browser_writes)
    wire = _Wire(read_end, write_end)
    try:
        yield wire.open_page
        wire.send("Browser.close")
        process.wait(_WAIT_S)
    finally:
        process.kill()
        process.wait()
        wire.close()


class _Wire:
    """Messages to and from the browser, each ended by a zero byte."""

    def __init__(self, read_end: int, write_end: int) -> None:
        self._in, self._out = os.fdopen(read_end, "rb", buffering=0), os.fdopen(write_end, "wb", buffering=0)
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._n = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def send(self, method: str, *, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for what it answers."""
        self._n += 1
        answer = self._answers[self._n] = queue.Queue()
        message = {"id": self._n, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        self._out.write(json.dumps(message).encode() + b"\0")
        told = answer.get(timeout=_WAIT_S)
        assert "error" not in told, (method, told)
        result: dict[str, Any] = told["result"]
        return result

    def open_page(self) -> Page:
        """A new tab in a context of its own."""
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(lambda method, **told: self.send(method, session=session, **told))
        for domain in ("Page", "Runtime", "Log"):
            page.send(f"{domain}.enable")
        page.send("Network.enable", maxPostDataSize=1 << 20)
        page.send("Emulation.setFocusEmulationEnabled", enabled=True)
        return page

    def close(self) -> None:
        """Once the browser has ended."""
        self._thread.join(_WAIT_S)
        self._in.close()
        self._out.close()

    def _read(self) -> None:
        rest = b""
        while part := self._in.read(1 << 16):
            *whole, rest = (rest + part).split(b"\0")
            for message in map(json.loads, whole):
                if "id" in message:
                    self._answers.pop(message["id"]).put(message)
                elif message.get("sessionId") in self._pages:
                    self._pages[message["sessionId"]].heard(message["method"], message["params"])
