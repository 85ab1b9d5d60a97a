"""Who decides for whom while a version is released: by a hash of the entity, so that nothing need be remembered."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from telltale.contract.answer import RowValue
from telltale.contract.plan import Plan
from telltale.contract.query import Query
from telltale.models.manifest import Manifest

_SPACE: Final = 2**64  # of the hash
_encode = msgspec.json.Encoder().encode


def decides(salt: str, unit: bytes, percent: float) -> bool:
    """Whether the version that is released decides for a unit.

    The same unit is on the same side in every process and after a restart, and a rising share only adds units.

    Args:
        salt: of the release: two releases do not pick the same units.
        unit: as `unit_of` says.
        percent: of units, in [0, 100].

    >>> decides("a", b"sw-1", 0), decides("a", b"sw-1", 100)
    (False, True)
    """
    digest = blake2b(unit, digest_size=8, key=salt.encode()).digest()
    return int.from_bytes(digest, "big") * 100 < percent * _SPACE


def unit_of(entity: str | None, asked: Sequence[RowValue] | Query) -> bytes:
    """What is assigned: the entity; where there is none what is asked, so that a retry has the same answer.

    Args:
        entity: of a request, or None.
        asked: the values of the row that is decided, or the query.

    >>> unit_of("sw-1", (1.0, None)), unit_of(None, (1.0, None))
    (b'sw-1', b'[1.0,null]')
    """
    return _encode(asked) if entity is None else entity.encode()


def missing_columns(champion: Manifest, rival: Manifest) -> tuple[str, ...]:
    """Columns that a version needs and requests need not carry, since they are checked for what the champion reads.

    Args:
        champion: of the version that serves.
        rival: of the one that is to answer the same requests.

    Returns:
        Those that the champion's plan does not read, and those that it fills where they have no value and the rival's does
        not. Of tasks that answer questions none: there are no rows.
    """
    if champion.plan is None or rival.plan is None:
        return ()
    return tuple(name for name in rival.plan.columns if not _carried(name, champion.plan, rival.plan))


def _carried(name: str, champion: Plan, rival: Plan) -> bool:
    return name in champion.columns and (name not in champion.nullable or name in rival.nullable)
