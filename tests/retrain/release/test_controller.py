from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from tests.retrain.release.logged import HOUR, NOW, Logged, begin, roles

from telltale.contract.errors import GateError
from telltale.contract.verdict import Target
from telltale.monitor.alarms import active_alarms
from telltale.registry.release import Release
from telltale.retrain.duties import AutoRollback
from telltale.retrain.release.controller import control_releases
from telltale.retrain.release.look import last_look

RAMP = (5, 25, 50, 100)


def control(log: Logged, *, at: datetime, rollback: AutoRollback = "on") -> Release:
    """A look at `at`; the newest release after it."""
    desk = log.desk(rollback)
    control_releases(desk, at)
    return desk.releases.all(app="shop", task=log.task, limit=1)[0]


def answered(log: Logged, *, new_is_right: float, n: int = 300, from_s: float = 0.0, decided_by: int = 1) -> None:
    """Pairs of labelled rows: version 1 is right in 80 of 100, version 2 in `new_is_right` of 1."""
    for row in range(n):
        label = row % 2
        right = {1: (7 * row) % 100 < 80, 2: (13 * row) % 100 < 100 * new_is_right}
        decisions = {version: bool(label) == is_right for version, is_right in right.items()}
        shadow = 3 - decided_by
        log.pair(decided_by=decided_by, shadow=shadow, decisions=decisions, label=label, at_s=from_s + row)


def test_a_good_challenger_goes_up_the_ramp_to_champion_and_is_kept(log: Logged) -> None:
    begin(log, *RAMP, every=HOUR)
    shares = []
    for step in range(3):
        answered(log, new_is_right=0.8, n=60, from_s=step * 3_600.0, decided_by=2)
        now = control(log, at=NOW + (step + 1) * HOUR)
        shares.append((now.state, now.percent))

    assert shares == [("running", 25), ("running", 50), ("watching", 0)]
    assert roles(log.desk().registry, log) == {1: "shadow", 2: "champion"}
    assert control(log, at=NOW + timedelta(days=8)).state == "kept"
    assert roles(log.desk().registry, log) == {1: "none", 2: "champion"}
    moves = log.desk().registry.history("shop", "alarm")
    assert {move.actor for move in moves[4:] if move.evidence} == {"controller"}
    promotion = next(move for move in moves if move.action == "promote" and move.actor == "controller")
    assert promotion.evidence is not None
    assert promotion.evidence["seen"]["n_step"] == 60


def test_a_bad_challenger_is_stopped_the_evidence_kept_and_an_alarm_raised(log: Logged) -> None:
    begin(log, 50)
    answered(log, new_is_right=0.4)

    ended = control(log, at=NOW + HOUR)

    assert (ended.state, ended.withdrawn) == ("stopped", True)
    assert ended.outcome.startswith("version 1 is better: B is better")
    assert roles(log.desk().registry, log) == {1: "champion", 2: "none"}
    assert log.desk().registry.history("shop", "alarm")[-1].evidence == ended.evidence
    (alarm,) = active_alarms(log.folder.state)
    assert alarm.name == "release_rolled_back"
    assert alarm.what.startswith("The release of version 2 was stopped: version 1 is better")


def test_a_champion_that_turns_out_worse_is_rolled_back_once(log: Logged) -> None:
    desk = log.desk()
    desk.releases.advance(begin(log, 50), actor="test", reason="looked well", now=NOW)
    answered(log, new_is_right=0.4, decided_by=2)

    ended = control(log, at=NOW + HOUR)

    assert ended.state == "rolled_back"
    assert roles(desk.registry, log) == {1: "champion", 2: "none"}
    n_moves = len(desk.registry.history("shop", "alarm"))
    for hours in range(2, 48):
        control(log, at=NOW + hours * HOUR)
    assert len(desk.registry.history("shop", "alarm")) == n_moves


def test_a_version_that_was_taken_away_comes_back_only_by_a_person_who_insists(log: Logged) -> None:
    begin(log, 50)
    answered(log, new_is_right=0.4)
    control(log, at=NOW + HOUR)
    releases = log.desk().releases

    assert releases.was_withdrawn("shop", "alarm", 2)
    assert not releases.was_withdrawn("shop", "alarm", 1)
    with pytest.raises(GateError, match="withdrawn: version 1 is better"):
        begin(log, 50)
    again = releases.begin(
        "shop", "alarm", 2, steps=(50,), actor="test", reason="it was the data", now=NOW + 2 * HOUR, override=True
    )
    assert again.percent == 50


def test_a_version_whose_requests_fail_is_stopped_before_any_label_came(log: Logged) -> None:
    begin(log, *RAMP, every=HOUR)
    for n in range(100):
        log.answer(1, entity=f"e{n}", at_s=n)
    for n in range(40):
        log.answer(2, entity=f"f{n}", at_s=n)
    log.failed(2, n_failed=10)

    ended = control(log, at=NOW + timedelta(minutes=3))

    assert (ended.state, ended.outcome) == (
        "stopped",
        "10 of its 50 requests failed; of those of the other version 0 of 100",
    )


def test_a_champion_that_answers_late_is_rolled_back(log: Logged) -> None:
    for n in range(50):
        log.answer(1, entity=f"e{n}", at_s=-600 + n)
    log.desk().releases.advance(begin(log, 50), actor="test", reason="looked well", now=NOW)
    for n in range(50):
        log.answer(2, entity=f"e{n}", at_s=60 + n, latency_ms=180.0)

    ended = control(log, at=NOW + timedelta(minutes=3))

    assert (ended.state, ended.outcome) == (
        "rolled_back",
        "its last answers took 180 ms on average, those of the other version 2 ms",
    )


