"""Who asks."""

from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec

from telltale.contract.route import Scope

if TYPE_CHECKING:
    from litestar import Request

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever sent a request.

    Args:
        actor: for ledgers, jobs and logs: "local" where no key is asked for, "operator" for the operator's key, else
            "key NAME (ID)"; "anyone" on paths that need no key.
        scopes: what may be asked for.
        rate: requests a second and task, or None for the server's.
    """

    actor: str
    scopes: frozenset[Scope]
    rate: float | None = None


LOCAL: Final = Caller(actor="local", scopes=frozenset(SCOPES))
OPERATOR: Final = Caller(actor="operator", scopes=frozenset(SCOPES))
ANYONE: Final = Caller(actor="anyone", scopes=frozenset())


def caller_of(request: "Request[Any, Any, Any]") -> Caller:
    """Who sent a request that Litestar answers; the bridge put it there."""
    caller: Caller = request.scope["state"]["caller"]
    return caller
