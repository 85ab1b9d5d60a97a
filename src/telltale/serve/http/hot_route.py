"""A path that clients call all day, with what must be known before it is called."""

from typing import NamedTuple

from telltale.contract.route import Scope
from telltale.serve.http.call import Handle


class HotRoute(NamedTuple):
    """One of the paths that are found by one look-up.

    Args:
        handle: from a call to a reply.
        scope: what a key must allow.
        subject: what a rate is counted for: `app/task`, or what else is asked of.
    """

    handle: Handle
    scope: Scope
    subject: str
