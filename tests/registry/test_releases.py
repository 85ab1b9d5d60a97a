from datetime import timedelta
from pathlib import Path

import pytest

from telltale.contract.errors import ConflictError, GateError, NotFoundError, UsageError
from telltale.registry.registry import Registry
from telltale.registry.release import Release
from telltale.registry.releases import WATCH, Releases
from telltale.storage.folder import open_folder
from telltale.testing.registry_fixtures import APP, START, TASK, promote, register, roll_back

RAMP = (5, 25, 50, 100)
LATER = START + timedelta(hours=1)


@pytest.fixture
def releases(tmp_path: Path, registry: Registry) -> Releases:
    """Releases of a task whose version 1 is champion, version 2 passed the gate and version 3 failed it."""
    register(registry)
    register(registry)
    register(registry, outcome="fail")
    promote(registry, 1)
    folder = open_folder(tmp_path / "home")
    return Releases(folder.state, folder.artifacts)


def begin(releases: Releases, number: int = 2, *, steps: tuple[int, ...] = RAMP, reason: str = "") -> Release:
    return releases.begin(APP, TASK, number, steps=steps, every_s=60.0, actor="test", reason=reason, now=START)


def roles(registry: Registry) -> dict[int, str]:
    return {version.number: version.role for version in registry.versions(APP, TASK)}


def test_a_ramp_gives_more_and_more_traffic_and_then_the_championship(registry: Registry, releases: Releases) -> None:
    release = begin(releases)
    shares = [release.percent]
    generations = [registry.generation()]
    while release.state == "running":
        release = releases.advance(release, actor="test", reason="well", now=LATER)
        shares.append(release.percent)
        generations.append(registry.generation())

    assert shares == [5, 25, 50, 0]
    assert generations == sorted(set(generations))  # servers look closer when it grows
    assert roles(registry) == {1: "shadow", 2: "champion", 3: "none"}
    assert (release.rival, release.watch_until) == (1, LATER + WATCH)


def test_evidence_is_kept_in_the_ledger_and_in_the_release(registry: Registry, releases: Releases) -> None:
    figures = {"n": 60, "rates": [0.1, 0.2]}

    ended = releases.stop(begin(releases), actor="test", reason="worse", now=LATER, evidence=figures)

    assert ended.evidence == figures
    assert registry.history(APP, TASK)[-1].evidence == figures
    assert releases.all() == [ended]


def test_whoever_decided_on_an_older_state_is_refused(releases: Releases) -> None:
    as_read = begin(releases)
    releases.advance(as_read, actor="test", reason="", now=LATER)

    for move in (releases.advance, releases.stop):
        with pytest.raises(ConflictError, match="moved on meanwhile"):
            move(as_read, actor="test", reason="", now=LATER)


@pytest.mark.parametrize(
    ("steps", "every_s", "margin"),
    [
        ((), None, None),
        ((50, 25), 60.0, None),
        ((0, 50), 60.0, None),
        ((100,), None, None),
        ((50, 101), 60.0, None),
        ((5, 25), 60.0, None),
        ((5, 100), None, None),
        ((5, 100), 0.0, None),
        ((5, 100), float("inf"), None),
        ((50,), None, 0.0),
        ((50,), None, float("inf")),
    ],
)
def test_a_course_that_is_none_is_refused(
    releases: Releases, steps: tuple[int, ...], every_s: float | None, margin: float | None
) -> None:
    with pytest.raises(UsageError):
        releases.begin(APP, TASK, 2, steps=steps, every_s=every_s, margin=margin, actor="test", reason="", now=START)


def test_one_release_of_a_task_at_a_time(releases: Releases) -> None:
    begin(releases)

    with pytest.raises(ConflictError, match="version 2 is being released") as refused:
        begin(releases, 1)
    assert "telltale release check/task --stop" in refused.value.mend


def test_what_the_gate_failed_may_be_a_shadow_and_decides_nothing(releases: Releases) -> None:
    with pytest.raises(GateError, match="failed the gate"):
        begin(releases, 3)

    assert begin(releases, 3, steps=(0,)).percent == 0


