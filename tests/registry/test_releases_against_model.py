"""Random moves of releases and roles, against a registry that is a few Python lists."""

import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from telltale.contract.errors import ConflictError, GateError, NotFoundError
from telltale.registry.release import Release
from telltale.registry.releases import Releases
from telltale.registry.roles import Assignable
from telltale.storage.folder import open_folder
from telltale.testing.registry_fixtures import (
    APP,
    START,
    TASK,
    FolderRegistry,
    assert_ledger_tells_the_roles,
    register,
)

pytestmark = pytest.mark.slow
NUMBERS = st.integers(1, 4)
ROLES: st.SearchStrategy[Assignable] = st.sampled_from(["challenger", "shadow", "none"])
COURSES = st.sampled_from([(0,), (50,), (5, 25, 50, 100)])
BESIDE = ("challenger", "shadow")


class RefusedError(Exception):
    """The model does not allow it."""


@dataclass
class Course:
    """An active release."""

    number: int
    against: int
    steps: tuple[int, ...]
    step: int = 0
    watching: bool = False


@dataclass
class Model:
    """The rules, slowly. `line` is the champions a rollback goes back through, the present one last."""

    roles: dict[int, str] = field(default_factory=dict)
    line: list[int] = field(default_factory=list)
    withdrawn: set[int] = field(default_factory=set)
    active: Course | None = None

    @property
    def champion(self) -> int | None:
        return self.line[-1] if self.line else None

    def give(self, number: int, role: str) -> None:
        for other, held in self.roles.items():
            if held == role and role in {"champion", *BESIDE}:
                self.roles[other] = "none"
        self.roles[number] = role

    def leave(self, number: int) -> None:
        if self.roles[number] in BESIDE:
            self.roles[number] = "none"

    def go_back(self, number: int) -> None:
        while True:
            self.line.pop()
            if self.line[-1] == number:
                break
        self.give(number, "champion")

    def promote(self, number: int) -> None:
        require(number not in self.withdrawn)
        require(self.roles.get(number) not in {None, "champion", "retired"})
        self.give(number, "champion")
        self.line.append(number)
        self.overtake()

    def rollback(self) -> None:
        usable = [number for number in self.line[:-1] if self.roles[number] not in {"champion", "retired"}]
        require(bool(usable))
        self.go_back(usable[-1])
        self.overtake()

    def assign(self, number: int, role: str) -> None:
        known = self.roles.get(number)
        require(known not in {None, "champion", role} and not (known == "retired" and role != "none"))
        self.give(number, role)
        self.overtake()

    def retire(self, number: int) -> None:
        require(self.roles.get(number) not in {None, "champion", "retired"})
        self.roles[number] = "retired"
        self.overtake()

    def overtake(self) -> None:
        one = self.active
        if one is None:
            return
        if one.watching:
            stands, rival = self.champion == one.number, one.against
        else:
            role = "shadow" if one.steps == (0,) else "challenger"
            stands, rival = self.roles[one.number] == role and self.champion == one.against, one.number
        if not stands:
            if one.watching and self.champion == one.against:
                self.withdrawn.add(one.number)
            self.active = None
            self.leave(rival)

    def begin(self, number: int, steps: tuple[int, ...]) -> None:
        role = "shadow" if steps == (0,) else "challenger"
        require(self.roles.get(number) not in {None, "champion", "retired"})
        require(self.active is None and self.champion is not None)
        require(role == "shadow" or number not in self.withdrawn)
        assert self.champion is not None
        self.give(number, role)
        self.active = Course(number, self.champion, steps)

    def watch(self, former: int) -> None:
        require(self.champion not in {None, former} and self.active is None and former in self.roles)
        assert self.champion is not None
        self.shadow(former)
        self.active = Course(self.champion, former, (100,), watching=True)

    def advance(self) -> None:
        one = self.active
        require(one is not None and not one.watching and one.steps != (0,))
        assert one is not None
        if one.step + 1 < len(one.steps) and one.steps[one.step + 1] < 100:
            one.step += 1
            return
        self.give(one.number, "champion")
        self.line.append(one.number)
        self.shadow(one.against)
        one.watching, one.step = True, len(one.steps) - 1

    def shadow(self, former: int) -> None:
        if self.roles[former] == "none":
            self.give(former, "shadow")

    def stop(self, *, withdraw: bool) -> None:
        one = self.active
        require(one is not None and not one.watching)
        assert one is not None
        self.leave(one.number)
        self.active = None
        self.withdrawn |= {one.number} if withdraw else set()

    def roll_back(self) -> None:
        one = self.active
        require(one is not None and one.watching and self.roles[one.against] != "retired")
        assert one is not None
        if one.against in self.line[:-1]:
            self.go_back(one.against)
        else:
            self.give(one.against, "champion")
            self.line.append(one.against)
        self.active = None
        self.withdrawn.add(one.number)

    def keep(self) -> None:
        one = self.active
        require(one is not None and one.watching)
        assert one is not None
        self.leave(one.against)
        self.active = None


