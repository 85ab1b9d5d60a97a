"""Web pages of other sites: on a server that asks for no key, a person's browser must not do their bidding.

A browser reaches this machine's own address for any page it shows. It says which page asked (`Origin`, `Sec-Fetch-Site`),
and under which name it came here (`Host`): a name that its owner pointed at this machine a moment ago is none of ours.
Programs send neither, and are let through.
"""

import re
import socket
from ipaddress import ip_address
from typing import Final

from telltale.contract.errors import ForbiddenError
from telltale.serve.http.call import Headers

_MOST_HOSTS: Final = 64
_HOST: Final = re.compile(r"(?:\[(?P<address>[^\]]+)\]|(?P<name>[^:\[\]]+))(?::\d*)?")
_KEY: Final = "or set TELLTALE_OPERATOR_KEY, or make a key (telltale keys create): then keys decide"


class BrowserCheck:
    """Refuses what a page of another site sent.

    Args:
        own_names: names of this machine besides `localhost`, that nobody else can own.
    """

    def __init__(self, own_names: tuple[str, ...] = (socket.gethostname(),)) -> None:
        self._names = frozenset({"localhost", *(name.lower() for name in own_names)})
        # Hosts as they were sent, ports and all, that were looked at before: a look-up in place of reading an address.
        self._seen: set[str | None] = {None}  # no browser leaves it out

    def check(self, method: str, headers: Headers) -> None:
        """Let a request pass, or not.

        Raises:
            ForbiddenError: it is a page's of another site, or came here under a name that is not this machine's.
        """
        host = headers.get("host")
        if host not in self._seen:
            self._check_host(host)
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise _foreign(f"the page at {origin[:100]}")
        site = headers.get("sec-fetch-site")
        if site is not None and site not in {"same-origin", "none"} and not _is_visit(method, headers):
            raise _foreign("a page of another site")

    def _check_host(self, host: str) -> None:
        if not self._is_ours(host.lower()):
            raise ForbiddenError(
                f"the name {host[:100]!r} is not this machine's",
                where="header Host",
                mend=f"Ask by address, as in http://127.0.0.1, {_KEY}.",
            )
        if len(self._seen) < _MOST_HOSTS:
            self._seen.add(host)

    def _is_ours(self, host: str) -> bool:
        parts = _HOST.fullmatch(host)
        if parts is None:
            return False
        name = parts["name"]
        if name is not None and name.removesuffix(".") in self._names:
            return True
        try:
            ip_address(name or parts["address"])
        except ValueError:
            return False
        return True  # an address is what it says; only a name can be pointed somewhere else


def _is_visit(method: str, headers: Headers) -> bool:
    """Whether a person followed a link: what is shown then, no other page can read or frame."""
    return (
        method == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") in {None, "document"}
    )


def _foreign(who: str) -> ForbiddenError:
    return ForbiddenError(
        f"{who} may not ask this server, which is open to this machine alone",
        where="request",
        mend=f"Ask from a program, {_KEY}.",
    )
