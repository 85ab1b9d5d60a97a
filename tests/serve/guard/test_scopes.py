import pytest

from telltale.apps.storefront import APP as STOREFRONT
from telltale.contract.route import Route, Scope
from telltale.serve.guard.scopes import is_operation, scopes_of

OPEN = None


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/health", OPEN),
        ("GET", "/metrics", OPEN),
        ("GET", "/docs", OPEN),
        ("HEAD", "/v1/versions", OPEN),
        ("GET", "/v1/versions/helios/anomaly/history", OPEN),
        ("GET", "/v1/jobs/7", OPEN),
        ("GET", "/v1/schedules", OPEN),
        ("GET", "/models/versions", OPEN),
        ("GET", "/scheduler/status", OPEN),
        ("GET", "/v1/predictions/helios/anomaly", "read"),
        ("GET", "/anything/new", "read"),
        ("GET", "/v1/audit", "operate"),
        ("GET", "//v1//audit/", "operate"),
        ("HEAD", "/v1/audit", "operate"),
        ("POST", "/analyze/request", "predict"),
        ("POST", "/compare/models", "predict"),
        ("POST", "/train/manual-tree", "predict"),
        ("POST", "/v2/models/helios.anomaly/infer", "predict"),
        ("POST", "/models/performance", "ingest"),
        ("POST", "/train", "operate"),
        ("POST", "/train/", "operate"),
        ("POST", "//train", "operate"),
        ("POST", "/scheduler/trigger", "operate"),
        ("POST", "/scheduler/pause/anomaly", "operate"),
        ("POST", "/scheduler/resume/anomaly", "operate"),
        ("POST", "/models/rollback", "operate"),
        ("POST", "/models/auto-rollback", "operate"),
        ("POST", "/v1/versions/helios/anomaly/promote", "operate"),
        ("POST", "/v1/jobs", "operate"),
        ("POST", "/v1/schedules/a/b/run", "operate"),
        ("POST", "/anything/new", "operate"),
        ("DELETE", "/v1/versions", "operate"),
        ("PUT", "/analyze/request", "operate"),
    ],
)
def test_each_path_needs_what_its_effect_is_worth(method: str, path: str, expected: Scope | None) -> None:
    assert scopes_of([STOREFRONT])(method, path) == expected


def test_every_route_of_an_app_is_found_by_its_own_scope() -> None:
    scope_of = scopes_of([STOREFRONT])
    for route in STOREFRONT.routes:
        path = route.path.replace("{job_id}", "x")
        unsaid = None if route.method == "GET" else "predict"

        assert scope_of(route.method, path) == (route.scope or unsaid)


def test_whatever_retrains_or_moves_a_version_is_an_operation() -> None:
    scope_of = scopes_of([STOREFRONT])
    words = ("/train", "/scheduler/trigger", "/scheduler/pause", "/scheduler/resume", "rollback")

    def operates(route: Route) -> bool:
        return is_operation(route.method, scope_of(route.method, route.path.replace("{job_id}", "x")))

    found = {route.path for route in STOREFRONT.routes if operates(route)}
    assert found == {
        route.path
        for route in STOREFRONT.routes
        if route.method == "POST" and any(word in route.path for word in words) and "manual" not in route.path
    }
    assert not is_operation("GET", "operate")
