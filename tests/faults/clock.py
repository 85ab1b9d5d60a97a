"""A clock of day that one server has for itself, and that can jump; the machine's own stays as it is."""

import os
from pathlib import Path

_LIBRARIES = ("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")


class Clock:
    """A server's clock of day.

    Args:
        note: the file that says how far it is off.

    Raises:
        OSError: libfaketime is not installed.
    """

    def __init__(self, note: Path) -> None:
        library = next((name for name in _LIBRARIES if Path(name).exists()), None)
        if library is None:
            raise OSError("libfaketime is not installed")
        self._note = note
        self.jump(0)
        # As a real jump does: what counts seconds since the start of the machine goes on as it went.
        self.through = (
            "env",
            f"LD_PRELOAD={library}",
            f"FAKETIME_TIMESTAMP_FILE={note}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        )

    def jump(self, ahead_s: int) -> None:
        """Let it be so many seconds ahead of the machine's, from now on."""
        new = self._note.with_suffix(".new")
        new.write_text(f"{ahead_s:+d}\n", encoding="ascii")
        os.replace(new, self._note)  # noqa: PTH105 - read at every look at the clock, so never half written
