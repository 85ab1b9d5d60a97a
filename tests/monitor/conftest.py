from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telltale.contract.answer import ScoreAnswer
from telltale.monitor.prediction_log import Record, ServedVersion
from telltale.storage.database import Database, open_database

SERVED = ServedVersion(app="helios", task="anomaly", version=3, role="champion", columns=("a", "b"))


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "events.db", schema="events")
    yield database
    database.close()


@pytest.fixture
def record() -> Callable[..., Record]:
    def make(
        prediction_id: str, *, time_s: float = 1_733_063_422.5, entity: str | None = "checkout", score: float = 0.75
    ) -> Record:
        answer = ScoreAnswer(score=score, decision=score >= 0.5, threshold=0.5, context="row")
        return (SERVED, prediction_id, (1.0, None), time_s, entity, answer, 40e-6, time_s + 0.1)

    return make
