"""What a scene of the drill leaves: what was seen, and whether it is what should be."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that should hold.

    Args:
        what: in words, as it should be.
        holds: whether it is.
        found: the figure or the state that was found.
    """

    what: str
    holds: bool
    found: str = ""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """One scene, over.

    Args:
        name: of the scene; stays the same for ever.
        title: for people.
        seen: all that was looked at.
        figures: numbers for machines.
    """

    name: str
    title: str
    seen: tuple[Seen, ...]
    figures: Mapping[str, float | int | str | None] = {}

    @property
    def holds(self) -> bool:
        """Whether all of it is as it should be."""
        return all(one.holds for one in self.seen)


Tell = Callable[[str], None]


def after(span: timedelta) -> str:
    """How people say how long it took: "after 6 h"."""
    return f"after {span / timedelta(hours=1):.0f} h"
