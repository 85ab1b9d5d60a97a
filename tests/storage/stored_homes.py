"""Homes as earlier code wrote them, kept by `tools/store_release.py`."""

import json
import lzma
import tarfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "releases"


def archive_of(name: str) -> Path:
    """The backup."""
    return FOLDER / f"{name}.tar.xz"


def told(name: str) -> dict[str, Any]:
    """What is kept beside it: rows, and what its champion said of them."""
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return document


def unpacked(name: str, folder: Path) -> Path:
    """The folder, with the databases as that code left them."""
    with lzma.open(archive_of(name)) as file, tarfile.open(fileobj=file) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _age(name: str) -> tuple[str, str, str]:
    revisions = told(name)["revisions"]
    return revisions["state"], revisions["events"], name


NAMES = sorted((path.stem for path in FOLDER.glob("*.json")), key=_age)
OLDEST, NEWEST = NAMES[0], NAMES[-1]
