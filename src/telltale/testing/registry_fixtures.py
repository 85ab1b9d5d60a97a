"""What the registry checks are written with: a registry in a folder, versions to move about, and expected refusals."""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from telltale.contract.errors import (
    TelltaleError,
)
from telltale.contract.verdict import Outcome
from telltale.registry.registry import Registry
from telltale.registry.versions import Version
from telltale.storage.folder import open_folder

RegistryFactory = Callable[[], Registry]

APP, TASK = "check", "task"
START = datetime(2024, 12, 1, 14, 30, 22, tzinfo=UTC)


@dataclass(frozen=True)
class FolderRegistry:
    """Opens the registry of the home at `path`; usable from any process."""

    path: Path

    def __call__(self) -> Registry:
        """The registry, opened anew."""
        folder = open_folder(self.path)
        return Registry(folder.state, folder.artifacts)


def register(
    registry: Registry,
    *,
    outcome: Outcome = "pass",
    content: bytes = b"{}",
    now: datetime = START,
    metrics: dict[str, float] | None = None,
) -> Version:
    """A version of one small file, as the checks need them."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "manifest.json").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        return registry.register(
            APP,
            TASK,
            bundle=Path(name),
            sha256=digest,
            files={"manifest.json": digest},
            estimator="constant",
            data_kind="simulated",
            outcome=outcome,
            metrics=metrics or {},
            facts={"seed": 1},
            actor="checks",
            now=now,
        )


def promote(registry: Registry, number: int, *, hour: float = 0) -> Version:
    """Promote, `hour` hours after the start."""
    return registry.promote(APP, TASK, number, actor="checks", reason="a check", now=START + timedelta(hours=hour))


def roll_back(registry: Registry, *, hour: float = 0) -> Version:
    """Roll back, `hour` hours after the start."""
    return registry.rollback(APP, TASK, actor="checks", reason="a check", now=START + timedelta(hours=hour))


class refusal:  # noqa: N801 - reads as a statement: with refusal(...)
    """Asserts that the block raises `kind`, with `says` in its message."""

    def __init__(self, kind: type[TelltaleError], *, says: str = "") -> None:
        self._kind = kind
        self._says = says

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        assert error is not None, f"{self._kind.__name__} was expected, and nothing was refused"
        if not isinstance(error, self._kind):
            return False
        assert self._says in str(error), f"{str(error)!r} does not say {self._says!r}"
        return True


def assert_ledger_tells_the_roles(registry: Registry, app: str = APP, task: str = TASK) -> None:
    """Replay the ledger; the roles it ends in must be those the versions have."""
    replayed: dict[int, str] = {}
    for move in registry.history(app, task):
        known = replayed.get(move.number, "")
        assert move.role_from == known, f"{move} does not start from {known!r}"
        replayed[move.number] = move.role_to
    roles = {version.number: version.role for version in registry.versions(app, task)}
    assert replayed == roles, f"the ledger tells {replayed}, the versions {roles}"
