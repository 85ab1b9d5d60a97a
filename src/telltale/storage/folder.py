"""TELLTALE_HOME: one folder with everything that is kept."""

from dataclasses import dataclass
from pathlib import Path

from telltale.contract.errors import UsageError
from telltale.storage.artifacts import Artifacts
from telltale.storage.database import Database, open_database


@dataclass(frozen=True)
class Folder:
    """An open home.

    Args:
        path: the folder.
        state: registry, ledger, roles, schedules, leases, jobs.
        events: events, quarantine, predictions, feedback. Apart, so that telemetry never waits for a promotion.
        artifacts: the files of versions.
    """

    path: Path
    state: Database
    events: Database
    artifacts: Artifacts

    def close(self) -> None:
        """Close the databases' connections."""
        self.state.close()
        self.events.close()


def open_folder(path: Path) -> Folder:
    """Open a home, creating it (readable by its owner alone) where there is none.

    Raises:
        UsageError: the folder cannot be made or written.
        ConflictError: a newer release wrote it.
    """
    root = path.expanduser().absolute()
    artifacts = root / "artifacts"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        artifacts.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the folder cannot be made ({error.strerror})",
            where=str(root),
            mend="Choose another one with TELLTALE_HOME, or make it writable.",
        ) from error
    state = open_database(root / "state.db", schema="state")
    events = open_database(root / "events.db", schema="events")
    return Folder(path=root, state=state, events=events, artifacts=Artifacts(artifacts))
