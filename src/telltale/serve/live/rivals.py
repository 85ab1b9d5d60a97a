"""A champion with the version of a release beside it."""

from collections.abc import Callable

import msgspec

from telltale.registry.release import Release
from telltale.serve.live.columns_at import ColumnsAt, columns_at
from telltale.serve.live.live_task import Live, LiveTask, Rival
from telltale.serve.live.loaded import Loaded
from telltale.serve.live.shadow_scorer import Offered, Shadow


def beside(champion: Live, rival: Live, release: Release, *, offer: Callable[[Offered], None]) -> Live:
    """The champion, ready for requests of which some are the rival's.

    Args:
        champion: with nothing beside it.
        rival: of the same task; it needs no column that requests need not carry.
        release: how many entities are the rival's, and which.
        offer: hands a request to whoever did not decide it.
    """
    is_rows = isinstance(champion, LiveTask)
    at = columns_at(rival.served.columns, champion.served.columns) if is_rows else None
    found = Rival(
        live=rival,
        percent=release.percent,
        salt=release.salt,
        columns_at=at,
        shadow=_shadow(rival, at),
        champion_shadow=_shadow(champion, None),
        offer=offer,
    )
    if isinstance(champion, LiveTask) and isinstance(rival, LiveTask):
        return msgspec.structs.replace(champion, rival=found, windows=champion.windows.reading(rival.windows))
    return msgspec.structs.replace(champion, rival=found)


def stands_beside(live: Live | None, champion: Loaded, rival: Loaded, release: Release) -> bool:
    """Whether the champion serves with the rival beside it already, at this step of the release and of what they learned."""
    if live is None or live.rival is None or live.runtime is not champion.live.runtime:
        return False
    found = live.rival
    return found.live is rival.live and (found.percent, found.salt) == (release.percent, release.salt)


def _shadow(live: Live, at: ColumnsAt) -> Shadow:
    return Shadow(served=msgspec.structs.replace(live.served, role="shadow"), runtime=live.runtime, columns_at=at)
