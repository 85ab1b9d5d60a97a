"""What versions learned since they were trained, brought to the servers: the newest step, without a restart."""

from collections.abc import Mapping
from typing import Final

import structlog

from telltale.contract.errors import BundleError
from telltale.models.packed_parts import unpack_parts
from telltale.registry.learned import Whose, learned_body, learned_heads
from telltale.serve.live.loaded import Loaded
from telltale.storage.database import Database

_BASE: Final = 0  # the number of a version that has learned nothing
_logger = structlog.get_logger("telltale.serve.live.learned_state")


class LearnedState:
    """Looks for newer steps of loaded versions.

    Args:
        events: where they are kept.
    """

    def __init__(self, events: Database) -> None:
        self._events = events
        self._heads: Mapping[Whose, int] = {}
        self._broken: set[tuple[Whose, int]] = set()

    def look(self) -> None:
        """Read which step is the newest of each version."""
        self._heads = learned_heads(self._events)

    def newer(self, loaded: Loaded) -> Loaded | None:
        """The same version with the newest step; None where it has it, or cannot have it: then what it has goes on."""
        served = loaded.live.served
        whose = (served.app, served.task, served.version)
        number = self._heads.get(whose, _BASE)
        if number == loaded.step or (whose, number) in self._broken:
            return None
        where = f"{served.app}/{served.task}@{served.version}"
        try:
            if number == _BASE:
                return loaded.having(None, number)
            body = learned_body(self._events, whose, number)
            # Removed meanwhile: the next look finds a newer one, or none.
            return None if body is None else loaded.having(unpack_parts(body, where=where), number)
        except BundleError as error:
            self._broken.add((whose, number))
            _logger.exception("learned_state_broken", version=where, step=number, what=str(error), mend=error.mend)
            return None
