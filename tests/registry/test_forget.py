"""Forgetting an entity: rows, their bytes, and what is said of the rest."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sqlalchemy import func, insert, select

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Parts
from telltale.contract.schema import Column, EventSchema
from telltale.contract.verdict import Verdict
from telltale.models.bundle import save_bundle
from telltale.models.manifest import Manifest, TrainedOn
from telltale.registry.audit import read_acts
from telltale.registry.forget import forget
from telltale.registry.learned import learned_heads
from telltale.registry.registry import Registry
from telltale.storage import tables
from telltale.storage.folder import Folder, open_folder
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import check_rows
from telltale.train.rows import hash_rows

NOW = datetime(2024, 12, 1, tzinfo=UTC)
GONE, STAYS = "person-0007", "person-00071"  # the one name begins the other
VISIT = EventSchema(name="visit", columns=(Column(name="load"),), entity="user_id")
TABLES = (
    "event",
    "prediction",
    "shadow",
    "feedback",
    "profile",
    "confidence",
    "stream_state",
    "quarantine",
    "idempotency",
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """A home in which two people have rows in every table that can have some, of two apps."""
    opened = open_folder(tmp_path / "home")
    if opened.events.dialect == "sqlite":
        with opened.events.write() as connection:  # some distributions build SQLite with it
            connection.exec_driver_sql("PRAGMA secure_delete = OFF")
    for app in ("gate", "shop"):
        for entity in (GONE, STAYS):
            _fill(opened, app, entity)
    yield opened
    opened.close()


def _fill(folder: Folder, app: str, entity: str) -> None:
    rows = {
        tables.event: {
            "app": app, "event": "visit", "entity": entity, "at_us": 1, "values": '{"load":1.0}', "received_us": 1,
            "source": "test",
        },
        tables.prediction: {
            "id": f"{app}-{entity}", "app": app, "task": "t", "entity": entity, "at_us": 1, "values": "[]", "version": 1,
            "role": "champion", "latency_us": 1, "received_us": 1,
        },
        tables.shadow: {
            "prediction_id": f"{app}-{entity}", "version": 2, "app": app, "task": "t", "latency_us": 1, "received_us": 1,
        },
        tables.profile: {
            "app": app, "task": "t", "entity": entity, "number": 1, "body": b"rhythm", "n_samples": 3, "made_us": 1,
            "actor": "test", "reason": "enrolled",
        },
        tables.learned: {
            "app": app, "task": "t", "version": 1, "number": len(entity), "body": b"state", "n_rows": 1, "upto_id": 1,
            "made_us": 1, "actor": "worker", "reason": "learned",
        },
        tables.confidence: {
            "app": app, "task": "t", "entity": entity, "pattern": "0x1", "confidence": 5,
            "answer": json.dumps({"did": entity}), "at_us": 1,
        },
        tables.stream_state: {
            "app": app, "task": "t", "version": 1, "entity": entity, "at_us": 1, "body": b"state",
        },
        tables.quarantine: {
            "app": app, "event": "visit", "source": "test", "line": 1, "reason": "load is missing",
            "raw": json.dumps({"user_id": entity}), "at_us": 1,
        },
        tables.idempotency: {
            "actor": "test", "key": f"{app}-{len(entity)}", "digest": "d", "at_us": 1,
            "answer": json.dumps({"predictions": [{"entity": entity, "score": 1}]}, separators=(",", ":")),
        },
    }  # fmt: skip
    said = {"app": app, "task": "t", "label": 1, "actor": "test", "at_us": 1}
    with folder.events.write() as connection:
        for table, row in rows.items():
            connection.execute(insert(table).values(**row))
        connection.execute(insert(tables.feedback).values(**said, prediction_id=f"{app}-{entity}"))
        connection.execute(insert(tables.feedback).values(**said, entity=entity, from_us=0, to_us=2))
        connection.execute(
            insert(tables.quarantine).values(
                app=app, event="visit", source="test", line=2, reason="bad", raw=f"x,{entity},?", at_us=1
            )
        )


def counts(folder: Folder, app: str | None = None) -> dict[str, int]:
    found = {}
    with folder.events.read() as connection:
        for name in TABLES:
            table = tables.EVENTS.tables[name]
            asked = select(func.count()).select_from(table)
            if app is not None and name != "idempotency":
                asked = asked.where(table.c.app == app)
            found[name] = connection.execute(asked).scalar_one()
    return found


def forgotten(folder: Folder, entity: str = GONE, **how: Any) -> Any:
    return forget(folder, entity, actor="test", now=NOW, **how)


def bytes_of(folder: Folder) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.path.glob("*.db*")) if not path.name.endswith("-shm"))


def test_every_row_of_the_entity_goes_and_every_row_of_others_stays(folder: Folder) -> None:
    before = counts(folder)

    done = forgotten(folder)

    assert done.removed == {
        "event": 2, "prediction": 2, "shadow": 2, "feedback": 4, "profile": 2, "confidence": 2, "stream_state": 2, "quarantine": 4,
        "idempotency": 2, "learned": 4,
    }  # fmt: skip
    assert done.is_done
    halves = {name: n // 2 for name, n in before.items()} | {"idempotency": before["idempotency"]}
    assert counts(folder) == halves
    # What was learned from the rows of several cannot be told apart: it is learned again from those that are left.
    assert learned_heads(folder.events) == {}
    assert forgotten(folder).removed == dict.fromkeys(done.removed, 0)


@pytest.mark.sqlite
def test_the_name_is_nowhere_in_the_bytes_of_the_files(folder: Folder) -> None:
    entity = "somebody-with-a-name-of-their-own"
    _fill(folder, "gate", entity)
    assert entity.encode() in bytes_of(folder)

    done = forgotten(folder, entity)

    assert entity.encode() not in bytes_of(folder)
    assert done.remnants == 0


def test_copies_in_space_that_was_freed_before_go_too(folder: Folder) -> None:
    entity = "somebody-who-was-removed-by-age-before"
    for number in range(400):
        _fill(folder, f"app{number}", entity)
    with folder.events.write() as connection:  # as retention does
        connection.exec_driver_sql("DELETE FROM event WHERE entity = ?", (entity,))

    forgotten(folder, entity)

    assert entity.encode() not in bytes_of(folder)


@pytest.mark.sqlite
def test_without_writing_the_file_anew_it_is_said_what_stands_in_free_space(folder: Folder) -> None:
    entity = "somebody-who-was-removed-by-age-before"
    _fill(folder, "gate", entity)
    with folder.events.write() as connection:
        connection.exec_driver_sql("DELETE FROM event WHERE entity = ?", (entity,))

    done = forgotten(folder, entity, vacuum=False)

    assert done.remnants > 0
    assert entity.encode() in bytes_of(folder)
    assert any("--vacuum" in sentence for sentence in done.advice)


def test_of_one_app_alone_the_others_keep_theirs(folder: Folder) -> None:
    others = counts(folder, "shop")

    done = forgotten(folder, app="gate")

    assert done.removed["event"] == done.removed["profile"] == 1
    assert counts(folder, "shop") == others
    assert counts(folder, "gate")["event"] == 1


def test_an_answer_that_is_kept_for_a_request_sent_again_loses_the_name_and_stays_an_answer(folder: Folder) -> None:
    forgotten(folder)

    answers = [json.loads(answer) for (answer,) in folder.events.fetch("SELECT answer FROM idempotency")]
    named = sorted(str(answer["predictions"][0]["entity"]) for answer in answers)
    assert named == ["None", "None", STAYS, STAYS]


def test_a_trial_counts_and_removes_nothing(folder: Folder) -> None:
    before = counts(folder)

    tried = forgotten(folder, trial=True)

    assert not tried.is_done
    assert counts(folder) == before
    assert tried.removed == forgotten(folder).removed


def test_the_audit_gets_a_hash_and_not_the_name(folder: Folder) -> None:
    forgotten(folder)

    act = read_acts(folder.state)[0]
    assert (act.action, act.actor) == ("forget", "test")
    assert act.subject.startswith("sha256:")
    assert GONE not in act.subject


def test_a_name_that_json_escapes_is_found_where_rows_were_set_aside(folder: Folder) -> None:
    entity = 'Zoë "Z" Ångström'
    with folder.events.write() as connection:
        for raw in (json.dumps({"u": entity}), json.dumps({"u": entity}, ensure_ascii=False)):
            connection.execute(
                insert(tables.quarantine).values(
                    app="gate", event="visit", source="t", line=1, reason="bad", raw=raw, at_us=1
                )
            )

    assert forgotten(folder, entity).removed["quarantine"] == 2


def test_a_version_that_was_trained_on_its_rows_or_holds_its_name_is_told(folder: Folder) -> None:
    rows = pl.DataFrame({"user_id": [GONE, STAYS], "timestamp": ["2024-01-01T00:00:00Z"] * 2, "load": [1.0, 2.0]})
    checked = check_rows(VISIT, RawRows(frame=rows.with_row_index(LINE, 1), source="test"), require_time=True)
    EventStore(folder.events).add("shop", "visit", checked.frame, ("load",), source="test", now=NOW)
    hashes = hash_rows(checked.frame, ("load",))
    _register(folder, "both", hashes, names={"entities": (STAYS, GONE)})
    _register(folder, "rows", hashes, names={})
    _register(folder, "name", hashes[1:], names={"entities": (GONE,)})
    _register(folder, "neither", hashes[1:], names={"entities": (STAYS,)})

    found = {version.reference: (version.n_rows, version.is_named) for version in forgotten(folder).versions}

    assert found == {"shop/both@1": (1, True), "shop/rows@1": (1, False), "shop/name@1": (0, True)}


def _register(folder: Folder, task: str, hashes: Any, *, names: dict[str, tuple[str, ...]]) -> None:
    manifest = Manifest(
        app="shop",
        task=task,
        kind="rank",
        event=VISIT,
        columns=("load",),
        estimator="popular",
        parameters={},
        seed=0,
        trained_on=TrainedOn(kind="store", sha256="", n_rows=2, n_positive=None, first="", last=""),
        reference={},
        verdict=Verdict(outcome="pass", targets=(), n=0, n_positive=None),
        metrics={},
        libraries={},
    )
    at = folder.path / "bundle"
    files = save_bundle(at, manifest, Parts(arrays={"a": np.zeros(1)}, names=names), hashes)
    Registry(folder.state, folder.artifacts).register(
        "shop", task, bundle=at, sha256=files.sha256, files=files.files, estimator="popular", data_kind="store",
        outcome="pass", metrics={}, facts={}, actor="test", now=NOW,
    )  # fmt: skip


def test_a_document_that_names_it_is_left_and_told(folder: Folder) -> None:
    with folder.state.write() as connection:
        connection.execute(
            insert(tables.report).values(
                since_us=0, until_us=1, created_us=1, actor="t", document=f'{{"who":"{GONE}"}}'
            )
        )

    done = forgotten(folder)

    assert done.mentions == {"report": 1}
    assert any("report (1)" in sentence for sentence in done.advice)


def test_files_that_an_app_keeps_in_the_home_are_told(folder: Folder) -> None:
    did = "0x" + "ab" * 32
    (folder.path / "collected").mkdir()
    (folder.path / "collected" / "sessions.jsonl").write_text(json.dumps({"user_id": did}))
    (folder.path / "relay.db").write_bytes(b"head" + bytes.fromhex("ab" * 32) + b"tail")
    (folder.path / "other.txt").write_text("nobody")

    done = forgotten(folder, did)

    assert done.files == ("collected/sessions.jsonl", "relay.db")
    assert any("relay.db" in sentence for sentence in done.advice)


def test_nobody_cannot_be_forgotten(folder: Folder) -> None:
    with pytest.raises(UsageError, match="Name whom to forget"):
        forgotten(folder, "")


@pytest.mark.sqlite
def test_where_something_fails_nothing_is_removed(folder: Folder) -> None:
    before = counts(folder)
    with folder.events.write() as connection:
        connection.exec_driver_sql("CREATE TRIGGER no BEFORE DELETE ON confidence BEGIN SELECT raise(ABORT, 'no'); END")

    with pytest.raises(Exception, match="no"):
        forgotten(folder)

    assert counts(folder) == before
