import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.models.verification.mixed_typists import LETTER, person

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.mixed import MixedMatcher, mixed_background

Background = Mapping[str, NDArray[Any]] | None


@pytest.fixture(scope="module")
def background() -> dict[str, NDArray[Any]]:
    return mixed_background([person(seed, n_samples=4, n_keys=200) for seed in range(100, 120)])


def share_in_order(n_keys: int, known: Background, *, enrolled: int = 4, n_people: int = 12) -> float:
    """How often a person's own sample scores above another person's, over all people together: one scale for all."""
    people = [person(seed, n_samples=enrolled + 4, n_keys=n_keys) for seed in range(n_people)]
    own, others = [], []
    for place, samples in enumerate(people):
        matcher = MixedMatcher(samples[:enrolled], known)
        own.append(matcher.score(samples[enrolled:]))
        others.append(matcher.score([other[-1] for at, other in enumerate(people) if at != place]))
    return float((np.concatenate(own)[:, None] > np.concatenate(others)).mean())


def test_a_persons_own_samples_score_above_those_of_others(background: Background) -> None:
    assert share_in_order(200, background) > 0.99
    assert share_in_order(200, None) > 0.95


def test_few_short_samples_still_tell_people_apart_and_a_background_helps(background: Background) -> None:
    alone, with_others = share_in_order(30, None, enrolled=2), share_in_order(30, background, enrolled=2)

    assert with_others > 0.8
    assert with_others > alone > 0.7


def test_more_keys_say_more(background: Background) -> None:
    samples = person(0, n_samples=6, n_keys=400)
    matcher = MixedMatcher(samples[:3], background)

    long = matcher.score(samples[3:])
    short = matcher.score([first(sample, 30) for sample in samples[3:]])

    assert long.mean() > short.mean() > 0.0


def test_one_interruption_changes_little(background: Background) -> None:
    samples = person(1, n_samples=5, n_keys=100)
    since = samples[4].since_ms.copy()
    since[50] = 600_000.0
    interrupted = TimedSequence(kinds=samples[4].kinds, lasted_ms=samples[4].lasted_ms, since_ms=since)
    others = [person(seed, n_samples=1, n_keys=100)[0] for seed in range(2, 8)]

    for known in (background, None):
        matcher = MixedMatcher(samples[:4], known)
        assert matcher.score([interrupted])[0] > matcher.score(others).max()


def test_a_score_depends_on_its_own_sequence_alone(background: Background) -> None:
    samples = person(3, n_samples=6, n_keys=80)

    for known in (background, None):
        matcher = MixedMatcher(samples[:3], known)
        together = matcher.score(samples[3:])
        assert together.tolist() == [float(matcher.score([one])[0]) for one in samples[3:]]
        assert together[::-1].tolist() == matcher.score(samples[:2:-1]).tolist()


def test_the_same_people_give_the_same_background() -> None:
    people = [person(seed, n_samples=2, n_keys=60) for seed in range(5)]

    first_time, again = mixed_background(people), mixed_background(people)

    assert first_time.keys() == again.keys()
    assert all(np.array_equal(first_time[name], again[name]) for name in first_time)
    assert all(array.dtype.kind in "fiu" and np.isfinite(array).all() for array in first_time.values())
    assert sum(array.nbytes for array in first_time.values()) < 400_000


@pytest.mark.parametrize("n_keys", [0, 1, 2, 10])
def test_hardly_any_keys_give_a_finite_score(background: Background, n_keys: int) -> None:
    samples = person(4, n_samples=3, n_keys=60)

    for known in (background, None):
        assert np.isfinite(MixedMatcher(samples[:2], known).score([first(samples[2], n_keys)])).all()
        if n_keys:
            assert np.isfinite(MixedMatcher([first(samples[0], n_keys)], known).score(samples[2:])).all()


def test_kinds_that_nobody_was_seen_to_use_are_scored_too(background: Background) -> None:
    samples = person(5, n_samples=3, n_keys=60)
    strange = TimedSequence(
        kinds=np.full(60, 15, dtype=np.uint8), lasted_ms=samples[2].lasted_ms, since_ms=samples[2].since_ms
    )

    for known in (background, None):
        matcher = MixedMatcher(samples[:2], known)
        strange_score, own_score = matcher.score([strange, samples[2]])
        assert np.isfinite(strange_score)
        assert strange_score < own_score


def test_what_a_sample_lacks_is_not_held_against_it(background: Background) -> None:
    samples = person(6, n_samples=6, n_keys=300)

    for known in (background, None):
        matcher = MixedMatcher(samples[:3], known)
        whole, letters = matcher.score(samples[3:]), matcher.score([letters_alone(one) for one in samples[3:]])
        others = matcher.score([letters_alone(person(seed, n_samples=1, n_keys=300)[0]) for seed in range(7, 12)])
        assert letters.mean() > others.mean()
        assert whole.mean() - letters.mean() < 0.5 * (whole.mean() - others.mean())


def test_two_people_are_a_background_and_one_is_none() -> None:
    two = mixed_background([person(seed, n_samples=2, n_keys=60) for seed in range(2)])

    assert np.isfinite(MixedMatcher(person(9, n_samples=2, n_keys=60), two).score(person(8, n_samples=1, n_keys=60))[0])
    with pytest.raises(NotEnoughDataError, match="1 people with acts"):
        mixed_background([person(0, n_samples=2, n_keys=60), []])
    with pytest.raises(NotEnoughDataError, match="Enrol the person first"):
        MixedMatcher([], two)


def test_a_verification_takes_a_few_milliseconds_at_most(background: Background) -> None:
    samples = person(6, n_samples=6, n_keys=500)

    taken = []
    for _ in range(15):
        started = time.perf_counter()
        MixedMatcher(samples[:5], background).score(samples[5:])
        taken.append(time.perf_counter() - started)

    assert min(taken) < 0.01  # usually 0.0015; machines differ, and so does what else they do


def first(sequence: TimedSequence, n_keys: int) -> TimedSequence:
    return TimedSequence(
        kinds=sequence.kinds[:n_keys], lasted_ms=sequence.lasted_ms[:n_keys], since_ms=sequence.since_ms[:n_keys]
    )


def letters_alone(sequence: TimedSequence) -> TimedSequence:
    """The letters that follow a letter, as if nothing else had been typed."""
    kept = np.flatnonzero((sequence.kinds[1:] == LETTER) & (sequence.kinds[:-1] == LETTER)) + 1
    return TimedSequence(
        kinds=sequence.kinds[kept], lasted_ms=sequence.lasted_ms[kept], since_ms=sequence.since_ms[kept]
    )
