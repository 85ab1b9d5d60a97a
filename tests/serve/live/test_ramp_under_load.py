"""A ramp while requests go on, against a real server: no request fails, no answer is of two versions."""

import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.faults.clients import Connection, Seen, ask, load
from tests.faults.homes import PREDICT, ROW, make_home
from tests.serve.live.moves import advance, begin

from telltale.models.runtimes import score_runtime
from telltale.serve.server import start_background
from telltale.storage.folder import open_folder
from telltale.train.version import Trained

pytestmark = pytest.mark.server

_STEPS = tuple(range(5, 101, 5))
_PER_SENDER = 25
_SENDERS = 4


def _row(number: int, at: int) -> dict[str, Any]:
    return ROW | {"service": f"s{number}-{at}", "p99_latency_ms": 100.0 + 40 * at}


def _ask_entities(connection: Connection, seen: Seen, number: int, stop: threading.Event) -> None:
    """Entities of the sender's own, one after the other, so that what each gets is in order."""
    while not stop.is_set():
        for at in range(_PER_SENDER):
            answer = connection.post(PREDICT, _row(number, at))
            if answer.status == 200:
                seen.answers.append(answer)
            else:
                seen.refusals[answer.status] = seen.refusals.get(answer.status, 0) + 1


def _alone(one: Trained) -> dict[str, tuple[float, float]]:
    """Score and threshold that a version gives each entity."""
    runtime = score_runtime(one.directory)
    at_s = datetime.fromisoformat(ROW["timestamp"]).timestamp()
    found = {}
    for number in range(_SENDERS):
        for at in range(_PER_SENDER):
            row = _row(number, at)
            answer = runtime.answer_row([float(row[name]) for name in runtime.columns], at_s, row["service"])
            found[row["service"]] = (answer.score, answer.threshold)
    return found


def test_twenty_steps_under_load_fail_no_request_and_mix_no_answer(tmp_path: Path, trained: list[Trained]) -> None:
    settings = make_home(tmp_path / "home", trained)
    home = Path(settings.home)
    expected = {version: _alone(one) for version, one in enumerate(trained, start=1)}
    with start_background(settings) as server:
        begin(home, 2, _STEPS)
        with load(server.url, [_ask_entities] * _SENDERS) as seen:
            for _ in _STEPS[1:]:
                time.sleep(0.25)
                advance(home)
            time.sleep(0.5)
        answers = [answer.body for one in seen for answer in one.answers]
        last = ask(server.url, "POST", PREDICT, ROW).body

    assert [one.refusals for one in seen] == [{}] * _SENDERS
    assert len(answers) > 1_000
    mixed = [one for one in answers if (one["score"], one["threshold"]) != expected[one["version"]][one["entity"]]]
    assert mixed == []
    by_entity: dict[str, list[int]] = {}
    for one in answers:
        by_entity.setdefault(one["entity"], []).append(one["version"])
    # A rising share only adds: whoever was the challenger's stays with it.
    assert all(versions == sorted(versions) for versions in by_entity.values())
    assert len({versions.count(1) for versions in by_entity.values()}) > 10
    assert (last["version"], last["role"]) == (2, "champion")

    folder = open_folder(home)
    n_pairs = folder.events.fetch("SELECT count(*) FROM shadow s JOIN prediction p ON p.id = s.prediction_id")[0][0]
    folder.close()
    assert n_pairs > 0.9 * len(answers)
