from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from telltale.contract.errors import ConflictError, UsageError
from telltale.registry.registry import Registry
from telltale.registry.reported_metrics import read_reported, report_metrics
from telltale.storage.database import Database
from telltale.storage.folder import open_folder
from telltale.testing.registry_fixtures import APP, START, TASK, promote, register, roll_back


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    folder = open_folder(tmp_path / "home")
    yield folder.state
    folder.close()


def test_reports_come_back_newest_first_as_a_clients_word(state: Database) -> None:
    report_metrics(state, "shop", "requests", 1, {"accuracy": 0.9}, actor="local", now=START)
    later = START + timedelta(hours=1)
    report_metrics(state, "shop", "requests", 2, {"accuracy": 0.8, "recall": 0.5}, actor="operator", now=later)
    report_metrics(state, "shop", "trend", 1, {"accuracy": 0.7}, actor="local", now=later)

    found = read_reported(state, "shop", "requests")

    assert [(one.number, one.metrics, one.actor, one.at) for one in found] == [
        (2, {"accuracy": 0.8, "recall": 0.5}, "operator", later),
        (1, {"accuracy": 0.9}, "local", START),
    ]
    assert {one.evidence for one in found} == {"client"}


@pytest.mark.parametrize(
    "metrics", [{}, {"accuracy": float("nan")}, {"x" * 65: 1.0}, {f"m{i}": 1.0 for i in range(51)}]
)
def test_what_is_no_figure_is_refused_and_not_kept(state: Database, metrics: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="Give 1 to 50 finite numbers"):
        report_metrics(state, "shop", "requests", 1, metrics, actor="local", now=START)

    assert read_reported(state, "shop", "requests") == []


def test_a_rollback_may_name_an_earlier_champion_and_the_next_one_goes_on_from_there(registry: Registry) -> None:
    for number in (1, 2, 3, 4):
        register(registry)
        promote(registry, number, hour=number)

    registry.rollback(APP, TASK, actor="ada", reason="2 was best", now=START + timedelta(hours=9), to=2)

    assert [version.role for version in registry.versions(APP, TASK)] == ["none", "champion", "none", "none"]
    assert roll_back(registry, hour=10).number == 1
    assert registry.history(APP, TASK)[-1].action == "rollback"


def test_a_rollback_to_what_was_never_champion_before_is_refused_with_those_that_were(registry: Registry) -> None:
    for _ in range(3):
        register(registry)
    promote(registry, 1)
    promote(registry, 2, hour=1)

    for number in (2, 3):
        with pytest.raises(ConflictError, match=rf"version {number} is not among the earlier champions, 1\. Roll back"):
            registry.rollback(APP, TASK, actor="ada", reason="a check", now=START + timedelta(hours=2), to=number)
