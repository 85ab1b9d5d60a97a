"""What a key must allow, by method and path; of hot paths it stands beside them (`HotRoute.scope`)."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from telltale.contract.app import App
from telltale.contract.route import Scope
from telltale.serve.guard import page_paths
from telltale.serve.guard.route_paths import matcher

# Nothing here tells what was measured or answered.
_OPEN: Final = frozenset(
    {
        *("/health", "/healthz", "/readyz", "/metrics", "/docs", "/docs/openapi.json"),
        *("/v2", "/v2/health/live", "/v2/health/ready"),
        *page_paths.OPEN,
    }
)
_OPEN_READS: Final = ("/v1/versions", "/v1/jobs", "/v1/schedules", "/v2/models")
_OPERATORS_READS: Final = ("/v1/audit",)
_SAFE: Final = frozenset({"GET", "HEAD"})
_SLASHES: Final = re.compile(r"//+")
_ADDRESS: Final = re.compile(r"/v1/(?:[a-z]+/(?P<of>[^/]+/[^/]+)/[^/]+|releases/(?P<released>[^/]+/[^/]+))")


def scopes_of(apps: Iterable[App]) -> Callable[[str, str], Scope | None]:
    """A function from method and path to the scope needed; None where no key is.

    Open are health, metrics, documentation, reading versions, jobs and schedules, and what apps let read. Whatever is not
    known to be less needs `operate`.
    """
    by_scope: dict[tuple[str, Scope | None], list[str]] = {}
    for app in apps:
        for route in app.routes:
            unsaid: Scope | None = None if route.method == "GET" else "predict"
            by_scope.setdefault((route.method, route.scope or unsaid), []).append(route.path)
    matchers = {wanted: matcher(paths) for wanted, paths in by_scope.items()}

    def scope_of(method: str, path: str) -> Scope | None:
        asked = "GET" if method == "HEAD" else method
        # Litestar takes these for the same path: none of them may need less.
        path = _SLASHES.sub("/", path).rstrip("/")
        if path in _OPEN:
            return None
        for (of_method, scope), is_one in matchers.items():
            if of_method == asked and is_one(path):
                return scope
        if asked == "GET":
            if path.startswith(_OPEN_READS):
                return None
            return "operate" if path.startswith(_OPERATORS_READS) else "read"
        return "predict" if path.startswith("/v2/models/") else "operate"

    return scope_of


def is_operation(method: str, scope: Scope | None) -> bool:
    """Whether a request changes what is served or trained: worth a row in the audit."""
    return scope == "operate" and method not in _SAFE


def subject_of(path: str) -> str:
    """What a path is about, where it says so.

    >>> subject_of("/v1/versions/helios/anomaly/promote"), subject_of("/train")
    ('helios/anomaly', '')
    """
    found = _ADDRESS.fullmatch(path)
    return found.group("of") or found.group("released") if found is not None else ""
