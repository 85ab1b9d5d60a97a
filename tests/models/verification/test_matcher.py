import numpy as np
import pytest
from tests.models.verification.mixed_typists import password, person

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.aligned import AlignedMatcher, aligned_background
from telltale.models.verification.matcher import FEW, fit_background, match, pattern_of
from telltale.models.verification.mixed import MixedMatcher, mixed_background

PEOPLE = [password(seed, n_samples=8) for seed in range(50, 62)]


def test_a_pattern_is_what_at_least_four_and_most_samples_share() -> None:
    typed, text = password(0, n_samples=6), person(0, n_samples=6, n_keys=40)

    found = pattern_of([*typed[:4], *text[:3]])

    assert found is not None
    assert found.tolist() == typed[0].kinds.tolist()
    assert pattern_of(typed[:3]) is None
    assert pattern_of([*typed[:4], *text[:4]]) is None
    assert pattern_of(text) is None
    assert pattern_of([]) is None


def test_text_is_ordered_as_by_the_mixed_matcher() -> None:
    people = [person(seed, n_samples=3, n_keys=80) for seed in range(20, 26)]
    own, others = person(1, n_samples=6, n_keys=80), person(2, n_samples=3, n_keys=80)

    for known, plain in ((fit_background(people), mixed_background(people)), (None, None)):
        found = match(own[:3], known).score([*own[3:], *others])
        wanted = MixedMatcher(own[:3], plain).score([*own[3:], *others])
        assert np.argsort(found).tolist() == np.argsort(wanted).tolist()


def test_a_long_practised_pattern_is_ordered_as_by_the_aligned_matcher() -> None:
    own, others = password(1, n_samples=FEW + 5), password(2, n_samples=5)

    for known, plain in ((fit_background(PEOPLE), aligned_background(PEOPLE)), (None, None)):
        found = match(own[:FEW], known).score([*own[FEW:], *others])
        wanted = AlignedMatcher(own[:FEW], plain).score([*own[FEW:], *others])
        assert np.argsort(found).tolist() == np.argsort(wanted).tolist()


@pytest.mark.parametrize("n_enrolled", [4, 10, FEW])
@pytest.mark.parametrize("has_background", [True, False])
def test_zero_is_near_where_own_scores_and_others_part(n_enrolled: int, has_background: bool) -> None:
    known = fit_background(PEOPLE) if has_background else None
    own, others = [], []
    for seed in range(8):
        samples = password(seed, n_samples=n_enrolled + 5)
        matcher = match(samples[:n_enrolled], known)
        own.append(matcher.score(samples[n_enrolled:]))
        others.append(matcher.score([password(other, n_samples=1)[0] for other in range(8) if other != seed]))

    assert (np.concatenate(own) > 0).mean() > 0.75
    assert (np.concatenate(others) < 0).mean() > 0.75


def test_a_sequence_of_other_kinds_is_compared_as_text_and_no_score_depends_on_another() -> None:
    own = password(3, n_samples=10)
    shorter = [
        TimedSequence(kinds=one.kinds[:9], lasted_ms=one.lasted_ms[:9], since_ms=one.since_ms[:9]) for one in own[8:]
    ]
    trials = [own[8], shorter[0], own[9], shorter[1]]

    for known in (fit_background(PEOPLE), None):
        matcher = match(own[:8], known)
        together = matcher.score(trials)
        assert np.isfinite(together).all()
        assert together.tolist() == [float(match(own[:8], known).score([one])[0]) for one in trials]


def test_a_background_of_another_pattern_is_left_aside_place_by_place() -> None:
    own, others = password(4, n_samples=FEW + 3), password(5, n_samples=3)
    known = fit_background([person(seed, n_samples=3, n_keys=60) for seed in range(6)])

    np.testing.assert_array_equal(
        match(own[:FEW], known).score([*own[FEW:], *others]), match(own[:FEW], None).score([*own[FEW:], *others])
    )


def test_nobody_enrolled_is_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="Enrol the person first"):
        match([], None)
