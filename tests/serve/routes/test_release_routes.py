"""Releases over HTTP. Fixtures' types live in conftest, which cannot be imported: hence Any."""

from typing import Any

import pytest

RELEASES = "/v1/releases/helios/anomaly"


def test_a_release_is_begun_shown_and_ended(client: Any) -> None:
    begun = client.post(RELEASES, {"version": 2, "steps": [5, 50, 100], "every_s": 3600, "reason": "better offline"})

    assert begun.status_code == 201, begun.text
    release = begun.json()
    assert (release["number"], release["against"], release["state"], release["steps"]) == (
        2,
        1,
        "running",
        [5, 50, 100],
    )
    assert client.get("/v1/releases").json() == [release]
    roles = {one["number"]: one["role"] for one in client.get("/v1/versions/helios/anomaly").json()}
    assert roles == {1: "champion", 2: "challenger"}

    ended = client.post(f"{RELEASES}/stop", {"reason": "not today"})

    assert ended.status_code == 200
    assert (ended.json()["state"], ended.json()["outcome"], ended.json()["withdrawn"]) == (
        "stopped",
        "not today",
        False,
    )
    assert client.get("/v1/releases?app=helios&task=anomaly&limit=1").json() == [ended.json()]
    assert client.get("/v1/releases?app=shop").json() == []


def test_a_release_asked_for_over_http_is_in_the_audit(client: Any) -> None:
    client.post(RELEASES, {"version": "latest", "steps": [0]})
    client.post(f"{RELEASES}/stop", {"reason": "enough"})

    acts = [(act["action"], act["subject"], act["status"]) for act in client.get("/v1/audit").json()]
    assert acts == [
        (f"POST {RELEASES}/stop", "helios/anomaly", 200),
        (f"POST {RELEASES}", "helios/anomaly", 201),
    ]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (RELEASES, {"version": 1, "steps": [50]}, 409, "champion already"),
        (RELEASES, {"version": 9, "steps": [50]}, 404, "there is no version"),
        (RELEASES, {"version": 2, "steps": [5, 100]}, 400, "how long a step lasts"),
        (RELEASES, {"version": 2, "steps": []}, 400, "steps"),
        (RELEASES, {"version": 2, "steps": [101]}, 400, "steps"),
        (RELEASES, {"version": 2, "steps": [50], "margin": -1}, 400, "margin"),
        ("/v1/releases/helios/none", {"version": 2, "steps": [50]}, 404, "helios/none"),
        (f"{RELEASES}/stop", {"reason": "why not"}, 409, "no release is under way"),
    ],
)
def test_what_cannot_be_released_is_refused_with_the_reason(
    client: Any, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    answer = client.post(path, body)

    assert answer.status_code == status, answer.text
    assert words in answer.text
    assert client.get("/v1/releases").json() == []