def test_a_winner_of_an_ab_test_is_promoted_and_a_draw_is_no_alarm(log: Logged) -> None:
    begin(log, 50)
    answered(log, new_is_right=1.0)

    assert control(log, at=NOW + HOUR).state == "watching"

    log.task = "next"
    begin(log, 50, margin=0.5)
    for n in range(1_000):
        log.answer(1 + n % 2, entity=f"u{n}", at_s=n / 10, label=(n // 2) % 2)
    drawn = control(log, at=NOW + 3 * HOUR)
    assert (drawn.state, drawn.outcome[:33]) == ("stopped", "no difference larger than 0.5: A ")
    assert active_alarms(log.folder.state) == []


def test_a_shadow_that_is_better_is_recommended_and_may_be_released_by_a_program(log: Logged) -> None:
    begin(log, 0)
    answered(log, new_is_right=1.0)

    ended = control(log, at=NOW + HOUR)

    assert (ended.state, ended.withdrawn) == ("stopped", False)
    assert ended.outcome.startswith("better in shadow: promote it")
    assert roles(log.desk().registry, log) == {1: "champion", 2: "none"}
    assert active_alarms(log.folder.state) == []


@pytest.mark.parametrize("rollback", ["dry-run", "off"])
def test_a_dry_run_says_what_it_would_do_and_does_nothing(log: Logged, rollback: AutoRollback) -> None:
    begin(log, 50)
    answered(log, new_is_right=0.4)

    with structlog.testing.capture_logs() as told:
        for minutes in (60, 61, 62):
            now = control(log, at=NOW + timedelta(minutes=minutes), rollback=rollback)

    assert (now.state, now.percent) == ("running", 50)
    look = last_look(now)
    assert look is not None
    assert (look.action, look.would) == ("wait", "stop")
    assert [line["action"] for line in told if line["event"] == "release_would_move"] == ["stop"]
    assert control(log, at=NOW + timedelta(minutes=63)).state == "stopped"


@pytest.mark.sqlite
def test_a_look_that_sees_nothing_new_writes_nothing(log: Logged) -> None:
    begin(log, 50)
    answered(log, new_is_right=0.8, n=60)
    first = control(log, at=NOW + timedelta(minutes=30))
    assert first.evidence is not None
    n_before = log.folder.state.fetch("PRAGMA data_version")

    again = control(log, at=NOW + timedelta(minutes=31))

    assert again == first
    assert log.folder.state.fetch("PRAGMA data_version") == n_before


def test_the_alarm_of_a_rollback_ends_after_a_day_or_with_the_next_release(log: Logged) -> None:
    begin(log, 50)
    answered(log, new_is_right=0.4)
    control(log, at=NOW + HOUR)

    control(log, at=NOW + 24 * HOUR)
    assert len(active_alarms(log.folder.state)) == 1
    control(log, at=NOW + 25 * HOUR)
    assert active_alarms(log.folder.state) == []


def test_two_workers_that_look_at_once_move_once(log: Logged) -> None:
    begin(log, 50)
    answered(log, new_is_right=0.4)
    one, other = log.desk(), log.desk()
    (as_read,) = other.releases.under_way()

    control_releases(one, NOW + HOUR)
    with pytest.raises(Exception, match="moved on"):
        other.releases.stop(as_read, actor="controller", reason="late", now=NOW + HOUR)
    control_releases(other, NOW + HOUR)

    assert [move.action for move in one.registry.history("shop", "alarm")].count("release") == 2


def test_what_cannot_be_taken_back_is_an_alarm(log: Logged) -> None:
    desk = log.desk()
    desk.releases.advance(begin(log, 50), actor="test", reason="looked well", now=NOW)
    desk.registry.retire("shop", "alarm", 1, actor="test", reason="tidy", now=NOW)
    answered(log, new_is_right=0.4, decided_by=2)

    assert control(log, at=NOW + HOUR).state == "watching"
    (alarm,) = active_alarms(log.folder.state)
    assert "cannot be taken back: it is retired" in alarm.what


def test_a_watched_version_without_pairs_is_judged_by_what_came_of_its_decisions(log: Logged) -> None:
    log.ask_of_alarm(Target(metric="recall", op=">=", limit=0.8))
    log.desk().releases.advance(begin(log, 50), actor="test", reason="looked well", now=NOW)
    for n in range(200):
        log.answer(2, entity=f"e{n}", at_s=60 + n, label=n % 2)  # it never says that anything is wrong

    ended = control(log, at=NOW + HOUR)

    assert ended.state == "rolled_back"
    assert ended.outcome.startswith("recall is 0.000 ")


def test_a_task_that_cannot_be_looked_at_does_not_hide_another(log: Logged) -> None:
    broken: Any = None  # a fault of an app
    log.ask_of_alarm(broken)
    log.desk().releases.advance(begin(log, 50), actor="test", reason="looked well", now=NOW)
    log.task = "next"
    begin(log, 50)

    with structlog.testing.capture_logs() as told:
        seen = control(log, at=NOW + HOUR)

    assert [line["task"] for line in told if line["event"] == "release_not_looked_at"] == ["alarm"]
    assert seen.evidence is not None
