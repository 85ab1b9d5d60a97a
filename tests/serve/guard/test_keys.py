from collections.abc import Callable
from typing import Any

import msgspec
import pytest

PREDICT = "/v1/helios/anomaly/predict"


@pytest.fixture
def locked(open_client: Callable[..., Any], settings: Any) -> Any:
    return open_client(msgspec.structs.replace(settings, operator_key="s3cret"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", PREDICT),
        ("POST", f"{PREDICT}:batch"),
        ("POST", "/v1/helios/events/metrics"),
        ("POST", "/v1/feedback"),
        ("POST", "/v1/versions/helios/anomaly/promote"),
        ("POST", "/v1/versions/helios/anomaly/rollback"),
        ("GET", "/v1/predictions/helios/anomaly"),
        ("GET", "/v1/predictions/ghost"),
        ("GET", "/anything/new"),
    ],
)
def test_writes_and_reads_of_predictions_need_the_key(locked: Any, method: str, path: str) -> None:
    for headers in ({}, {"x-api-key": "wrong"}, {"authorization": "Bearer s3cre"}, {"authorization": "Basic s3cret"}):
        answer = locked.request(method, path, b"{}" if method == "POST" else None, **headers)

        assert answer.status_code == 401
        assert answer.json()["mend"]


@pytest.mark.parametrize("headers", [{"x-api-key": "s3cret"}, {"authorization": "Bearer s3cret"}])
def test_the_key_opens_in_either_header(locked: Any, row: dict[str, Any], headers: dict[str, str]) -> None:
    assert locked.post(PREDICT, row, **headers).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/healthz", "/readyz", "/metrics", "/docs", "/v1/versions"])
def test_what_tells_nothing_of_what_was_measured_is_open(locked: Any, path: str) -> None:
    assert locked.get(path).status_code == 200
