"""Random moves, against a registry that is a few Python lists."""

import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telltale.contract.errors import ConflictError, NotFoundError
from telltale.registry.registry import Registry
from telltale.registry.roles import Assignable
from telltale.testing.registry_fixtures import APP, START, TASK, FolderRegistry, register

NUMBERS = st.integers(1, 4)
ROLES: st.SearchStrategy[Assignable] = st.sampled_from(["challenger", "shadow", "none"])
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("register")),
        st.tuples(st.just("promote"), NUMBERS),
        st.tuples(st.just("rollback")),
        st.tuples(st.just("assign"), NUMBERS, ROLES),
        st.tuples(st.just("retire"), NUMBERS),
        st.tuples(st.just("sweep"), st.integers(0, 3)),
    ),
    min_size=4,
    max_size=16,
)


class RefusedError(Exception):
    """The model does not allow it."""


@dataclass
class Model:
    """The rules, slowly. `line` is the champions a rollback goes back through, the present one last."""

    roles: dict[int, str] = field(default_factory=dict)
    line: list[int] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    champions: list[int | None] = field(default_factory=list)

    def apply(self, move: tuple[object, ...]) -> None:
        with suppress(RefusedError):
            getattr(self, str(move[0]))(*move[1:])
        self.champions.append(self.line[-1] if self.line else None)

    def register(self) -> None:
        self.roles[len(self.roles) + 1] = "none"

    def give(self, number: int, role: str) -> None:
        for other, held in self.roles.items():
            if held == role and role in ("champion", "challenger", "shadow"):
                self.roles[other] = "none"
        self.roles[number] = role

    def promote(self, number: int) -> None:
        if number in self.gone or self.roles.get(number) in (None, "champion", "retired"):
            raise RefusedError
        self.give(number, "champion")
        self.line.append(number)

    def target(self) -> int | None:
        for number in reversed(self.line[:-1]):
            if number not in self.gone and self.roles[number] not in ("retired", "champion"):
                return number
        return None

    def rollback(self) -> None:
        number = self.target()
        if number is None:
            raise RefusedError
        while True:
            self.line.pop()
            if self.line[-1] == number:
                break
        self.give(number, "champion")

    def assign(self, number: int, role: str) -> None:
        known = self.roles.get(number)
        if number in self.gone or known in (None, "champion", role) or (known == "retired" and role != "none"):
            raise RefusedError
        self.give(number, role)

    def retire(self, number: int) -> None:
        if self.roles.get(number) in (None, "champion", "retired"):
            raise RefusedError
        self.give(number, "retired")

    def sweep(self, keep: int) -> None:
        there = [number for number in self.roles if number not in self.gone]
        for number in there[: len(there) - keep] if keep < len(there) else []:
            if self.roles[number] in ("none", "retired") and number != self.target():
                self.gone.add(number)


def apply(registry: Registry, move: tuple[object, ...], *, now: datetime) -> None:
    with suppress(ConflictError, NotFoundError):
        match move:
            case ("register",):
                register(registry, now=now)
            case ("promote", int(number)):
                registry.promote(APP, TASK, number, actor="test", reason="", now=now)
            case ("rollback",):
                registry.rollback(APP, TASK, actor="test", reason="", now=now)
            case ("assign", int(number), ("challenger" | "shadow" | "none") as role):
                registry.assign(APP, TASK, number, role, actor="test", reason="", now=now)
            case ("retire", int(number)):
                registry.retire(APP, TASK, number, actor="test", reason="", now=now)
            case ("sweep", int(keep)):
                registry.sweep(APP, TASK, keep=keep, now=now)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves=MOVES)
def test_any_sequence_of_moves_gives_what_the_rules_say(moves: list[tuple[object, ...]]) -> None:
    model = Model()
    with tempfile.TemporaryDirectory() as home:
        registry = FolderRegistry(Path(home))()
        every_move: list[tuple[object, ...]] = [("register",), ("register",), ("register",), *moves]
        for hour, move in enumerate(every_move):
            model.apply(move)
            apply(registry, move, now=START + timedelta(hours=hour))
        versions = registry.versions(APP, TASK)
        told = [registry.champion_at(APP, TASK, START + timedelta(hours=hour)) for hour in range(len(every_move))]

        assert {version.number: version.role for version in versions} == model.roles
        assert {version.number for version in versions if version.removed_at is not None} == model.gone
        assert {version.number for version in versions if not version.path.exists()} == model.gone
        assert told == model.champions
