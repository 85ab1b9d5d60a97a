"""The folder of files that versions are made of."""

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath

from telltale.contract.errors import BundleError, ConflictError, UsageError
from telltale.storage.instants import to_us
from telltale.storage.on_disk import sync

_INCOMING = ".incoming"
_LEAVING = ".leaving"


class Artifacts:
    """Directories that appear whole or not at all, and never change afterwards.

    Paths are relative, with `/`, and stay inside the root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def root(self) -> Path:
        """The folder."""
        return self._root

    def path(self, relative: str) -> Path:
        """Where `relative` lies, whether it exists or not. Raises UsageError where it would leave the folder."""
        return self._root / _inside(relative, where=str(self._root))

    def stage(self, directory: Path, *, names: Iterable[str] | None = None) -> Path:
        """Copy files of `directory` to disk under a temporary name, ready for `place`.

        Args:
            directory: left as it is.
            names: the files to take, relative to it; all of them where None. Links are refused.

        Raises:
            BundleError: the directory or one of the files is not there, or is a link.
        """
        if not directory.is_dir():
            raise BundleError(
                "the directory does not exist", where=str(directory), mend="Train again, or check the path."
            )
        if names is None:
            names = sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir())
        staged = self._temporary(_INCOMING)
        try:
            for name in names:
                _copy(directory, name, staged / name)
            for folder in [staged, *(path for path in staged.rglob("*") if path.is_dir())]:
                sync(folder)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        return staged

    def place(self, staged: Path, relative: str) -> Path:
        """Give what `stage` returned its name, by one rename, and put that on disk. Raises ConflictError if taken."""
        target = self.path(relative)
        if target.exists():
            raise ConflictError(
                "something is there already", where=str(target), mend="Remove it, or take another name."
            )
        missing = [folder for folder in target.parents if not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.rename(target)
        for folder in {target.parent, *(folder.parent for folder in missing)}:
            sync(folder)
        return target

    def adopt(self, directory: Path, relative: str, *, names: Iterable[str] | None = None) -> Path:
        """Copy `directory` in under the name `relative`: whole and on disk, or not at all. The source stays.

        Raises:
            ConflictError: the name is taken.
            BundleError: the directory or a named file is not there.
        """
        staged = self.stage(directory, names=names)
        try:
            return self.place(staged, relative)
        except BaseException:
            self.discard(staged)
            raise

    def remove(self, relative: str) -> bool:
        """Remove a directory, whole at once for whoever looks; False where there was none."""
        leaving = self._temporary(_LEAVING)
        try:
            self.path(relative).rename(leaving / "removed")
        except FileNotFoundError:
            return False
        finally:
            self.discard(leaving)
        return True

    def discard(self, staged: Path) -> None:
        """Drop what `stage` returned."""
        shutil.rmtree(staged, ignore_errors=True)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A temporary directory until the block ends; what a killed process leaves, `clear_leftovers` removes."""
        path = self._temporary(_INCOMING)
        try:
            yield path
        finally:
            self.discard(path)

    def total_bytes(self) -> int:
        """Size of every file, in bytes; files that vanish while it looks count for nothing."""
        total = 0
        for folder, _, names in os.walk(self._root):
            for name in names:
                try:
                    total += (Path(folder) / name).lstat().st_size
                except FileNotFoundError:
                    continue
        return total

    def clear_leftovers(self, *, before: datetime) -> int:
        """Remove temporary directories last changed before then, which a killed process left; says how many."""
        n_removed = 0
        for parent in (_INCOMING, _LEAVING):
            for leftover in (self._root / parent).glob("*"):
                try:
                    changed_us = leftover.stat().st_mtime_ns // 1000
                except FileNotFoundError:
                    continue
                if changed_us < to_us(before):
                    shutil.rmtree(leftover, ignore_errors=True)
                    n_removed += 1
        return n_removed

    def _temporary(self, parent: str) -> Path:
        path = self._root / parent / uuid.uuid4().hex
        path.mkdir(parents=True)
        return path


def _inside(relative: str, *, where: str) -> PurePosixPath:
    path = PurePosixPath(relative)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in relative or "\0" in relative:
        raise UsageError(f"{relative!r} is not a path inside the folder", where=where, mend="Give names joined by '/'.")
    return path


def _copy(directory: Path, name: str, target: Path) -> None:
    source = directory / _inside(name, where=str(directory))
    if source.is_symlink() or not source.is_file():
        raise BundleError(f"{name!r} is not a plain file there", where=str(directory), mend="Save it again.")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    sync(target)
