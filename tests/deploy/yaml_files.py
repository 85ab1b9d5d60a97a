"""YAML files, read and written: the one place that knows of the library."""

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # it has no annotations of its own


def read_yaml(path: Path) -> Any:
    """The one document of a file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def read_documents(path: Path) -> list[Any]:
    """Every document of a file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def write_yaml(path: Path, document: object) -> None:
    """Write one document."""
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
