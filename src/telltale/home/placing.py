"""Putting a folder that was made elsewhere in its place, by one rename where the place allows it.

A folder that a disk is mounted on, as a container's volume is, cannot be renamed, nor can one whose parent may not be
written: there the contents are moved in one by one, `state.db` last. Until then the folder is a home without versions.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from telltale.contract.errors import ConflictError, UsageError
from telltale.storage.on_disk import sync

_LAST: Final = "state.db"
_ASIDE: Final = ".before-"
# What a place may hold and yet be empty: of a disk, of a killed restore, of an earlier one, and whose versions lie there.
_NOTHING: Final = ("lost+found", ".telltale-restore-", _ASIDE, ".home")


@dataclass(frozen=True)
class Place:
    """Where a folder is to be.

    Args:
        target: the folder.
        beside: where it is made ready, on the same file system: its parent, or itself where it cannot be renamed.
    """

    target: Path
    beside: Path

    def contents(self) -> list[Path]:
        """What is there, `state.db` last."""
        if not self.target.is_dir():
            return []
        found = [path for path in self.target.iterdir() if not path.name.startswith(_NOTHING)]
        return sorted(found, key=lambda path: (path.name == _LAST, path.name))

    def check_empty(self) -> None:
        """Raises ConflictError where something is there."""
        if self.contents():
            raise ConflictError(
                "something is there already",
                where=os.fspath(self.target),
                mend="Restore into a new TELLTALE_HOME; or give --replace, which sets aside what is there.",
            )

    def set_aside(self, now: datetime) -> Path | None:
        """Give what is there another name; None where there was nothing."""
        found = self.contents()
        if not found:
            return None
        stamp = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        if self.beside != self.target:
            aside = self.target.with_name(f"{self.target.name}{_ASIDE}{stamp}")
            self.target.rename(aside)
            return aside
        aside = self.target / f"{_ASIDE}{stamp}"
        aside.mkdir(mode=0o700)
        for path in reversed(found):  # state.db first: without it nothing here is a home
            path.rename(aside / path.name)
        return aside

    def put(self, staged: Path) -> None:
        """Put a folder there, whose contents are on disk already."""
        if self.beside != self.target:
            staged.rename(self.target)  # an empty folder gives way
        else:
            for path in sorted(staged.iterdir(), key=lambda path: (path.name == _LAST, path.name)):
                path.rename(self.target / path.name)
            sync(self.target)
        sync(self.beside)


def place_for(target: Path, *, named_by: str) -> Place:
    """Where and how a folder can be put at `target`. Raises UsageError where it cannot."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the folder cannot be made ({error.strerror})",
            where=os.fspath(target),
            mend=f"Choose another one with {named_by}, or make it writable.",
        ) from error
    cannot_be_renamed = target.is_dir() and (target.is_mount() or not os.access(target.parent, os.W_OK))
    return Place(target=target, beside=target if cannot_be_renamed else target.parent)
