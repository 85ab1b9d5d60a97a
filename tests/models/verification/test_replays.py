import numpy as np

from telltale.contract.sequence import TimedSequence
from telltale.models.verification.profile import pack, unpack
from telltale.models.verification.replays import is_replay
from telltale.models.verification.sequence import timed_sequence


def typed(rng: np.random.Generator, n: int = 30) -> TimedSequence:
    """As the same person types the same text: holds and gaps vary by a seventh."""
    began = np.cumsum(180.0 * np.exp(rng.normal(0, 0.15, n)))
    return timed_sequence(np.arange(n) % 3, began, began + 90.0 * np.exp(rng.normal(0, 0.15, n)))


def test_an_enrolled_sequence_is_known_again_as_a_profile_keeps_it() -> None:
    rng = np.random.default_rng(1)
    enrolled = [typed(rng) for _ in range(5)]

    kept = unpack(pack(enrolled))

    assert all(is_replay(one, kept) for one in enrolled)


def test_the_same_person_typing_the_same_text_is_no_replay() -> None:
    rng = np.random.default_rng(2)
    enrolled = [typed(rng, 11) for _ in range(20)]

    assert not any(is_replay(typed(rng, 11), enrolled) for _ in range(500))


def test_times_with_noise_of_a_few_milliseconds_are_a_replay_still() -> None:
    rng = np.random.default_rng(3)
    known = typed(rng)

    def with_noise(ms: float) -> TimedSequence:
        began = np.cumsum(known.since_ms) + rng.normal(0, ms, len(known))
        return timed_sequence(known.kinds, began, began + known.lasted_ms + rng.normal(0, ms, len(known)))

    assert is_replay(with_noise(0.3), [known])
    assert is_replay(with_noise(3.0), [known])
    assert not is_replay(with_noise(25.0), [known])


def test_noise_disguises_a_short_text_alone() -> None:
    rng = np.random.default_rng(6)
    known = typed(rng, 11)
    began = np.cumsum(known.since_ms) + rng.normal(0, 6.0, len(known))
    ended = began + known.lasted_ms + rng.normal(0, 6.0, len(known))

    assert not is_replay(timed_sequence(known.kinds, began, ended), [known])


def test_the_same_person_typing_a_long_text_again_is_no_replay() -> None:
    rng = np.random.default_rng(7)
    enrolled = [typed(rng, 60) for _ in range(10)]

    assert not any(is_replay(typed(rng, 60), enrolled) for _ in range(100))


def test_the_end_is_compared_where_a_profile_keeps_no_more() -> None:
    rng = np.random.default_rng(4)
    whole = typed(rng, 400)
    end = TimedSequence(kinds=whole.kinds[-60:], lasted_ms=whole.lasted_ms[-60:], since_ms=whole.since_ms[-60:])

    assert is_replay(whole, [end])
    assert not is_replay(end, [whole])


def test_other_kinds_in_the_same_rhythm_are_another_sequence() -> None:
    known = typed(np.random.default_rng(5))

    assert not is_replay(
        TimedSequence(kinds=known.kinds[::-1], lasted_ms=known.lasted_ms, since_ms=known.since_ms), [known]
    )
