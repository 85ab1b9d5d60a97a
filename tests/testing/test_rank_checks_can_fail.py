"""Each check of versions that order items is red on a version that breaks its promise."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from telltale.apps.storefront import APP
from telltale.contract.answer import RankAnswer
from telltale.contract.query import RankQuery
from telltale.testing.bundle_checks import RuntimeCheck
from telltale.testing.query_checks import (
    RANK_CHECKS,
    check_a_group_is_told_from_another,
    check_one_who_came_after_training_needs_no_new_version,
    check_only_what_is_wanted_is_offered,
    check_ranked_items_are_new_to_the_entity,
    check_strangers_get_what_is_popular,
    check_the_best_stands_first_however_unlike_the_others_are,
)
from telltale.testing.trained_task import TrainedTask

TASK = APP.task("recommend")
SOUND = TrainedTask(APP, TASK, "ease")
Ask = Callable[[Any, Sequence[RankQuery]], list[RankAnswer]]


class Faulty:
    """The sound version, but for how it is asked."""

    def __init__(self, sound: Any, ask: Ask) -> None:
        self._sound = sound
        self._ask = ask

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sound, name)

    def ask(self, queries: Sequence[RankQuery]) -> list[RankAnswer]:
        return self._ask(self._sound, queries)


def faulty(ask: Ask) -> TrainedTask:
    subject = TrainedTask(APP, TASK, "ease")
    subject.__dict__ |= {"rows": SOUND.rows, "directory": SOUND.directory, "runtime": Faulty(SOUND.runtime, ask)}
    return subject


def heedless_of(**said: Any) -> Ask:
    """As if some fields of a query were not there."""

    def ask(sound: Any, queries: Sequence[RankQuery]) -> list[RankAnswer]:
        return list(sound.ask([replace(query, **said) for query in queries]))

    return ask


def heedless_of_had_in_the_order(sound: Any, queries: Sequence[RankQuery]) -> list[RankAnswer]:
    """Nothing that was had since is offered, but it says nothing of taste either."""
    return list(sound.ask([replace(query, had=(), without=(*query.without, *query.had)) for query in queries]))


def as_unlike_as_can_be(sound: Any, queries: Sequence[RankQuery]) -> list[RankAnswer]:
    return list(sound.ask([replace(query, diversity=1.0 if query.diversity else 0.0) for query in queries]))


def unlike_from_the_first_on(sound: Any, queries: Sequence[RankQuery]) -> list[RankAnswer]:
    return [
        replace(answer, items=answer.items[::-1]) if query.diversity == 1 else answer
        for query, answer in zip(queries, sound.ask(queries), strict=True)
    ]


def out_of_order(sound: Any, queries: Sequence[RankQuery]) -> list[RankAnswer]:
    return [replace(answer, items=answer.items[::-1]) for answer in sound.ask(queries)]


FAULTS: list[tuple[RuntimeCheck, Ask]] = [
    (check_ranked_items_are_new_to_the_entity, heedless_of(include_seen=True)),
    (check_ranked_items_are_new_to_the_entity, out_of_order),
    (check_strangers_get_what_is_popular, heedless_of(seen=())),
    (check_one_who_came_after_training_needs_no_new_version, heedless_of(had=())),
    (check_one_who_came_after_training_needs_no_new_version, heedless_of_had_in_the_order),
    (check_only_what_is_wanted_is_offered, heedless_of(without=())),
    (check_only_what_is_wanted_is_offered, heedless_of(seen=())),
    (check_only_what_is_wanted_is_offered, heedless_of(filters={})),
    (check_only_what_is_wanted_is_offered, heedless_of(include_seen=True)),
    (check_the_best_stands_first_however_unlike_the_others_are, heedless_of(diversity=0.0)),
    (check_the_best_stands_first_however_unlike_the_others_are, as_unlike_as_can_be),
    (check_the_best_stands_first_however_unlike_the_others_are, unlike_from_the_first_on),
    (check_a_group_is_told_from_another, heedless_of(segment=None)),
    (check_a_group_is_told_from_another, heedless_of(segment="likes mugs")),
]


@pytest.mark.parametrize(("check", "ask"), FAULTS)
def test_a_broken_promise_is_seen(check: RuntimeCheck, ask: Ask) -> None:
    with pytest.raises(AssertionError):
        check(faulty(ask))


@pytest.mark.parametrize("check", RANK_CHECKS)
def test_the_sound_version_passes(check: RuntimeCheck) -> None:
    check(SOUND)


def test_every_check_is_put_to_a_fault() -> None:
    assert {check for check, _ in FAULTS} == set(RANK_CHECKS)
