"""The file of a backup: a tar whose first entry, `backup.json`, says what else is in it.

backup.json            format, release, time, schema revisions, and of every file its size and SHA-256
state.db, events.db    SQLite, whatever the database of the home is
artifacts/APP/TASK/N/  the files of each version
home/…                 whatever else was in the home
"""

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Final, Literal

import msgspec

from telltale.contract.errors import BundleError, ConflictError, TelltaleError, UsageError

FORMAT: Final = 1
HEAD: Final = "backup.json"
ARTIFACTS: Final = "artifacts"
OTHERS: Final = "home"
_MOST_HEAD_BYTES: Final = 100_000_000
_CHUNK: Final = 1 << 20

Progress = Callable[[str, int, int], None]  # what, done, of how many


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """Size in bytes and SHA-256 of a file."""

    n_bytes: int
    sha256: str


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself.

    Args:
        kind: says that it is one.
        format: of the file; old ones stay readable.
        release: of telltale, that wrote it.
        made_at: when it was begun: what was acknowledged before is in it.
        revisions: of the tables, by "state" and "events".
        files: all that follow, by name.
        damaged: files of versions that were missing or were not what was registered, and are left out.
    """

    kind: Literal["telltale backup"] = "telltale backup"
    format: int = FORMAT
    release: str
    made_at: datetime
    revisions: dict[str, str]
    files: dict[str, StoredFile]
    damaged: list[str] = []


class _Format(msgspec.Struct):
    """What every format has."""

    kind: Literal["telltale backup"]
    format: int


def describe(path: Path) -> StoredFile:
    """Size and hash of a file that nobody changes."""
    with path.open("rb") as file:
        return StoredFile(sha256=hashlib.file_digest(file, "sha256").hexdigest(), n_bytes=file.tell())


def write_archive(to: IO[bytes], head: Head, sources: Mapping[str, Path], *, progress: Progress) -> None:
    """Write the file of a backup.

    Args:
        to: open for writing.
        head: its `files` in the order in which they are written.
        sources: where each of them lies.
        progress: told after each file, in bytes.

    Raises:
        FileNotFoundError: a file went away.
        BundleError: a file is not what `head` says.
    """
    n_done, n_bytes = 0, sum(file.n_bytes for file in head.files.values())
    with tarfile.open(fileobj=to, mode="w", format=tarfile.PAX_FORMAT) as archive:
        content = msgspec.json.encode(head)
        archive.addfile(_entry(HEAD, len(content), int(head.made_at.timestamp())), io.BytesIO(content))
        for name, file in head.files.items():
            with sources[name].open("rb") as source:
                hashed = _Hashed(source, file.n_bytes)
                archive.addfile(_entry(name, file.n_bytes, int(sources[name].stat().st_mtime)), hashed)
            if hashed.sha256 != file.sha256:
                raise BundleError("it changed while it was copied", where=name, mend="Make the backup again.")
            n_done += file.n_bytes
            progress("copied", n_done, n_bytes)


class Archive:
    """A backup that is being read, from its first entry to its last; made by `open_archive`."""

    def __init__(self, archive: tarfile.TarFile, head: Head, where: str) -> None:
        self.head = head
        self._archive = archive
        self._where = where

    def unpack(self, place: Callable[[str], Path], *, progress: Progress) -> None:
        """Write every file where `place` says, its hash checked; only names that the head knows, each once.

        Raises:
            TelltaleError: a file is missing, changed, cut off, there twice, or none that the head knows.
        """
        n_done, n_bytes = 0, sum(file.n_bytes for file in self.head.files.values())
        left = dict(self.head.files)
        for entry in iter(self._archive.next, None):  # what comes after the head
            file = left.pop(entry.name, None)
            source = self._archive.extractfile(entry) if entry.isreg() else None
            if file is None or source is None or entry.size != file.n_bytes:
                raise _damaged(f"{entry.name!r} is not what {HEAD} says", self._where)
            target = place(entry.name)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with target.open("xb") as out:
                target.chmod(0o600)
                if _copy(source, out) != file:
                    raise _damaged(f"{entry.name!r} does not have the SHA-256 that {HEAD} says", self._where)
            n_done += file.n_bytes
            progress("unpacked", n_done, n_bytes)
        if left:
            raise _damaged(f"{min(left)!r} is missing", self._where)


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a backup, compressed since (gzip, bzip2, xz) or not, and read what it says of itself.

    Raises:
        UsageError: it cannot be read, or is no backup.
        TelltaleError: it is damaged.
        ConflictError: a newer release wrote it, in a format that this one does not know.
    """
    where = str(path)
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            archive = stack.enter_context(tarfile.open(fileobj=file, mode="r|*"))
        except OSError as error:
            told = f"it cannot be read ({error.strerror})"
            raise UsageError(told, where=where, mend="Name a file of `telltale backup`.") from error
        except tarfile.TarError as error:
            raise _foreign("it is no tar", where) from error
        try:
            yield Archive(archive, _read_head(archive, where), where)
        except (tarfile.TarError, EOFError) as error:
            raise _damaged(str(error), where) from error


def check_name(name: str) -> None:
    """Refuse a name that would leave the folder, whatever it is joined to. Raises ValueError."""
    path = PurePosixPath(name)
    if path.is_absolute() or str(path) != name or not path.parts or ".." in path.parts or {"\\", "\0"} & set(name):
        raise ValueError(name)


def _read_head(archive: tarfile.TarFile, where: str) -> Head:
    try:
        entry = archive.next()
        found = archive.extractfile(entry) if entry is not None and entry.name == HEAD else None
        content = b"" if found is None else found.read(_MOST_HEAD_BYTES)
        number = msgspec.json.decode(content, type=_Format).format
    except (tarfile.ReadError, msgspec.DecodeError) as error:
        raise _foreign(f"its first entry is no {HEAD}", where) from error
    if number > FORMAT:
        raise ConflictError(
            f"the backup has format {number}, and this release reads formats up to {FORMAT}",
            where=where,
            mend="Restore it with the release of telltale-loop that wrote it, or a newer one.",
        )
    try:
        head = msgspec.json.decode(content, type=Head)
        for name in head.files:
            check_name(name)
    except (msgspec.DecodeError, ValueError) as error:
        raise _damaged(f"{HEAD} cannot be read ({error})", where) from error
    return head


class _Hashed:
    """A file read to a size, and its hash meanwhile."""

    def __init__(self, source: IO[bytes], n_bytes: int) -> None:
        self._source = source
        self._left = n_bytes
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        content = self._source.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(content)
        self._hash.update(content)
        return content

    @property
    def sha256(self) -> str:
        """Of what was read."""
        return self._hash.hexdigest()


def _copy(source: IO[bytes], to: IO[bytes]) -> StoredFile:
    found, n_bytes = hashlib.sha256(), 0
    while content := source.read(_CHUNK):
        found.update(content)
        n_bytes += to.write(content)
    return StoredFile(sha256=found.hexdigest(), n_bytes=n_bytes)


def _entry(name: str, n_bytes: int, mtime: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = n_bytes, mtime, 0o600
    return entry


def _foreign(what: str, where: str) -> UsageError:
    return UsageError(f"it is not a backup of telltale: {what}", where=where, mend="Name a file of `telltale backup`.")


def _damaged(what: str, where: str) -> TelltaleError:
    return TelltaleError(
        f"the backup is damaged: {what}", where=where, mend="Nothing was changed. Copy it again, or take another one."
    )
