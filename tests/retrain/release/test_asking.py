from dataclasses import replace

import polars as pl
import pytest
from tests.retrain.release.logged import NOW, Logged

from telltale.contract.errors import BundleError, ConflictError, UsageError
from telltale.contract.plan import Plan
from telltale.contract.simulation import Simulation
from telltale.features.derive import PlanDraft
from telltale.registry.release import Release
from telltale.registry.release_rows import Course
from telltale.retrain.release.asking import begin_release
from telltale.retrain.training import train_and_register
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated
from telltale.train.version import TrainingRows

RAMP = Course(steps=(5, 100), every_s=60.0)


def ask(log: Logged, number: int, course: Course) -> Release:
    desk = log.desk()
    task = log.app.task(log.task)
    return begin_release(
        desk.folder, log.app, task, number, course=course, actor="test", reason="a test", now=NOW, override=True
    )


def _as_they_are(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    draft = PlanDraft(frame, columns)
    return draft.finish(*(draft.raw(name) for name in columns))


def train(log: Logged, *columns: str) -> int:
    """A version of shop/alarm that reads these columns; its number."""
    desk, task = log.desk(), replace(log.app.task("alarm"), derive_plan=_as_they_are)
    rows = check_simulated(log.app, task.event, Simulation()).frame.drop({"load", "heat"} - {*columns})
    data = TrainingRows(kind="simulated", train=rows[:600], held_out=rows[600:], columns=columns)
    trained = train_and_register(
        desk.registry, log.app, task, data, TrainingChoices(), actor="test", progress=lambda *_: None
    )
    return trained.version.number


def test_a_test_without_anything_to_compare_by_is_refused(log: Logged) -> None:
    log.task = "trend"

    with pytest.raises(UsageError, match="kind 'forecast' has no labels to compare versions by") as refused:
        ask(log, 2, Course(steps=(50,)))
    assert "Release it as a shadow" in refused.value.mend


def test_traffic_of_one_entity_is_not_dealt_out(log: Logged) -> None:
    for n in range(5):
        log.answer(1, entity="sw-1", at_s=n)

    with pytest.raises(ConflictError, match="all requests are of one entity, 'sw-1'"):
        ask(log, 2, RAMP)


def test_a_version_whose_files_are_broken_gets_no_traffic(log: Logged) -> None:
    with pytest.raises(BundleError):
        ask(log, 2, Course(steps=(0,)))
    assert log.desk().releases.all() == []


def test_a_version_that_reads_what_requests_need_not_carry_is_refused(log: Logged) -> None:
    few, many = train(log, "load"), train(log, "load", "heat")
    registry = log.desk().registry
    registry.promote("shop", "alarm", few, actor="test", reason="a test", now=NOW)

    with pytest.raises(ConflictError, match=f"it reads heat, which requests to version {few} need not carry"):
        ask(log, many, Course(steps=(0,)))
    registry.promote("shop", "alarm", many, actor="test", reason="a test", now=NOW)
    assert ask(log, few, RAMP).percent == 5
