"""Each check of versions that find what is alike is red on a version that breaks its promise."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from telltale.apps.pakit import APP
from telltale.apps.pakit.dedup.task import DEDUP_TASK
from telltale.contract.answer import Similar, SimilarAnswer
from telltale.contract.errors import NotFoundError
from telltale.contract.query import SimilarQuery
from telltale.testing import similar_checks
from telltale.testing.bundle_checks import RuntimeCheck
from telltale.testing.similar_checks import SIMILAR_CHECKS
from telltale.testing.trained_task import TrainedTask

SOUND = TrainedTask(APP, DEDUP_TASK, "minhash")
Ask = Callable[[Any, Sequence[SimilarQuery]], list[SimilarAnswer]]


class Faulty:
    """The sound version, but for how it is asked, or what it makes of lessons."""

    def __init__(self, sound: Any, *, ask: Ask | None = None, **others: Callable[..., Any]) -> None:
        self._sound = sound
        self._ask = ask
        self._others = others

    def __getattr__(self, name: str) -> Any:
        if name in self._others:
            return lambda *given: self._others[name](self._sound, *given)
        return getattr(self._sound, name)

    def ask(self, queries: Sequence[SimilarQuery]) -> list[SimilarAnswer]:
        answers: list[SimilarAnswer] = (
            self._sound.ask(queries) if self._ask is None else self._ask(self._sound, queries)
        )
        return answers


def faulty(ask: Ask | None = None, **others: Callable[..., Any]) -> TrainedTask:
    subject = TrainedTask(APP, DEDUP_TASK, "minhash")
    subject.__dict__ |= {
        "rows": SOUND.rows,
        "directory": SOUND.directory,
        "runtime": Faulty(SOUND.runtime, ask=ask, **others),
    }
    return subject


def by_place_in_the_batch(sound: Any, queries: Sequence[SimilarQuery]) -> list[SimilarAnswer]:
    return [replace(answer, items=answer.items[: 1 + place % 5]) for place, answer in enumerate(sound.ask(queries))]


def with_itself(sound: Any, queries: Sequence[SimilarQuery]) -> list[SimilarAnswer]:
    return [
        answer
        if query.item is None
        else replace(answer, items=(Similar(item=query.item, similarity=1.0), *answer.items)[: query.top_k])
        for query, answer in zip(queries, sound.ask(queries), strict=True)
    ]


def least_first(sound: Any, queries: Sequence[SimilarQuery]) -> list[SimilarAnswer]:
    return [replace(answer, items=answer.items[::-1]) for answer in sound.ask(queries)]


def one_too_many(sound: Any, queries: Sequence[SimilarQuery]) -> list[SimilarAnswer]:
    return list(sound.ask([replace(query, top_k=query.top_k + 1) for query in queries]))


def without_fingerprints(sound: Any, queries: Sequence[SimilarQuery]) -> list[SimilarAnswer]:
    return list(sound.ask([replace(query, fingerprints=query.fingerprints[:1]) for query in queries]))


def nothing_for_strangers(sound: Any, queries: Sequence[SimilarQuery]) -> list[SimilarAnswer]:
    try:
        return list(sound.ask(queries))
    except NotFoundError:
        return [SimilarAnswer(items=(), source="none") for _ in queries]


def all_there_is(sound: Any, queries: Sequence[SimilarQuery]) -> list[SimilarAnswer]:
    return list(sound.ask([replace(query, top_k=max(1, min(100, query.top_k))) for query in queries]))


FAULTS: list[tuple[RuntimeCheck, dict[str, Callable[..., Any]]]] = [
    (similar_checks.check_questions_about_things_are_answered_by_themselves, {"ask": by_place_in_the_batch}),
    (similar_checks.check_what_is_alike_comes_first_and_is_never_itself, {"ask": with_itself}),
    (similar_checks.check_what_is_alike_comes_first_and_is_never_itself, {"ask": least_first}),
    (similar_checks.check_what_is_alike_comes_first_and_is_never_itself, {"ask": one_too_many}),
    (similar_checks.check_the_same_again_is_found_by_its_fingerprints_or_figures, {"ask": without_fingerprints}),
    (similar_checks.check_questions_that_cannot_be_answered_are_refused, {"ask": nothing_for_strangers}),
    (similar_checks.check_questions_that_cannot_be_answered_are_refused, {"ask": all_there_is}),
    (similar_checks.check_what_comes_is_found_and_what_goes_is_not, {"learn": lambda sound, _frame: sound}),
    (similar_checks.check_what_was_learned_is_whole_in_its_parts, {"with_learned": lambda sound, _parts: sound}),
]


@pytest.mark.parametrize(("check", "fault"), FAULTS)
def test_a_version_that_breaks_a_promise_is_found_out(
    check: RuntimeCheck, fault: dict[str, Callable[..., Any]]
) -> None:
    subject = faulty(**fault)

    with pytest.raises(AssertionError):
        check(subject)


def test_every_check_is_seen_to_fail() -> None:
    assert {check for check, _ in FAULTS} == set(SIMILAR_CHECKS)
