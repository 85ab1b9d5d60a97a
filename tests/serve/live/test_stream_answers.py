"""Stored rows of a version that adapts: each is scored by all before it, whoever is asked, in whichever process."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.plain_series import N_TRAIN, WHOSE, checked, made_home, open_home, series, store

from telltale.contract.answer import Input, ScoreAnswer
from telltale.home import Home
from telltale.models.stream_runtime import StreamRuntime
from telltale.registry.stream_states import KeptState, find_stream_state, keep_stream_states
from telltale.retrain.duties import Desk
from telltale.retrain.streams import follow_streams
from telltale.serve.consume.scoring import answer_stored
from telltale.serve.edge import Edge, open_edge
from telltale.serve.live.live_task import LiveTask
from telltale.serve.predict.decide import decide_window
from telltale.serve.settings import ServeSettings
from telltale.storage.instants import from_us, to_us
from telltale.telemetry.event_rows import EventRow

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NEW = series(N_TRAIN, 320)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, *, kept_on_a_server: bool) -> Path | None:
    """A home with a champion, and no row, that can be copied; None where a copy would lack its databases."""
    if kept_on_a_server:
        return None
    folder = tmp_path_factory.mktemp("streams")
    made_home(folder / "home").close()
    return folder / "home"


@pytest.fixture
def home(trained: Path | None, tmp_path: Path) -> Iterator[Home]:
    """One that nobody else has."""
    if trained is None:
        opened = made_home(tmp_path / "home")
    else:
        shutil.copytree(trained, tmp_path / "home")
        opened = open_home(tmp_path / "home")
    yield opened
    opened.close()


@pytest.fixture
def edge(home: Home) -> Iterator[Edge]:
    made = open_edge(ServeSettings(home=str(home.folder.path), apps=("telltale.apps.helios:APP",)))
    made.versions.refresh()
    yield made
    made.close()


def live_of(edge: Edge) -> LiveTask:
    live = edge.place("helios", "anomaly").required()
    assert isinstance(live, LiveTask)
    assert isinstance(live.runtime, StreamRuntime)
    return live


def answered(live: LiveTask, item: Input) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(decide_window(live, item, (0.0, perf_counter())))
    return told


def newest(live: LiveTask) -> float:
    return float(answered(live, live.windows.newest("web"))["score"])


def until(live: LiveTask, row: dict[str, Any]) -> float:
    at = datetime.fromisoformat(row["timestamp"])
    return float(answered(live, live.windows.until("web", at, "", where=""))["score"])


def expected(home: Home, rows: list[dict[str, Any]]) -> list[float]:
    """As the version says of a file of these rows, which follow those of training."""
    _, runtime = home.load("helios/anomaly")
    assert isinstance(runtime, StreamRuntime)
    scores: list[float] = runtime.score_frame(checked(rows)).tolist()
    return scores


def test_a_stored_row_is_scored_by_all_before_it_however_often_it_is_asked_for(home: Home, edge: Edge) -> None:
    live, scores = live_of(edge), expected(home, NEW[:30])
    for row, score in zip(NEW[:30], scores, strict=True):
        store(home, [row])

        assert newest(live) == pytest.approx(score, abs=1e-9)
        assert newest(live) == pytest.approx(score, abs=1e-9)
    assert answered(live, live.windows.newest("web"))["context"] == "window"
    for place in (28, 3):
        assert until(live, NEW[place]) == pytest.approx(scores[place], abs=1e-9), "going back, it is another score"
    assert newest(live) == pytest.approx(scores[-1], abs=1e-9)


def test_another_process_says_the_same_with_and_without_what_a_worker_kept(home: Home, edge: Edge) -> None:
    scores = expected(home, NEW)
    desk = Desk(folder=home.folder, apps=home.apps)
    store(home, NEW[:150])
    follow_streams(desk, NOW)
    assert find_stream_state(home.folder.events, WHOSE, "web") is None, "150 rows are followed anew in no time"
    store(home, NEW[150:250])
    follow_streams(desk, NOW)
    kept = find_stream_state(home.folder.events, WHOSE, "web")
    assert kept is not None
    assert from_us(kept.at_us) == datetime.fromisoformat(NEW[249]["timestamp"])
    store(home, NEW[250:])

    assert newest(live_of(edge)) == pytest.approx(scores[-1], abs=1e-9)
    assert until(live_of(edge), NEW[10]) == pytest.approx(scores[10], abs=1e-9), "what is kept is of later rows"
    runtime = live_of(edge).runtime
    assert isinstance(runtime, StreamRuntime)
    follows = runtime.scorer.unpack(kept.packed)
    rest = checked(NEW[250:])
    times_s = rest["@time"].dt.epoch("us").to_numpy() / 1e6
    found = follows.score(rest.select("value").to_numpy(), times_s)
    assert found.tolist() == pytest.approx(scores[250:], abs=1e-9)


def test_a_state_that_is_further_stays_and_one_that_cannot_be_read_is_made_again(home: Home, edge: Edge) -> None:
    events = home.folder.events
    store(home, NEW[:40])
    nonsense = np.zeros(3)
    keep_stream_states(events, WHOSE, {"web": KeptState(at_us=200, packed=nonsense)})
    keep_stream_states(events, WHOSE, {"web": KeptState(at_us=100, packed=np.ones(3))})

    kept = find_stream_state(events, WHOSE, "web")

    assert kept is not None
    assert (kept.at_us, kept.packed.tolist()) == (200, nonsense.tolist())
    assert newest(live_of(edge)) == pytest.approx(expected(home, NEW[:40])[-1], abs=1e-9)


def test_what_a_version_knew_goes_once_it_is_not_at_work_any_more(home: Home) -> None:
    events, desk = home.folder.events, Desk(folder=home.folder, apps=home.apps)
    state = KeptState(at_us=100, packed=np.ones(3))
    other = ("helios", "anomaly", 7)
    for whose in (WHOSE, other):
        keep_stream_states(events, whose, {"web": state})

    follow_streams(desk, NOW)

    assert find_stream_state(events, WHOSE, "web") is not None
    assert find_stream_state(events, other, "web") is None


def test_a_late_row_is_scored_by_what_was_before_it_and_never_learned(home: Home, edge: Edge) -> None:
    live = live_of(edge)
    late = NEW[20]
    there = [*NEW[:20], *NEW[21:40]]
    store(home, there)
    before = newest(live)
    store(home, [late])

    assert until(live, late) == pytest.approx(expected(home, NEW[:21])[-1], abs=1e-9)
    assert newest(live) == before == pytest.approx(expected(home, there)[-1], abs=1e-9)


def test_rows_together_are_answered_as_one_by_one(home: Home, edge: Edge) -> None:
    live = live_of(edge)
    scores = expected(home, NEW[:200])
    for part in (NEW[:120], NEW[120:200]):
        store(home, part)
        rows: list[EventRow] = [
            ("web", to_us(datetime.fromisoformat(row["timestamp"])), "", msgspec.json.encode(row).decode(), None)
            for row in part
        ]
        found = [one.answer for one in answer_stored(home.folder.events, live, rows)]
        wanted, scores = scores[: len(part)], scores[len(part) :]
        assert all(isinstance(answer, ScoreAnswer) for answer in found)
        assert [answer.score for answer in found if isinstance(answer, ScoreAnswer)] == pytest.approx(wanted, abs=1e-9)
        assert newest(live) == pytest.approx(wanted[-1], abs=1e-9)


def test_rows_in_a_body_start_where_training_ended_and_leave_no_trace(home: Home, edge: Edge) -> None:
    live, scores = live_of(edge), expected(home, NEW[:5])
    store(home, NEW[:50])
    before = newest(live)
    values = [[row["value"]] for row in NEW[:5]]
    times = [datetime.fromisoformat(row["timestamp"]).timestamp() for row in NEW[:5]]

    for _ in range(2):
        sent = answered(live, Input(rows=values, times=times, entity="web"))
        assert sent["score"] == pytest.approx(scores[-1], abs=1e-9)
    assert newest(live) == before
    unknown = answered(live, Input(rows=values[:1], times=times[:1], entity="never seen"))
    assert unknown["context"] == "row"