def test_a_champion_and_what_is_not_there_are_refused(registry: Registry, releases: Releases) -> None:
    with pytest.raises(ConflictError, match="champion already"):
        begin(releases, 1)
    with pytest.raises(NotFoundError):
        begin(releases, 9)
    registry.retire(APP, TASK, 2, actor="test", reason="old", now=START)
    with pytest.raises(ConflictError, match="retired"):
        begin(releases, 2)


def test_a_promotion_by_hand_overtakes_a_release(registry: Registry, releases: Releases) -> None:
    begin(releases)

    registry.promote(APP, TASK, 3, actor="somebody", reason="now", now=LATER, override=True)

    (ended,) = releases.all()
    assert (ended.state, ended.withdrawn) == ("overtaken", False)
    assert roles(registry) == {1: "none", 2: "none", 3: "champion"}
    assert registry.history(APP, TASK)[-1].actor == "somebody"


def test_a_rollback_by_hand_withdraws_a_watched_version(registry: Registry, releases: Releases) -> None:
    releases.advance(begin(releases, steps=(50,)), actor="test", reason="well", now=LATER)

    roll_back(registry, hour=2)

    (ended,) = releases.all()
    assert (ended.state, ended.outcome) == ("rolled_back", "it was rolled back by hand")
    assert releases.was_withdrawn(APP, TASK, 2)
    assert roles(registry) == {1: "champion", 2: "none", 3: "none"}


def test_a_rollback_goes_back_two_steps_the_second_time(registry: Registry, releases: Releases) -> None:
    promote(registry, 2)
    release = releases.begin(APP, TASK, 3, steps=(50,), actor="test", reason="a try", now=START, override=True)
    watched = releases.advance(release, actor="test", reason="well", now=LATER)
    releases.roll_back(watched, actor="controller", reason="worse", now=LATER)

    roll_back(registry, hour=3)

    assert roles(registry) == {1: "champion", 2: "none", 3: "none"}


def test_a_promotion_by_a_program_and_its_watch_are_one_move(registry: Registry, releases: Releases) -> None:
    begin(releases, steps=(0,))

    watched = releases.promote(APP, TASK, 2, actor="schedule", reason="at least as good", now=LATER)

    assert watched is not None
    assert (watched.number, watched.rival, watched.state) == (2, 1, "watching")
    assert [one.state for one in releases.all()] == ["watching", "overtaken"]
    assert roles(registry) == {1: "shadow", 2: "champion", 3: "none"}
    releases.roll_back(watched, actor="controller", reason="worse", now=LATER)
    with pytest.raises(GateError, match="it was withdrawn: worse"):
        releases.promote(APP, TASK, 2, actor="schedule", reason="again", now=LATER)
    assert roles(registry) == {1: "champion", 2: "none", 3: "none"}


def test_the_first_champion_of_a_task_is_not_watched(tmp_path: Path, registry: Registry) -> None:
    register(registry)
    folder = open_folder(tmp_path / "home")

    assert Releases(folder.state, folder.artifacts).promote(APP, TASK, 1, actor="s", reason="", now=START) is None
    assert roles(registry) == {1: "champion"}


def test_a_champion_promoted_by_a_program_is_watched_beside_its_predecessor(
    registry: Registry, releases: Releases
) -> None:
    promote(registry, 2)

    watched = releases.watch(APP, TASK, former=1, actor="schedule", reason="at least as good", now=START)

    assert (watched.number, watched.rival, watched.mode) == (2, 1, "watch")
    assert roles(registry) == {1: "shadow", 2: "champion", 3: "none"}
    with pytest.raises(ConflictError):
        releases.watch(APP, TASK, former=1, actor="schedule", reason="again", now=START)
    releases.keep(watched, actor="controller", reason="over", now=LATER)
    assert roles(registry) == {1: "none", 2: "champion", 3: "none"}
