"""What every trained version promises that verifies whose a row is: kind "verify"."""

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final

import numpy as np

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.query import VerifyQuery
from telltale.contract.sequence import TimedSequence
from telltale.evaluate.ranking import auroc
from telltale.models.verification.profile import pack, unpack
from telltale.models.verification.trials import Person, people_of
from telltale.models.verify_runtime import VerifyRuntime
from telltale.testing.bundle_checks import RuntimeCheck
from telltale.testing.refusals import assert_refused
from telltale.testing.streams import assert_bounded
from telltale.testing.trained_task import TrainedTask
from telltale.train.verify import tried

_CLEARLY: Final = 0.85
_FEW_ACTS: Final = 30


def check_verified_rows_are_answered_by_themselves(subject: TrainedTask) -> None:
    """An answer is finite, and the same alone, in a batch, in any order, and from several threads at once."""
    runtime, people = _enrolled(subject)
    queries = [_query(person.entity, trial) for person in people for trial in person.trials[:2]]
    together = runtime.ask(queries)

    assert all(math.isfinite(answer.score) and 0 <= answer.confidence <= 100 for answer in together), "a score is not"
    assert [runtime.ask([query])[0] for query in queries] == together, "alone it is another answer"
    assert runtime.ask(queries[::-1]) == together[::-1], "order moves answers"
    with ThreadPoolExecutor(4) as pool:
        for answers in pool.map(runtime.ask, [queries] * 4):
            assert answers == together, "threads move answers"
    assert runtime.ask([]) == [], "no question, yet an answer"


def check_own_rows_score_higher_than_others(subject: TrainedTask) -> None:
    """People whom no training has seen: their own rows outscore those of others in at least 85 % of pairs."""
    runtime, people = _enrolled(subject)
    found = tried(runtime.verifier, people)

    area = auroc(found.labels, found.scores)
    assert area > _CLEARLY, f"an own row outscores another's in {area:.0%} of pairs"


def check_confidence_rises_with_the_score(subject: TrainedTask) -> None:
    """More confidence never goes with a lower score, and both ends are used."""
    runtime, people = _enrolled(subject)
    answers = runtime.ask([_query(person.entity, trial) for person in people for trial in person.trials])
    ordered = sorted(answers, key=lambda answer: answer.score)

    assert all(one.confidence <= other.confidence for one, other in pairwise(ordered)), "it falls"
    assert ordered[0].confidence < 30, f"the least is {ordered[0].confidence}"
    assert ordered[-1].confidence > 70, f"the most is {ordered[-1].confidence}"


def check_the_same_again_is_refused(subject: TrainedTask) -> None:
    """An enrolled row that is sent again is never accepted, and the answer says why."""
    runtime, people = _enrolled(subject)
    for person in people:
        known = unpack(runtime.find_profile(person.entity) or b"")[-1]
        answer = runtime.ask([_query(person.entity, known)])[0]

        assert answer.replayed, f"{person.entity}: nobody types the same twice"
        assert not answer.decision, f"{person.entity}: a replay is accepted"


def check_whoever_is_not_enrolled_is_not_guessed_at(subject: TrainedTask) -> None:
    """Nobody known, too few rows enrolled, or too short a row: NotEnoughDataError, which says how many more."""
    runtime, people = _enrolled(subject)
    person, asked = people[0], runtime.verification
    query = _query(person.entity, person.trials[0])
    few = pack(person.enrolled[: asked.least_samples - 1])

    assert_refused(NotEnoughDataError, f"{asked.least_samples} more", runtime.ask, [_of("nobody", query)])
    known = VerifyRuntime(runtime.bundle, find_profile=lambda _: few)
    assert_refused(NotEnoughDataError, "1 more", known.ask, [query])
    short = VerifyQuery(entity=person.entity, kinds=(0,), began_ms=(0.0,), ended_ms=(80.0,))
    assert_refused(NotEnoughDataError, f"{asked.least_acts}", runtime.ask, [short])


def check_verified_in_bounded_memory(subject: TrainedTask) -> None:
    """Memory and latency stay flat over thousands of questions, of short rows beside few."""
    runtime, people = _enrolled(subject)
    profiles = {
        person.entity: pack([_first(one) for one in person.enrolled[: runtime.verification.least_samples]])
        for person in people
    }
    small = VerifyRuntime(runtime.bundle, find_profile=profiles.get)
    queries = [_query(person.entity, _first(trial)) for person in people for trial in person.trials]

    assert_bounded(lambda query: small.ask([query]), queries)


VERIFY_CHECKS: Final[tuple[RuntimeCheck, ...]] = (
    check_verified_rows_are_answered_by_themselves,
    check_own_rows_score_higher_than_others,
    check_confidence_rises_with_the_score,
    check_the_same_again_is_refused,
    check_whoever_is_not_enrolled_is_not_guessed_at,
    check_verified_in_bounded_memory,
)


def _enrolled(subject: TrainedTask) -> tuple[VerifyRuntime, list[Person]]:
    """The version, and held-out people who are enrolled and have rows to verify."""
    runtime = subject.runtime
    assert isinstance(runtime, VerifyRuntime), f"{subject.task.name} does not verify"
    people = [person for person in people_of(subject.held_out, runtime.verification) if person.genuine]
    profiles = {person.entity: pack(person.enrolled) for person in people}
    return VerifyRuntime(runtime.bundle, find_profile=profiles.get), people


def _first(sequence: TimedSequence) -> TimedSequence:
    """Its first acts."""
    return TimedSequence(
        kinds=sequence.kinds[:_FEW_ACTS],
        lasted_ms=sequence.lasted_ms[:_FEW_ACTS],
        since_ms=sequence.since_ms[:_FEW_ACTS],
    )


def _query(entity: str, sequence: TimedSequence) -> VerifyQuery:
    began = np.cumsum(sequence.since_ms, dtype=np.float64)
    return VerifyQuery(
        entity=entity,
        kinds=tuple(sequence.kinds.tolist()),
        began_ms=tuple(began.tolist()),
        ended_ms=tuple((began + sequence.lasted_ms).tolist()),
    )


def _of(entity: str, query: VerifyQuery) -> VerifyQuery:
    return VerifyQuery(entity=entity, kinds=query.kinds, began_ms=query.began_ms, ended_ms=query.ended_ms)
