"""What every registry promises, as checks that anybody's registry can be put through.

A check takes a factory: a callable without arguments that opens the same, at first empty, registry each time, from any
process (so it must be picklable). It raises AssertionError where the promise is broken. Give each check an empty store.
"""

import math
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from telltale.contract.errors import (
    BundleError,
    ConflictError,
    GateError,
    NotFoundError,
    UsageError,
)
from telltale.contract.verdict import Outcome
from telltale.testing.registry_fixtures import (
    APP,
    START,
    TASK,
    RegistryFactory,
    assert_ledger_tells_the_roles,
    promote,
    refusal,
    register,
    roll_back,
)
from telltale.testing.registry_process_checks import PROCESS_CHECKS


def check_numbers_count_up_from_one(open_registry: RegistryFactory) -> None:
    """Versions of a task are numbered 1, 2, 3, ... in the order in which they come, whatever the gate said of them."""
    registry = open_registry()
    outcomes: list[Outcome] = ["pass", "fail", "not_enough_evidence"]

    numbers = [register(registry, outcome=outcome).number for outcome in outcomes]

    assert numbers == [1, 2, 3], numbers


def check_a_version_is_the_same_when_read_again(open_registry: RegistryFactory) -> None:
    """What `register` returns is what every later reader gets, an undefined metric (NaN) included."""
    registered = register(open_registry(), metrics={"recall": 0.5, "f1": math.nan})

    read = open_registry().get(APP, TASK, registered.number)

    assert math.isnan(read.metrics["f1"]), read.metrics
    assert read.metrics["recall"] == 0.5, read.metrics
    assert repr(read) == repr(registered), f"{read} is not {registered}"


def check_files_are_taken_over_as_registered(open_registry: RegistryFactory) -> None:
    """A bundle whose files are not what is claimed is refused, and takes no number."""
    registry = open_registry()
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "manifest.json").write_bytes(b"other")
        with refusal(BundleError, says="manifest.json"):
            registry.register(
                APP,
                TASK,
                bundle=Path(name),
                sha256="0" * 64,
                files={"manifest.json": "0" * 64},
                estimator="constant",
                data_kind="simulated",
                outcome="pass",
                metrics={},
                facts={},
                actor="checks",
                now=START,
            )

    assert registry.versions(APP, TASK) == []
    assert register(registry).number == 1


def check_changed_files_are_noticed(open_registry: RegistryFactory) -> None:
    """A file changed or lost after registration is named by `verify`."""
    registry = open_registry()
    version = register(registry)
    registry.verify(version)
    file = version.path / "manifest.json"

    file.write_bytes(b"tampered with")

    with refusal(BundleError, says="manifest.json"):
        registry.verify(version)
    file.unlink()
    with refusal(BundleError, says="missing"):
        registry.verify(version)


def check_failed_versions_are_not_promoted(open_registry: RegistryFactory) -> None:
    """A version that failed the gate becomes champion only by an override with a reason."""
    registry = open_registry()
    register(registry, outcome="fail")

    with refusal(GateError, says="failed the gate"):
        promote(registry, 1)
    with refusal(UsageError, says="reason"):
        registry.promote(APP, TASK, 1, actor="checks", reason=" ", now=START, override=True)
    assert registry.champion(APP, TASK) is None
    registry.promote(APP, TASK, 1, actor="checks", reason="an emergency", now=START, override=True)

    assert registry.history(APP, TASK)[-1].reason == "an emergency"


def check_little_evidence_needs_a_reason(open_registry: RegistryFactory) -> None:
    """A version with too little evidence is promoted by somebody who says why, and the ledger keeps who and why."""
    registry = open_registry()
    register(registry, outcome="not_enough_evidence")

    with refusal(UsageError, says="reason"):
        registry.promote(APP, TASK, 1, actor="ada", reason="", now=START)
    with refusal(UsageError, says="actor"):
        registry.promote(APP, TASK, 1, actor="", reason="looked at the plots", now=START)
    registry.promote(APP, TASK, 1, actor="ada", reason="looked at the plots", now=START)

    move = registry.history(APP, TASK)[-1]
    assert (move.actor, move.reason, move.role_to) == ("ada", "looked at the plots", "champion")


