"""Files of the home beside the databases and the versions: recordings, journals, whatever apps keep there."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from telltale.storage.erasure import n_found
from telltale.storage.folder import Folder


def files_that_name(folder: Folder, entity: str) -> Iterator[str]:
    """Files in whose bytes the entity's name stands, by their path in the home.

    A name in hexadecimal digits is looked for as the bytes that it stands for too: journals keep it so.
    """
    needles = [entity.encode()]
    if entity.startswith("0x"):
        with suppress(ValueError):  # a name that only looks like one
            needles.append(bytes.fromhex(entity[2:]))
    for path in sorted(folder.path.rglob("*")):
        if path.is_file() and not _is_ours(path, folder) and any(n_found(path, needle) for needle in needles if needle):
            yield path.relative_to(folder.path).as_posix()


def _is_ours(path: Path, folder: Folder) -> bool:
    """Whether it is looked into elsewhere: the databases with their logs, and the versions."""
    databases = tuple(database.name for database in (folder.state, folder.events))
    return path.is_relative_to(folder.artifacts.root) or (
        path.parent == folder.path and path.name.startswith(databases)
    )