def require(allowed: bool) -> None:
    if not allowed:
        raise RefusedError


class ReleasesMachine(RuleBasedStateMachine):
    """Each move is made in both; what one refuses, the other must refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.registry = FolderRegistry(self.home)()
        folder = open_folder(self.home)
        self.releases = Releases(folder.state, folder.artifacts)
        self.model = Model()
        self.hour = 0
        for _ in range(3):
            self.register()
        self.both("promote", self.model.promote, lambda **by: self.registry.promote(APP, TASK, 1, **by), 1)

    def both(self, name: str, model: Any, real: Any, *arguments: Any, **options: Any) -> None:
        """The same move in the model and in the registry."""
        self.hour += 1
        allowed = done = False
        with suppress(RefusedError):
            model(*arguments, **options)
            allowed = True
        with suppress(ConflictError, GateError, NotFoundError):
            real(actor="test", reason="", now=START + timedelta(hours=self.hour))
            done = True
        assert allowed == done, f"{name}{arguments}: the model says {allowed}, the registry {done}"

    @property
    def present(self) -> Release | None:
        return self.releases.active(APP, TASK)

    @property
    def held(self) -> Release:
        present = self.present
        assert present is not None
        return present

    @precondition(lambda self: len(self.model.roles) < 4)
    @rule()
    def register(self) -> None:
        register(self.registry)
        self.model.roles[len(self.model.roles) + 1] = "none"

    @rule(number=NUMBERS)
    def promote(self, number: int) -> None:
        self.both("promote", self.model.promote, lambda **by: self.registry.promote(APP, TASK, number, **by), number)

    @rule()
    def rollback(self) -> None:
        self.both("rollback", self.model.rollback, lambda **by: self.registry.rollback(APP, TASK, **by))

    @rule(number=NUMBERS, role=ROLES)
    def assign(self, number: int, role: Assignable) -> None:
        real = lambda **by: self.registry.assign(APP, TASK, number, role, **by)  # noqa: E731 - as the others
        self.both("assign", self.model.assign, real, number, role)

    @rule(number=NUMBERS)
    def retire(self, number: int) -> None:
        self.both("retire", self.model.retire, lambda **by: self.registry.retire(APP, TASK, number, **by), number)

    @rule(number=NUMBERS, steps=COURSES)
    def begin(self, number: int, steps: tuple[int, ...]) -> None:
        real = lambda **by: self.releases.begin(APP, TASK, number, steps=steps, every_s=60.0, **by)  # noqa: E731 - as the others
        self.both("begin", self.model.begin, real, number, steps)

    @rule(former=NUMBERS)
    def watch(self, former: int) -> None:
        self.both("watch", self.model.watch, lambda **by: self.releases.watch(APP, TASK, former=former, **by), former)

    @precondition(lambda self: self.present is not None)
    @rule()
    def advance(self) -> None:
        self.both("advance", self.model.advance, lambda **by: self.releases.advance(self.held, **by))

    @precondition(lambda self: self.present is not None)
    @rule(withdraw=st.booleans())
    def stop(self, withdraw: bool) -> None:
        real = lambda **by: self.releases.stop(self.held, withdraw=withdraw, **by)  # noqa: E731 - as the others
        self.both("stop", self.model.stop, real, withdraw=withdraw)

    @precondition(lambda self: self.present is not None)
    @rule()
    def roll_back(self) -> None:
        self.both("roll_back", self.model.roll_back, lambda **by: self.releases.roll_back(self.held, **by))

    @precondition(lambda self: self.present is not None)
    @rule()
    def keep(self) -> None:
        self.both("keep", self.model.keep, lambda **by: self.releases.keep(self.held, **by))

    @invariant()
    def roles_are_those_of_the_model(self) -> None:
        versions = self.registry.versions(APP, TASK)

        assert {version.number: version.role for version in versions} == self.model.roles
        assert [version.number for version in versions if version.role == "champion"] == [self.model.champion]
        assert_ledger_tells_the_roles(self.registry)

    @invariant()
    def the_release_is_that_of_the_model(self) -> None:
        one, known = self.present, self.model.active

        assert (one is None) == (known is None)
        if one is not None and known is not None:
            assert (one.number, one.against, one.step) == (known.number, known.against, known.step)
            assert (one.state == "watching") == known.watching
        withdrawn = {number for number in self.model.roles if self.releases.was_withdrawn(APP, TASK, number)}
        assert withdrawn == self.model.withdrawn

    def teardown(self) -> None:
        shutil.rmtree(self.home)


TestReleases = ReleasesMachine.TestCase
TestReleases.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