def check_the_ledger_tells_every_role(open_registry: RegistryFactory) -> None:
    """Replaying the ledger from its first row gives the roles of now, after any kind of move."""
    registry = open_registry()
    for _ in range(4):
        register(registry)

    promote(registry, 1)
    registry.assign(APP, TASK, 2, "challenger", actor="checks", reason="", now=START)
    registry.assign(APP, TASK, 3, "challenger", actor="checks", reason="", now=START)
    registry.assign(APP, TASK, 4, "shadow", actor="checks", reason="", now=START)
    promote(registry, 3)
    roll_back(registry)
    registry.retire(APP, TASK, 3, actor="checks", reason="bad", now=START)
    registry.retire(APP, TASK, 2, actor="checks", reason="old", now=START)
    registry.assign(APP, TASK, 2, "none", actor="checks", reason="needed again", now=START)

    roles = {version.number: version.role for version in registry.versions(APP, TASK)}
    assert roles == {1: "champion", 2: "none", 3: "retired", 4: "shadow"}, roles
    assert_ledger_tells_the_roles(registry)


def check_refused_moves_change_nothing(open_registry: RegistryFactory) -> None:
    """A move that the state does not allow raises ConflictError and leaves roles and ledger as they were."""
    registry = open_registry()
    for _ in range(2):
        register(registry)
    promote(registry, 1)
    registry.retire(APP, TASK, 2, actor="checks", reason="old", now=START)
    before = (registry.versions(APP, TASK), registry.history(APP, TASK))

    refused: list[Callable[[], object]] = [
        lambda: promote(registry, 1),
        lambda: promote(registry, 2),
        lambda: registry.assign(APP, TASK, 1, "none", actor="checks", reason="", now=START),
        lambda: registry.assign(APP, TASK, 2, "shadow", actor="checks", reason="", now=START),
        lambda: registry.retire(APP, TASK, 1, actor="checks", reason="", now=START),
        lambda: registry.retire(APP, TASK, 2, actor="checks", reason="", now=START),
        lambda: roll_back(registry),
    ]
    for move in refused:
        with refusal(ConflictError):
            move()

    assert (registry.versions(APP, TASK), registry.history(APP, TASK)) == before


def check_rollback_never_goes_forward(open_registry: RegistryFactory) -> None:
    """Each rollback returns to the champion before, and never to one that was rolled back."""
    registry = open_registry()
    for number in (1, 2, 3):
        register(registry)
        promote(registry, number)

    assert roll_back(registry).number == 2
    assert roll_back(registry).number == 1
    with refusal(ConflictError, says="no earlier champion"):
        roll_back(registry)
    promote(registry, 3)
    assert roll_back(registry).number == 1
    champion = registry.champion(APP, TASK)

    assert champion is not None
    assert champion.number == 1


def check_rollback_passes_over_what_cannot_answer(open_registry: RegistryFactory) -> None:
    """A former champion that was retired, or whose files are gone, is not returned to."""
    registry = open_registry()
    for number in (1, 2, 3, 4):
        register(registry, now=START + timedelta(days=number))
        promote(registry, number)
    registry.retire(APP, TASK, 3, actor="checks", reason="bad", now=START)
    registry.pin(APP, TASK, 1)
    registry.retire(APP, TASK, 2, actor="checks", reason="bad", now=START)
    registry.assign(APP, TASK, 2, "none", actor="checks", reason="good after all", now=START)
    registry.retire(APP, TASK, 2, actor="checks", reason="no", now=START)
    registry.sweep(APP, TASK, keep=1, now=START + timedelta(days=5))

    assert roll_back(registry).number == 1


