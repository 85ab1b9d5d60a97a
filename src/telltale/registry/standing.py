"""Who decides for a task, and who stands beside: what a server needs to know of a release."""

import msgspec
from sqlalchemy import Connection

from telltale.registry.release import Release, active_release
from telltale.registry.versions import Version, read_role, read_version
from telltale.storage.artifacts import Artifacts


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A task at one moment.

    Args:
        champion: the version that decides, or None.
        rival: the version beside it, challenger or shadow; None without a release, and where its files were removed.
        release: the one that is under way where there is a rival, or None.
    """

    champion: Version | None
    rival: Version | None = None
    release: Release | None = None


def read_standing(connection: Connection, artifacts: Artifacts, app: str, task: str) -> Standing:
    """Who decides, and who stands beside."""
    champion = read_role(connection, artifacts, app, task, "champion")
    release = active_release(connection, app, task)
    if champion is None or release is None:
        return Standing(champion=champion)
    rival = read_version(connection, artifacts, app, task, release.rival)
    # A predecessor that was retired meanwhile, or was retention's, has no role any more: then nobody stands beside.
    if rival.role not in {"challenger", "shadow"}:
        return Standing(champion=champion)
    return Standing(champion=champion, rival=rival, release=release)
