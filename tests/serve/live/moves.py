"""Releases as another process would move them: through connections of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from telltale.registry.registry import Registry
from telltale.registry.release import Release
from telltale.registry.releases import Releases
from telltale.storage.folder import open_folder

NOW = datetime(2024, 12, 2, tzinfo=UTC)
WHO: dict[str, Any] = {"actor": "t", "reason": "r", "now": NOW}


def promote(home: Path, number: int) -> None:
    with _registries(home) as (registry, _):
        registry.promote("helios", "anomaly", number, **WHO)


def begin(home: Path, number: int, steps: Sequence[int], *, task: str = "helios/anomaly") -> Release:
    """A release of a version beside the champion."""
    with _registries(home) as (_, releases):
        app, name = task.split("/")
        return releases.begin(app, name, number, steps=steps, every_s=60.0 if len(steps) > 1 else None, **WHO)


def advance(home: Path) -> Release:
    with _registries(home) as (_, releases):
        return releases.advance(_active(releases), **WHO)


def stop(home: Path) -> None:
    with _registries(home) as (_, releases):
        releases.stop(_active(releases), **WHO)


def roll_back(home: Path) -> None:
    with _registries(home) as (_, releases):
        releases.roll_back(_active(releases), **WHO)


def _active(releases: Releases) -> Release:
    found = releases.active("helios", "anomaly")
    assert found is not None
    return found


@contextmanager
def _registries(home: Path) -> Iterator[tuple[Registry, Releases]]:
    folder = open_folder(home)
    try:
        yield Registry(folder.state, folder.artifacts), Releases(folder.state, folder.artifacts)
    finally:
        folder.close()
