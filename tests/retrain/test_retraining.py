"""What becomes of a new version: watched, held back, or taken up from an attempt that died."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from tests.retrain.homes import ALARM, SHOP, store

from telltale.registry.registry import Registry
from telltale.registry.releases import Releases
from telltale.retrain.retraining import Retraining, retrain
from telltale.retrain.stored_rows import stored_rows
from telltale.retrain.training import train_and_register
from telltale.storage.folder import Folder
from telltale.telemetry.event_store import EventStore
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import rows_from_checked


@pytest.fixture
def registry(folder: Folder) -> Registry:
    return Registry(folder.state, folder.artifacts)


@pytest.fixture
def releases(folder: Folder) -> Releases:
    return Releases(folder.state, folder.artifacts)


def again(folder: Folder, *, begun_at: datetime | None = None, unless_same: bool = False) -> Retraining:
    return retrain(folder, SHOP, ALARM, actor="schedule", begun_at=begun_at, unless_same=unless_same)


def store_more(folder: Folder, *, days: int = 2) -> None:
    events = EventStore(folder.events)
    rows = events.frame("shop", SHOP.event("sample"))
    later = rows.with_columns(pl.col("@time") + timedelta(days=days))
    events.add("shop", "sample", later, ("load", "heat"), source="test", now=datetime.now(UTC))


def test_the_first_champion_is_not_watched(folder: Folder, releases: Releases) -> None:
    store(folder, "sample")

    assert again(folder).action == "promote"

    assert releases.active("shop", "alarm") is None


def test_a_version_that_takes_the_champions_place_is_watched_for_a_week(
    folder: Folder, registry: Registry, releases: Releases
) -> None:
    store(folder, "sample")
    again(folder)
    store_more(folder)

    done = again(folder)

    watch = releases.active("shop", "alarm")
    assert done.action == "promote", done.reason
    assert watch is not None
    assert watch.watch_until is not None
    assert (watch.state, watch.number, watch.against, watch.reason) == ("watching", 2, 1, done.reason)
    assert watch.watch_until - watch.started_at == timedelta(days=7)
    assert registry.get("shop", "alarm", 1).role == "shadow"


def test_a_watch_is_no_reason_to_wait_a_week(folder: Folder, registry: Registry, releases: Releases) -> None:
    store(folder, "sample")
    for n_more in range(3):
        if n_more:
            store_more(folder, days=2 * n_more)
        assert again(folder).action == "promote"

    watch = releases.active("shop", "alarm")
    champion = registry.champion("shop", "alarm")
    assert champion is not None
    assert watch is not None
    assert (champion.number, watch.number, watch.against) == (3, 3, 2)


def test_a_release_that_is_under_way_is_not_overtaken(folder: Folder, registry: Registry, releases: Releases) -> None:
    store(folder, "sample")
    again(folder)
    again(folder, begun_at=None)
    registry.rollback("shop", "alarm", actor="t", reason="r", now=datetime.now(UTC))
    releases.begin("shop", "alarm", 2, steps=(0,), actor="t", reason="r", now=datetime.now(UTC))
    store_more(folder)

    done = again(folder)

    champion = registry.champion("shop", "alarm")
    under_way = releases.active("shop", "alarm")
    assert (done.action, done.version) == ("keep", 3)
    assert "version 2 is being released (shadow)" in done.reason
    assert champion is not None
    assert champion.number == 1
    assert under_way is not None
    assert under_way.number == 2


def test_what_an_attempt_that_died_has_registered_is_not_trained_again(folder: Folder, registry: Registry) -> None:
    store(folder, "sample")
    asked_at = datetime.now(UTC) - timedelta(minutes=1)
    checked = stored_rows(folder.events, SHOP, ALARM)
    assert checked is not None
    rows = rows_from_checked("store", checked, ALARM, where="shop/sample")
    train_and_register(registry, SHOP, ALARM, rows, TrainingChoices(), actor="schedule", progress=lambda *_: None)

    done = again(folder, begun_at=asked_at, unless_same=True)

    assert (done.action, done.version) == ("promote", 1)
    assert len(registry.versions("shop", "alarm")) == 1
    assert again(folder, begun_at=datetime.now(UTC)).version == 2  # version 1 was there before this was asked for


def test_a_version_that_was_withdrawn_is_not_promoted_by_the_attempt_after(folder: Folder, registry: Registry) -> None:
    store(folder, "sample")
    again(folder)
    store_more(folder)
    asked_at = datetime.now(UTC)
    again(folder)
    assert again(folder, begun_at=asked_at).reason == "an earlier attempt promoted it"
    registry.rollback("shop", "alarm", actor="controller", reason="worse", now=datetime.now(UTC))

    done = again(folder, begun_at=asked_at)

    champion = registry.champion("shop", "alarm")
    assert (done.action, done.version) == ("keep", 2)
    assert "withdrawn" in done.reason
    assert champion is not None
    assert champion.number == 1
