"""Verification over the kernel's own paths, without a socket: enrol, ask, confirm, go back."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from telltale.apps.personhood import APP, VERIFY
from telltale.contract.errors import ConflictError, NotEnoughDataError, NotFoundError, SchemaError, UsageError
from telltale.models.bundle import hash_bundle
from telltale.registry.registry import Registry
from telltale.serve.routes.route_context import RouteContext
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder
from telltale.telemetry.frames import ENTITY, LABEL
from telltale.testing.samples import sample_rows
from telltale.testing.trained_task import train_sample

TASK, PATH = "personhood/verify", "/v1/personhood/verify/predict"
NOW = datetime(2024, 12, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("verify") / "bundle"
    train_sample(APP, VERIFY, "profile_cohort", directory, seed=0)
    return directory


@pytest.fixture(scope="module")
def typed() -> dict[str, list[dict[str, Any]]]:
    """Own sessions of people whom no training has seen, as a client sends them."""
    own = sample_rows(APP, VERIFY).held_out.filter(pl.col(LABEL) == 1)
    names = ("presses_ms", "releases_ms", "classes", "corrections", "local_hour")
    found: dict[str, list[dict[str, Any]]] = {}
    for row in own.iter_rows(named=True):
        found.setdefault(row[ENTITY], []).append({"user_id": row[ENTITY], **{name: row[name] for name in names}})
    return {entity: rows for entity, rows in found.items() if len(rows) >= 8}


@pytest.fixture
def client(tmp_path: Path, bundle: Path, make_client: Any) -> Iterator[Any]:
    folder = open_folder(tmp_path / "home")
    files = hash_bundle(bundle)
    registry = Registry(folder.state, folder.artifacts)
    registry.register(
        "personhood", "verify", bundle=bundle, sha256=files.sha256, files=files.files, estimator="profile_cohort",
        data_kind="simulated", outcome="pass", metrics={}, facts={}, actor="test", now=NOW,
    )  # fmt: skip
    registry.promote("personhood", "verify", 1, actor="test", reason="first", now=NOW)
    folder.close()
    opened = make_client(
        ServeSettings(home=str(tmp_path / "home"), apps=("telltale.apps.personhood:APP",), flush_s=0.05)
    )
    yield opened
    opened.close()


@pytest.fixture
def context(client: Any) -> RouteContext:
    return RouteContext(client.edge)


def asked(client: Any, row: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(PATH, row)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_whoever_is_enrolled_is_told_from_others(
    client: Any, context: RouteContext, typed: dict[str, list[dict[str, Any]]]
) -> None:
    ann, bob = list(typed)[:2]
    profile = context.enrol(TASK, typed[ann][:5])

    own = [asked(client, row) for row in typed[ann][5:]]
    others = [asked(client, row | {"user_id": ann}) for row in typed[bob]]

    assert (profile.entity, profile.n_samples) == (ann, 5)
    assert {answer["n_samples"] for answer in own} == {5}
    assert sum(one["score"] for one in own) / len(own) > sum(one["score"] for one in others) / len(others)
    for one in (*own, *others):
        assert one["decision"] == one["is_legitimate"] == (one["score"] >= one["threshold"])
        assert 0 <= one["confidence"] <= 100


def test_nobody_is_guessed_at_before_enough_rows_are_enrolled(
    client: Any, context: RouteContext, typed: dict[str, list[dict[str, Any]]]
) -> None:
    ann = next(iter(typed))
    context.enrol(TASK, typed[ann][:2])

    refused = client.post(PATH, typed[ann][5])

    assert refused.status_code == 422
    assert "Enrol 1 more" in refused.json()["mend"]


def test_an_enrolled_session_sent_again_is_refused_and_enrolled_again_it_adds_nothing(
    client: Any, context: RouteContext, typed: dict[str, list[dict[str, Any]]]
) -> None:
    ann = next(iter(typed))
    first = context.enrol(TASK, typed[ann][:4])

    again = asked(client, typed[ann][2])

    assert (again["replayed"], again["decision"]) == (True, False)
    assert context.enrol(TASK, typed[ann][:4]) == first


def test_what_was_accepted_and_confirmed_joins_the_profile_once_and_counts_as_a_label(
    client: Any, context: RouteContext, typed: dict[str, list[dict[str, Any]]]
) -> None:
    ann = next(iter(typed))
    context.enrol(TASK, typed[ann][:4])
    answers = [asked(client, row) for row in typed[ann][4:]]
    accepted = next(answer for answer in answers if answer["decision"])

    profile = context.confirm(TASK, accepted["prediction_id"])

    assert (profile.number, profile.n_samples) == (2, 5)
    assert profile.reason == f"confirmed {accepted['prediction_id']}"
    labels = client.edge.folder.events.fetch("SELECT prediction_id, label FROM feedback")
    assert labels == [(accepted["prediction_id"], 1)]
    with pytest.raises(ConflictError, match="in the profile already"):
        context.confirm(TASK, accepted["prediction_id"])
    back = context.revert_profile(TASK, ann, 1)
    assert (back.number, back.n_samples) == (3, 4)


def test_what_was_refused_cannot_be_confirmed(
    client: Any, context: RouteContext, typed: dict[str, list[dict[str, Any]]]
) -> None:
    ann = next(iter(typed))
    context.enrol(TASK, typed[ann][:4])
    replayed = asked(client, typed[ann][0])

    with pytest.raises(ConflictError, match="was not accepted"):
        context.confirm(TASK, replayed["prediction_id"])
    with pytest.raises(NotFoundError, match="nothing-like-it"):
        context.confirm(TASK, "nothing-like-it")

    found = context.profile(TASK, ann)
    assert found is not None
    assert found.number == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"presses_ms": [0.0, 1.0]}, "2 presses_ms"),
        ({"classes": ["vowel"] * 30}, "vowel"),
        ({"presses_ms": [-1.0] * 30}, "presses_ms"),
        ({"releases_ms": [0.0] * 30}, "before presses_ms"),
        ({"user_id": ""}, "0 characters"),
        ({"text": "secret"}, "text"),
        ({"nonsense": 1}, "nonsense"),
        ({"releases_ms": "soon"}, "releases_ms"),
    ],
)
def test_rows_that_make_no_sense_are_refused_by_name(client: Any, change: dict[str, Any], told: str) -> None:
    row = {
        "user_id": "ann",
        "presses_ms": [100.0 * key for key in range(30)],
        "releases_ms": [100.0 * key + 80.0 for key in range(30)],
        "classes": ["letter"] * 30,
    }

    refused = client.post(PATH, row | change)

    assert refused.status_code in {400, 422}
    assert told in json.dumps(refused.json())


def test_rows_of_two_people_or_too_short_ones_are_not_enrolled(
    context: RouteContext, typed: dict[str, list[dict[str, Any]]]
) -> None:
    ann, bob = list(typed)[:2]
    short = {name: value[:5] if isinstance(value, list) else value for name, value in typed[ann][0].items()}

    with pytest.raises(SchemaError, match="of 2 entities"):
        context.enrol(TASK, [typed[ann][0], typed[bob][0]])
    with pytest.raises(SchemaError, match="0 rows"):
        context.enrol(TASK, [])
    with pytest.raises(NotEnoughDataError, match="at least 10"):
        context.enrol(TASK, [typed[ann][0], short])
    with pytest.raises(UsageError, match="does not verify"):
        context.enrol("personhood/averages", [typed[ann][0]])

    assert context.profile(TASK, ann) is None


def test_what_is_logged_holds_times_and_kinds_and_no_profile(
    client: Any, context: RouteContext, typed: dict[str, list[dict[str, Any]]]
) -> None:
    ann = next(iter(typed))
    context.enrol(TASK, typed[ann][:4])
    answer = asked(client, typed[ann][5])
    client.edge.log.flush()

    logged = client.get(f"/v1/predictions/{answer['prediction_id']}").json()

    assert (logged["score"], logged["decision"]) == (answer["score"], answer["decision"])
    assert set(logged["values"]) == {"entity", "kinds", "began_ms", "ended_ms"}
