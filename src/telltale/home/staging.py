"""Work that is nobody's business before it is whole: a folder beside the place where the result will be."""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from telltale.contract.errors import TelltaleError, UnavailableError
from telltale.storage.on_disk import sync

_LOCK: Final = "lock"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def staging(parent: Path, prefix: str) -> Iterator[Path]:
    """An empty folder in `parent`, readable by its owner alone, removed when the block ends.

    A process that was killed leaves its folder; the next one removes it.

    Args:
        parent: must exist, and be on the file system that the result is to be on.
        prefix: how such folders' names begin.

    Raises:
        UnavailableError: the disk is full.
        TelltaleError: something in the block cannot be read or written.
    """
    folder = parent / f"{prefix}{secrets.token_hex(4)}"
    try:
        for leftover in parent.glob(f"{prefix}*"):
            _remove_abandoned(leftover)
        folder.mkdir(mode=0o700)
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the process, however that ends
            work = folder / "work"
            work.mkdir(mode=0o700)
            yield work
    except OSError as error:
        if error.errno in _FULL:
            raise UnavailableError(
                "the disk is full",
                where=os.fspath(parent),
                mend="Make room there, or name a folder on another disk.",
            ) from error
        raise TelltaleError(
            f"it cannot be read or written ({error.strerror or error})",
            where=os.fspath(error.filename or parent),
            mend="Look at the rights of the file and its folder, and at the disk.",
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Put every file and folder below on disk, the folder too."""
    for root, _, names in os.walk(folder):
        for path in [*(Path(root) / name for name in names), Path(root)]:
            sync(path)


def _remove_abandoned(folder: Path) -> None:
    with suppress(OSError), (folder / _LOCK).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
