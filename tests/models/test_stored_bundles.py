"""A version of each kind of task, as earlier code wrote it, answers as it did; kept by `tools/store_release.py`."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.faults.clients import Connection

from telltale.contract.kinds import SCORING_KINDS
from telltale.home.apps import app_references, find_task, installed_apps
from telltale.home.restore import restore
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

FOLDER = Path(__file__).parent / "kinds"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
# What is drawn anew with each answer, and what follows from it.
_DRAWN = ("action", "propensity", "expected")


def told(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return document


def test_every_kind_that_does_not_score_has_a_kept_version() -> None:
    apps = installed_apps()
    kinds = {task.kind for app in apps.values() for task in app.tasks}
    kept = {find_task(apps, task)[1].kind for name in NAMES for task in told(name)["asked"]}

    assert kept == kinds - SCORING_KINDS


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize("name", NAMES)
def test_versions_of_before_answer_as_they_did(name: str, tmp_path: Path) -> None:
    home = restore(FOLDER / f"{name}.tar.xz", tmp_path / "home", now=datetime.now(UTC), progress=lambda *_: None).home
    settings = ServeSettings(home=str(home), apps=app_references())

    with start_background(settings) as server, Connection(server.url) as connection:
        for task, questions in told(name)["asked"].items():
            for question in questions:
                reply = connection.post(f"/v1/{task}/predict", question["body"])

                assert reply.status == 200, reply.body
                expected, answer = question["answer"], dict(reply.body)
                if "action" in expected and expected["action"] != answer["action"]:
                    answer |= {key: expected[key] for key in _DRAWN}
                assert _is_near(answer, {**expected, "prediction_id": answer["prediction_id"]}), (
                    task,
                    answer,
                    expected,
                )


def _is_near(found: Any, expected: Any) -> bool:
    """Whether all that was said is said again, numbers to a millionth; more may be said."""
    match expected:
        case dict():
            return all(key in found and _is_near(found[key], value) for key, value in expected.items())
        case list():
            return len(found) == len(expected) and all(map(_is_near, found, expected))
        case float():
            return math.isclose(found, expected, rel_tol=1e-6)
        case _:
            return bool(found == expected)
