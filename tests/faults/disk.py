"""A small disk of its own, in a mount namespace: full, with room again, or gone, and nobody else's disk touched."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Seen by the processes in the namespace alone.
_AT = Path("/mnt")


class Disk:
    """A file system in memory.

    Args:
        keeper: the process that keeps the namespace alive.
    """

    def __init__(self, keeper: int) -> None:
        self._filler = Path(f"/proc/{keeper}/root{_AT}/filler")
        self.path = _AT
        self.seen_from_here = self._filler.parent
        self.through = ("nsenter", "--target", str(keeper), "--user", "--mount", "--preserve-credentials", "--wd=/")

    def fill(self) -> None:
        """Take all the room there is."""
        with self._filler.open("ab", buffering=0) as file:
            part = b"\0" * 4096
            try:
                while True:
                    file.write(part)
            except OSError:
                pass

    def make_room(self) -> None:
        """Give it back."""
        self._filler.unlink()


@contextmanager
def small_disk(size: str) -> Iterator[Disk]:
    """A disk of `size` (as mount writes it, "8m"), for processes started `through` it.

    Raises:
        OSError: this machine lets nobody make one (user namespaces are off, or the tools are missing).
    """
    for tool in ("unshare", "nsenter", "mount"):
        if shutil.which(tool) is None:
            raise OSError(f"{tool} is not installed")
    program = f"mount -t tmpfs -o size={size} tmpfs {_AT} && echo ready && exec cat"
    keeper = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    assert keeper.stderr is not None
    try:
        if keeper.stdout.readline() != "ready\n":
            raise OSError(f"no disk of its own can be made here: {keeper.stderr.read().strip()}")
        yield Disk(keeper.pid)
    finally:
        keeper.stdin.close()  # the end of its `cat`
        keeper.wait()
        keeper.stdout.close()
        keeper.stderr.close()
