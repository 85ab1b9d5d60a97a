from collections.abc import Sequence

import numpy as np
import pytest

from telltale.apps.personhood.attacks import ATTACKS
from telltale.apps.personhood.attacks_known import averages_of_sequence
from telltale.apps.personhood.attacks_plain import JITTER_MS, sequences_of_typed
from telltale.apps.personhood.schema import KEY_CLASSES
from telltale.apps.personhood.simulate_people import draw_people
from telltale.apps.personhood.typists import type_by_hand
from telltale.contract.attack import Attack
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.profile import pack, unpack

BY_NAME = {attack.name: attack for attack in ATTACKS}


def typed_by(seed: int, n_sessions: int = 8) -> list[TimedSequence]:
    person = draw_people(np.random.default_rng(seed), 1)
    days = (type_by_hand(np.random.default_rng([seed, day]), person, day) for day in range(n_sessions))
    return [sequences_of_typed(typed)[0] for typed in days]


def tried(name: str, victim: Sequence[TimedSequence], *, n: int = 6, seed: int = 0) -> Sequence[TimedSequence]:
    return BY_NAME[name].make(victim, np.random.default_rng(seed), n)


@pytest.fixture(scope="module")
def victim() -> list[TimedSequence]:
    return typed_by(3)


def same(one: TimedSequence, other: TimedSequence) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("kinds", "lasted_ms", "since_ms"))


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_makes_as_many_sequences_as_asked_that_can_be_enrolled(
    attack: Attack, victim: list[TimedSequence]
) -> None:
    for known in (victim, victim[:1]):
        made = attack.make(known, np.random.default_rng(0), 5)

        assert len(made) == 5
        assert len(unpack(pack(made[:1]))) == 1  # of one length, times finite and none negative, kinds known
        for sequence in made:
            assert len(sequence) >= 10
            assert sequence.since_ms[0] == 0
            assert int(sequence.kinds.max()) < len(KEY_CLASSES)
            assert {sequence.lasted_ms.dtype, sequence.since_ms.dtype} == {np.dtype(np.float32)}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_seeded_and_leaves_what_it_knows_as_it_was(attack: Attack, victim: list[TimedSequence]) -> None:
    before = pack(victim)

    once, again, other = (attack.make(victim, np.random.default_rng(seed), 4) for seed in (1, 1, 2))

    assert all(same(one, two) for one, two in zip(once, again, strict=True))
    assert not all(same(one, two) for one, two in zip(once, other, strict=True))
    assert pack(victim) == before


def test_names_are_unlike_and_titles_are_sentences() -> None:
    assert len(BY_NAME) == len(ATTACKS)
    assert all(attack.title.endswith(".") for attack in ATTACKS)


@pytest.mark.parametrize("name", ["replay", "replay_overheard"])
def test_a_replay_is_a_recorded_session_as_it_is(name: str, victim: list[TimedSequence]) -> None:
    for sequence in tried(name, victim):
        assert any(same(sequence, known) for known in victim)


def test_a_replay_with_jitter_is_a_few_milliseconds_off(victim: list[TimedSequence]) -> None:
    recorded = victim[0]

    for sequence in tried("replay_jitter", [recorded]):
        off = np.concatenate([sequence.lasted_ms - recorded.lasted_ms, (sequence.since_ms - recorded.since_ms)[1:]])
        assert np.array_equal(sequence.kinds, recorded.kinds)
        assert off.std() == pytest.approx(JITTER_MS, rel=0.2)
        assert abs(off.mean()) < 1


def test_the_constant_robot_types_at_the_victims_means(victim: list[TimedSequence]) -> None:
    gaps = np.concatenate([known.since_ms[1:] for known in victim])

    for sequence in tried("constant", victim):
        assert np.ptp(sequence.lasted_ms) == 0
        assert np.ptp(sequence.since_ms[1:]) == 0
        assert sequence.lasted_ms[0] == pytest.approx(np.concatenate([k.lasted_ms for k in victim]).mean())
        assert sequence.since_ms[1] == pytest.approx(gaps[gaps < 1_000].mean())


def test_the_sampling_robot_knows_nothing_of_the_victim(victim: list[TimedSequence]) -> None:
    here, there = tried("sampled", victim), tried("sampled", typed_by(4))

    assert all(same(one, two) for one, two in zip(here, there, strict=True))


@pytest.mark.parametrize("seed", range(40))
def test_who_knows_the_averages_has_the_averages(seed: int) -> None:
    known = typed_by(seed, 1)
    wanted = averages_of_sequence(known[0])

    found = [averages_of_sequence(sequence) for sequence in tried("knows_averages", known, n=3)]

    assert wanted is not None
    for averages in found:
        assert averages is not None
        assert averages.avg_key_hold_time_ms == wanted.avg_key_hold_time_ms
        assert averages.avg_transition_time_ms == wanted.avg_transition_time_ms
        assert averages.error_rate_percent == wanted.error_rate_percent
        assert abs(averages.typing_speed_wpm - wanted.typing_speed_wpm) <= 1


def test_who_draws_by_class_has_the_victims_times_for_each(victim: list[TimedSequence]) -> None:
    made = tried("sampled_by_class", victim, n=30)

    kinds, others = (np.concatenate([one.kinds for one in group]) for group in (made, victim))
    lasted, theirs = (np.concatenate([one.lasted_ms for one in group]) for group in (made, victim))
    for name in ("letter", "space"):
        code = KEY_CLASSES.index(name)
        quartiles = np.quantile(lasted[kinds == code], [0.25, 0.5, 0.75])
        assert quartiles == pytest.approx(np.quantile(theirs[others == code], [0.25, 0.5, 0.75]), rel=0.05)
    assert all(any(np.array_equal(one.kinds, known.kinds) for known in victim) for one in made)
    assert not any(same(one, known) for one in made for known in victim)


def test_poison_begins_as_the_victim_and_ends_as_the_attacker_in_small_steps() -> None:
    victim = typed_by(11)
    made = tried("poison", victim, n=21, seed=5)

    at = np.array([[np.median(np.log(one.lasted_ms)), np.median(np.log(one.since_ms[1:]))] for one in made])
    theirs = np.array([[np.median(np.log(k.lasted_ms)), np.median(np.log(k.since_ms[1:]))] for k in victim])
    # Sessions come in turn from a few texts: the same text is moved on every fifth time.
    for of_text in (at[start::5] for start in range(5)):
        steps = np.abs(np.diff(of_text, axis=0))
        assert steps.max() < np.abs(of_text[-1] - of_text[0]).max() / 2
    assert np.abs(at[0] - theirs.mean(axis=0)).max() < 0.15
    assert np.abs(at[-1] - theirs.mean(axis=0)).max() > 0.3
