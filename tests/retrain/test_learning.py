"""The duty that has versions learn: from what is stored, in steps, one writer, with a way back and a way forward."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from telltale.apps.pakit import APP
from telltale.apps.pakit.peers import PEERS_TASK
from telltale.contract.simulation import Simulation
from telltale.home import Home
from telltale.models.packed_parts import unpack_parts
from telltale.registry.learned import learned_body, learned_history, newest_learned, revert_learned
from telltale.retrain import learning
from telltale.retrain.duties import Desk
from telltale.retrain.learning import learn
from telltale.storage.folder import open_folder
from telltale.telemetry.event_store import EventStore
from telltale.train.sources import check_simulated

NOW = datetime(2030, 1, 1, tzinfo=UTC)
PAKIT = replace(APP, tasks=(PEERS_TASK,))
WHOSE = ("pakit", "peers", 1)
Store = Callable[..., int]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home with a version of pakit/peers that serves; of the rows that are stored it has seen none."""
    opened = Home(open_folder(tmp_path / "home"), {"pakit": PAKIT})
    _store(opened, seed=1, n=400)
    opened.train("pakit/peers", simulation=Simulation(n_rows=400, seed=1))
    opened.promote("pakit/peers", "1", actor="test", reason="first", override=True)
    yield opened
    opened.close()


def _store(home: Home, *, seed: int, n: int = 40, days_later: float = 0.0) -> int:
    rows = check_simulated(PAKIT, "peer", Simulation(n_rows=n, seed=seed), days_later=days_later)
    store = EventStore(home.folder.events)
    frame = rows.frame.sort("@time")  # as they would come
    stored = store.add("pakit", "peer", frame, rows.columns, source="test", now=datetime.now(UTC))
    return stored.n_stored


@pytest.fixture
def desk(home: Home, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(learning, "_REST", 0.0)
    return Desk(folder=home.folder, apps=home.apps)


def state(home: Home) -> Any:
    """What the version has learned, as arrays."""
    step = newest_learned(home.folder.events, WHOSE)
    assert step is not None
    body = learned_body(home.folder.events, WHOSE, step.number)
    assert body is not None
    return {name: array.tolist() for name, array in unpack_parts(body, where="test").arrays.items()}


def test_what_was_stored_before_is_not_learned_and_what_comes_is_once(home: Home, desk: Desk) -> None:
    learn(desk, NOW)
    assert learned_history(home.folder.events, WHOSE) == []

    n = _store(home, seed=2, days_later=1.0)
    learn(desk, NOW)
    learn(desk, NOW)

    (step,) = learned_history(home.folder.events, WHOSE)
    assert (step.number, step.n_rows, step.reason) == (1, n, "learned")


def test_a_version_of_stored_rows_begins_with_those_that_it_was_judged_on(home: Home, desk: Desk) -> None:
    trained = home.train("pakit/peers")
    home.promote("pakit/peers", "2", actor="test", reason="another", override=True)
    n = _store(home, seed=2, days_later=1.0)

    learn(desk, NOW)

    (step,) = learned_history(home.folder.events, ("pakit", "peers", 2))
    assert trained.rows.kind == "store"
    n_judged, n_fitted = trained.rows.held_out.height, trained.rows.train.height
    assert n_judged + n <= step.n_rows <= 400 - n_fitted + n, "those between the two were for neither"


def test_many_rows_are_learned_in_steps_that_come_to_the_same(
    home: Home, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _store(home, seed=2, n=100, days_later=1.0)
    learn(desk, NOW)
    at_once = state(home)
    with home.folder.events.write() as connection:
        connection.exec_driver_sql("DELETE FROM learned")

    monkeypatch.setattr(learning, "_ROWS", 30)
    learn(Desk(folder=home.folder, apps=home.apps), NOW)

    assert [step.n_rows for step in learned_history(home.folder.events, WHOSE)] == [100, 90, 60, 30]
    for name, values in state(home).items():
        np.testing.assert_allclose(values, at_once[name], rtol=1e-6, atol=1e-9, err_msg=name)


def test_a_version_whose_steps_take_long_makes_them_less_often(
    home: Home, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "_REST", 1e6)
    for turn in range(3):
        _store(home, seed=40 + turn, n=10, days_later=1.0 + turn)
        learn(desk, NOW)
    assert [step.n_rows for step in learned_history(home.folder.events, WHOSE)] == [10]

    desk.memory.clear()
    learn(desk, NOW)

    assert [step.n_rows for step in learned_history(home.folder.events, WHOSE)] == [30, 10]


def test_two_workers_learn_each_row_once(home: Home, desk: Desk) -> None:
    other = Desk(folder=home.folder, apps=home.apps)
    n = 0
    for turn in range(6):
        n += _store(home, seed=10 + turn, n=20, days_later=1.0 + turn)
        learn((desk, other)[turn % 2], NOW)

    assert newest_learned(home.folder.events, WHOSE).n_rows == n  # type: ignore[union-attr]  # it is there


def test_a_worker_goes_on_from_where_a_person_went_back_to(home: Home, desk: Desk) -> None:
    for turn in range(2):
        _store(home, seed=20 + turn, n=20, days_later=1.0 + turn)
        learn(desk, NOW)
    first, poisoned = learned_history(home.folder.events, WHOSE)[::-1]

    revert_learned(home.folder.events, WHOSE, first.number, actor="ann", now=NOW)
    n = _store(home, seed=30, n=15, days_later=9.0)
    learn(desk, NOW)

    newest = newest_learned(home.folder.events, WHOSE)
    assert newest is not None
    assert poisoned.n_rows == 40
    assert newest.n_rows == first.n_rows + n == 35


def test_a_version_that_cannot_be_loaded_holds_nobody_up_and_is_told_of_once(
    home: Home, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    _store(home, seed=2, days_later=1.0)
    path = home.registry.champion("pakit", "peers").path / "arrays.safetensors"  # type: ignore[union-attr]  # it is there
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    learn(desk, NOW)
    learn(desk, NOW)

    assert learned_history(home.folder.events, WHOSE) == []
    told = capsys.readouterr()
    assert (told.out + told.err).count("learning_stopped") == 1


def test_what_was_learned_changes_what_is_done(home: Home, desk: Desk) -> None:
    _, runtime = home.load("pakit/peers")
    asked: Any = runtime
    query = asked.query(available=("peer-01", "peer-02"), context={})
    before = asked.probabilities(query)
    better = max(before, key=before.__getitem__)
    rows = check_simulated(PAKIT, "peer", Simulation(n_rows=600, seed=3), days_later=1.0).frame
    failing = rows.with_columns(pl.lit(better).alias("@entity"), pl.lit(0.0).alias("success"))
    EventStore(home.folder.events).add(
        "pakit", "peer", failing, list(asked.columns), source="test", now=datetime.now(UTC)
    )

    learn(desk, NOW)

    step = newest_learned(home.folder.events, WHOSE)
    assert step is not None
    body = learned_body(home.folder.events, WHOSE, step.number)
    assert body is not None
    after = asked.with_learned(unpack_parts(body, where="test")).probabilities(query)
    assert before[better] >= 0.5
    assert after[better] < 0.2
    assert asked.probabilities(query) == before, "the version itself does not change"
