"""Jobs and schedules over HTTP. Fixtures' types live in conftest, which cannot be imported: hence Any."""

from typing import Any

import pytest

from telltale.retrain.jobs import BY_HAND


def test_a_job_asked_for_twice_is_the_one_that_waits(shop: Any) -> None:
    first = shop.post("/v1/jobs", {"app": "shop", "task": "next", "reason": "new items"})
    second = shop.post("/v1/jobs", {"app": "shop", "task": "next"})

    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    job = first.json()
    assert (job["kind"], job["state"], job["actor"], job["reason"]) == ("retrain", "queued", "local", "new items")
    assert shop.get(f"/v1/jobs/{job['id']}").json() == job


def test_jobs_are_listed_newest_first_by_task_and_state(shop: Any) -> None:
    for task in ("next", "trend", "habits"):
        shop.post("/v1/jobs", {"app": "shop", "task": task})

    assert [job["task"] for job in shop.get("/v1/jobs").json()] == ["habits", "trend", "next"]
    assert [job["task"] for job in shop.get("/v1/jobs?task=trend").json()] == ["trend"]
    assert len(shop.get("/v1/jobs?state=queued&limit=2").json()) == 2
    assert shop.get("/v1/jobs?state=done").json() == []


@pytest.mark.parametrize(
    ("asked", "body", "status", "words"),
    [
        ("POST /v1/jobs", {"app": "shop", "task": "none"}, 404, "shop/none"),
        ("POST /v1/jobs", {"app": "shop"}, 400, "task"),
        ("POST /v1/jobs", {"app": "shop", "task": "next", "when": 1}, 400, "when"),
        ("GET /v1/jobs/ghost", None, 404, "ghost"),
        ("GET /v1/jobs?state=asleep", None, 400, "state"),
        ("POST /v1/schedules/shop/none/run", {}, 404, "shop/everything"),
        ("POST /v1/schedules/none/next/pause", {}, 404, "none/next"),
    ],
)
def test_what_is_not_there_or_does_not_fit_is_refused(
    shop: Any, asked: str, body: dict[str, Any] | None, status: int, words: str
) -> None:
    answer = shop.request(*asked.split(), body)

    assert answer.status_code == status
    assert words in answer.text
    assert shop.get("/v1/jobs").json() == []


def test_schedules_are_those_of_tasks_and_those_of_the_app(shop: Any) -> None:
    found = {one["schedule"]["name"]: one for one in shop.get("/v1/schedules").json()}

    assert {name: one["schedule"]["tasks"] for name, one in found.items()} == {
        "alarm": ["alarm"],
        "everything": ["habits", "next", "trend"],
        "habits": ["habits"],
        "next": ["next"],
        "trend": ["trend"],
    }
    assert found["everything"]["schedule"]["cron"] == "0 5 * * 1"
    assert found["alarm"]["next_at"].endswith(":00:00Z")


def test_a_schedule_is_paused_and_resumed(shop: Any) -> None:
    paused = shop.post("/v1/schedules/shop/everything/pause", {})
    resumed = shop.post("/v1/schedules/shop/everything/resume", {})

    assert (paused.json()["schedule"]["paused"], paused.json()["next_at"]) == (True, None)
    assert resumed.json()["schedule"]["paused"] is False
    assert resumed.json()["next_at"] is not None


def test_a_schedule_run_by_hand_queues_each_of_its_tasks(shop: Any) -> None:
    answer = shop.post("/v1/schedules/shop/everything/run", {})

    assert answer.status_code == 202
    assert [(job["task"], job["state"]) for job in answer.json()] == [
        ("habits", "queued"), ("next", "queued"), ("trend", "queued"),
    ]  # fmt: skip


def test_a_job_waits_by_the_priority_that_it_was_asked_for_with(shop: Any) -> None:
    def ask(**more: object) -> Any:
        return shop.post("/v1/jobs", {"app": "shop", "task": "trend", **more})

    assert ask().json()["priority"] == BY_HAND
    assert ask(priority=90).json()["priority"] == 90, "who asks again may be in more of a hurry"
    assert ask(priority=3).json()["priority"] == 90
    for wrong in (-1, 101, 1.5, "high"):
        answer = ask(priority=wrong)
        assert (answer.status_code, "priority" in answer.text) == (400, True), answer.text
