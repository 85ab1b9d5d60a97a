"""Who may do what, and how often: asked once of every request, before anything of it is read."""

from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Final

import structlog

from telltale.contract.app import App
from telltale.contract.errors import ForbiddenError, TelltaleError
from telltale.contract.route import Scope
from telltale.serve.guard.browsers import BrowserCheck
from telltale.serve.guard.caller import ANYONE, LOCAL
from telltale.serve.guard.key_ring import KeyRing
from telltale.serve.guard.page_paths import is_page
from telltale.serve.guard.rates import Rates
from telltale.serve.guard.scopes import is_operation, scopes_of
from telltale.serve.guard.sessions import Sessions, session_of
from telltale.serve.http.call import Call
from telltale.serve.http.hot_route import HotRoute
from telltale.serve.settings import ServeSettings
from telltale.storage.database import Database

_logger = structlog.get_logger("telltale.serve.guard.guard")
_LINES_A_SECOND: Final = 20


class Guard:
    """Lets requests pass, or not.

    Args:
        settings: key, rate and number of workers.
        state: where keys are stored.
        apps: whose routes say what they need.
    """

    def __init__(self, settings: ServeSettings, state: Database, apps: Iterable[App]) -> None:
        self._ring = KeyRing(settings.operator_key, state, interval_s=settings.refresh_s)
        self.sessions = Sessions(self._ring, operator_key=settings.operator_key, secret=settings.session_secret)
        self._rates = Rates(settings.rate_limit, n_workers=settings.workers)
        self._browsers = BrowserCheck()
        self._scope_of = scopes_of(apps)
        self._second, self._n_lines, self._n_untold = 0, 0, 0

    def start(self) -> None:
        """Keep looking for keys that were made or revoked."""
        self._ring.start()

    def close(self) -> None:
        """Stop looking."""
        self._ring.close()

    @property
    def is_open(self) -> bool:
        """Whether no key is asked for."""
        return self._ring.is_open

    def refresh(self) -> None:
        """Take up keys that were made or revoked, now."""
        self._ring.refresh()

    def admit(self, call: Call, route: HotRoute | None) -> None:
        """Let a request pass, or not; `call.caller` then says who asks, and `call.subject` what is counted.

        Args:
            call: the request.
            route: of its path; None for a path of management.

        Raises:
            UnauthorizedError: a key is needed, and none that opens anything was given.
            ForbiddenError: the key does not allow this; or a page of another site asks an open server.
            TooManyRequestsError: it comes too soon.
        """
        if route is not None:
            scope: Scope | None = route.scope
            call.subject = route.subject
        else:
            scope = self._scope_of(call.method, call.path)
            call.subject = scope or ""
        if self._ring.is_open:
            self._browsers.check(call.method, call.headers)
            call.caller = LOCAL
        elif scope is None:
            call.caller = ANYONE
        else:
            session = session_of(call.headers) if route is None and is_page(call.path) else None
            call.caller = self._ring.caller(call.headers) if session is None else self.sessions.caller(session)
            if scope not in call.caller.scopes:
                raise ForbiddenError(
                    f"{call.caller.actor} has not the scope {scope!r}",
                    where=f"{call.method} {call.path}"[:200],
                    mend=f"Make a key that has it: telltale keys create --name NAME --scope {scope}.",
                )
        if scope is not None:
            self._rates.take(call.caller, call.subject)

    def pace(self, call: Call) -> Callable[[int], Awaitable[None]] | None:
        """What a request of many rows awaits before it answers so many of them; None where there is no limit."""
        return self._rates.pace(call.caller, call.subject)

    def needs_record(self, call: Call) -> bool:
        """Whether a request belongs in the audit."""
        return is_operation(call.method, self._scope_of(call.method, call.path))

    def tell_refused(self, call: Call, error: TelltaleError) -> None:
        """A log line for a request that was not let through, a few a second: strangers must not fill the disk."""
        second = int(monotonic())
        if second != self._second:
            self._second, self._n_lines = second, 0
        if self._n_lines == _LINES_A_SECOND:
            self._n_untold += 1
            return
        self._n_lines += 1
        n_untold, self._n_untold = self._n_untold, 0
        _logger.warning(
            "refused",
            method=call.method[:20],
            path=call.path[:200],
            actor=call.caller.actor,
            status=error.status,
            what=error.what,
            request_id=call.request_id,
            n_untold_before=n_untold,
        )
