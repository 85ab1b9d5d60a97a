"""What lies in a home beside its databases and versions: recordings, copies of a backend's rows, journals and keys of apps."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from telltale.storage.tables import METADATA

# Of files that are copied as databases, and with them what is in these.
_BESIDE: Final = ("-wal", "-shm", "-journal")
_DATABASES: Final = frozenset(f"{schema}.db" for schema in METADATA)
_NOT_OURS: Final = frozenset({"lost+found"})


def other_files(home: Path, artifacts: Path, left_out: list[str]) -> Iterator[tuple[str, Path]]:
    """Every file beside the databases and versions, by its name in the home, sorted.

    Args:
        home: the home.
        artifacts: where versions' files are kept.
        left_out: gets the names of what a backup does not hold: folders that are homes of their own, and what is no plain
            file.
    """
    for root, folders, names in os.walk(home):
        here = Path(root)
        kept = []
        for name in sorted(folders):
            folder = here / name
            if folder in (artifacts, home / "artifacts") or name in _NOT_OURS:
                continue
            if folder.is_symlink() or (folder / "state.db").exists():
                left_out.append(folder.relative_to(home).as_posix())
            else:
                kept.append(name)
        folders[:] = kept
        for name in sorted(names):
            path = here / name
            if _is_of_a_database(path, home):
                continue
            told = path.relative_to(home).as_posix()
            if path.is_symlink() or not path.is_file() or not _is_text(told):
                left_out.append(told)
            else:
                yield told, path


def _is_of_a_database(path: Path, home: Path) -> bool:
    """Whether it is one of the home's own, or what SQLite keeps beside any database."""
    if path.parent == home and path.name in _DATABASES:
        return True
    return any(path.name.endswith(end) and path.with_name(path.name.removesuffix(end)).is_file() for end in _BESIDE)


def _is_text(name: str) -> bool:
    """Whether the name can be written in any file at all: Linux allows bytes that are no text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\\" not in name
