"""A process that moves roles as fast as it can, until it is killed: `python -m telltale.cli.drill.victim HOME APP TASK A B`."""

import sys
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from telltale.contract.errors import ConflictError
from telltale.registry.registry import Registry
from telltale.registry.releases import Releases
from telltale.storage.folder import open_folder


def main() -> None:
    """Promote, roll back, release and advance two versions in turn, for ever."""
    home, app, task, *numbers = sys.argv[1:]
    folder = open_folder(Path(home))
    registry, releases = Registry(folder.state, folder.artifacts), Releases(folder.state, folder.artifacts)
    print("moving", flush=True)  # noqa: T201 - read by the drill, which kills from now on
    for number in count():
        now = datetime.now(UTC)
        version = int(numbers[number % len(numbers)])
        with suppress(ConflictError):
            registry.promote(app, task, version, actor="victim", reason="drill", now=now, override=True)
        with suppress(ConflictError):
            other = int(numbers[(number + 1) % len(numbers)])
            release = releases.begin(
                app, task, other, steps=(50,), actor="victim", reason="drill", now=now, override=True
            )
            release = releases.advance(release, actor="victim", reason="drill", now=now)
            releases.roll_back(release, actor="victim", reason="drill", now=now)


if __name__ == "__main__":
    main()