def check_the_champion_of_any_moment_is_known(open_registry: RegistryFactory) -> None:
    """`champion_at` tells who decided at a moment: nobody before the first promotion, the new one from its instant."""
    registry = open_registry()
    for _ in range(2):
        register(registry)
    promote(registry, 1, hour=1)
    promote(registry, 2, hour=2)
    roll_back(registry, hour=3)

    hours = [0.5, 1, 1.5, 2, 2.999, 3, 99]
    told = [registry.champion_at(APP, TASK, START + timedelta(hours=hour)) for hour in hours]

    assert told == [None, 1, 1, 2, 2, 1, 1], told


def check_references_mean_what_they_say(open_registry: RegistryFactory) -> None:
    """A number, a role, "latest" and a label find their version; anything else is refused with what exists."""
    registry = open_registry()
    for _ in range(4):
        register(registry)
    promote(registry, 2)
    registry.assign(APP, TASK, 3, "shadow", actor="checks", reason="", now=START)
    registry.retire(APP, TASK, 4, actor="checks", reason="", now=START)

    found = {
        reference: registry.resolve(APP, TASK, reference).number
        for reference in ("1", "champion", "shadow", "latest", "20241201_143022", "20241201_143022_2")
    }

    assert found == {
        "1": 1,
        "champion": 2,
        "shadow": 3,
        "latest": 3,
        "20241201_143022": 1,
        "20241201_143022_2": 2,
    }, found
    for unknown in ("7", "challenger", "newest", "", "20241201"):
        with refusal(NotFoundError, says="2 (champion"):
            registry.resolve(APP, TASK, unknown)


def check_retention_spares_what_is_needed(open_registry: RegistryFactory) -> None:
    """A sweep never takes champion, challenger, shadow, the last good one, a pinned one, or the newest `keep`."""
    registry = open_registry()
    for day in range(10):
        register(registry, now=START + timedelta(days=day))
    for number in (6, 1, 2):
        promote(registry, number)
    registry.assign(APP, TASK, 3, "challenger", actor="checks", reason="", now=START)
    registry.assign(APP, TASK, 4, "shadow", actor="checks", reason="", now=START)
    registry.pin(APP, TASK, 5)

    removed = registry.sweep(APP, TASK, keep=3, max_age_days=30, now=START + timedelta(days=10))

    assert [version.number for version in removed] == [6, 7], [version.number for version in removed]
    for version in registry.versions(APP, TASK):
        gone = version.number in (6, 7)
        assert version.path.exists() != gone, version
        assert (version.removed_at is not None) == gone, version
    with refusal(ConflictError, says="removed"):
        promote(registry, 6)
    with refusal(NotFoundError, says="removed"):
        registry.resolve(APP, TASK, "6")
    with refusal(BundleError, says="removed"):
        registry.verify(registry.get(APP, TASK, 6))


def check_retention_takes_what_is_old(open_registry: RegistryFactory) -> None:
    """Files older than the limit go even when few; a removed number is not given again; a second sweep is idle."""
    registry = open_registry()
    for day in (0, 1, 40):
        register(registry, now=START + timedelta(days=day))
    promote(registry, 2)
    registry.pin(APP, TASK, 3)
    registry.unpin(APP, TASK, 3)
    now = START + timedelta(days=41)

    assert [version.number for version in registry.sweep(APP, TASK, now=now)] == [1]
    assert registry.sweep(APP, TASK, now=now) == []
    assert [version.number for version in registry.sweep(APP, TASK, keep=0, now=now)] == [3]
    assert register(registry).number == 4


REGISTRY_CHECKS: list[Callable[[RegistryFactory], None]] = [
    check_numbers_count_up_from_one,
    check_a_version_is_the_same_when_read_again,
    check_files_are_taken_over_as_registered,
    check_changed_files_are_noticed,
    check_failed_versions_are_not_promoted,
    check_little_evidence_needs_a_reason,
    check_the_ledger_tells_every_role,
    check_refused_moves_change_nothing,
    check_rollback_never_goes_forward,
    check_rollback_passes_over_what_cannot_answer,
    check_the_champion_of_any_moment_is_known,
    check_references_mean_what_they_say,
    check_retention_spares_what_is_needed,
    check_retention_takes_what_is_old,
    *PROCESS_CHECKS,
]
