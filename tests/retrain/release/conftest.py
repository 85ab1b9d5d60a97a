import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.retrain.release.logged import NOW, Logged

from telltale.registry.registry import Registry
from telltale.storage.folder import open_folder


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Logged]:
    """A home in which version 1 of shop/alarm and of shop/next is champion, and version 2 stands ready."""
    folder = open_folder(tmp_path / "home")
    registry = Registry(folder.state, folder.artifacts)
    for task in ("alarm", "next", "trend"):
        for _ in range(2):
            _register(registry, task, tmp_path)
        registry.promote("shop", task, 1, actor="test", reason="first", now=NOW - timedelta(days=1))
    yield Logged(folder)
    folder.close()


def _register(registry: Registry, task: str, scratch: Path) -> None:
    (scratch / "manifest.json").write_bytes(b"{}")
    digest = hashlib.sha256(b"{}").hexdigest()
    registry.register(
        "shop",
        task,
        bundle=scratch,
        sha256=digest,
        files={"manifest.json": digest},
        estimator="constant",
        data_kind="simulated",
        outcome="pass",
        metrics={},
        facts={},
        actor="test",
        now=NOW - timedelta(days=2),
    )
