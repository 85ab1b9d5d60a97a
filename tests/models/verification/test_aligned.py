import subprocess
import sys

import numpy as np
import pytest

from telltale.contract.errors import NotEnoughDataError, SchemaError
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.aligned import AlignedMatcher, aligned_background

PASSWORD = (4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4)
N_PEOPLE = 12


def rhythm(person: int, n_acts: int, apart: float) -> np.ndarray:
    rng = np.random.default_rng([7, person])
    usual = np.log([90.0] * n_acts + [220.0] * n_acts)
    return usual + apart * rng.normal(0.0, [0.25] * n_acts + [0.35] * n_acts)


def typed(
    person: int,
    n: int,
    *,
    seed: int = 0,
    unsteady: float = 1.0,
    faster: float = 0.0,
    apart: float = 1.0,
    kinds: tuple[int, ...] = PASSWORD,
) -> list[TimedSequence]:
    """`n` samples of a person, whose times shrink by the factor exp(-faster) from the first to the last."""
    rng = np.random.default_rng([seed, person])
    k = len(kinds)
    noise = unsteady * rng.normal(0.0, [0.14] * k + [0.25] * k, (n, 2 * k))
    times = np.exp(rhythm(person, k, apart) + noise - faster * np.linspace(0.0, 1.0, n)[:, None]).astype(np.float32)
    times[:, k] = 0.0
    return [TimedSequence(kinds=np.array(kinds, dtype=np.uint8), lasted_ms=t[:k], since_ms=t[k:]) for t in times]


def others(*, n: int = 5, but: int = 0, apart: float = 1.0) -> list[TimedSequence]:
    return [one for person in range(N_PEOPLE) if person != but for one in typed(person, n, seed=9, apart=apart)]


def area(genuine: np.ndarray, impostors: np.ndarray) -> float:
    return float((genuine[:, None] > impostors).mean())


@pytest.mark.parametrize(("n_enrolled", "least"), [(200, 0.99), (20, 0.98), (5, 0.95), (2, 0.9)])
def test_a_person_scores_above_others_however_few_samples_are_enrolled(n_enrolled: int, least: float) -> None:
    matcher = AlignedMatcher(typed(0, n_enrolled))

    assert area(matcher.score(typed(0, 50, seed=1)), matcher.score(others())) >= least


def test_two_equal_samples_do_not_make_a_person_of_stone() -> None:
    first, second = typed(0, 2)
    asked = typed(0, 50, seed=1)

    steady = AlignedMatcher([first, first]).score(asked)

    assert steady.mean() > AlignedMatcher([first, second]).score(asked).mean() - 8.0
    assert area(steady, AlignedMatcher([first, first]).score(others())) > 0.9


def test_people_who_make_the_same_pattern_help_to_tell_a_person_from_others() -> None:
    background = aligned_background([typed(person, 60, apart=0.4) for person in range(20, 40)])
    alone: list[float] = []
    beside: list[float] = []
    for person in range(N_PEOPLE):
        for found, known in ((alone, None), (beside, background)):
            matcher = AlignedMatcher(typed(person, 10, apart=0.4), known)
            genuine = matcher.score(typed(person, 30, seed=1, apart=0.4))
            found.append(area(genuine, matcher.score(others(but=person, apart=0.4))))

    assert np.mean(beside) > np.mean(alone) + 0.005


def test_one_threshold_does_for_people_who_vary_much_and_little() -> None:
    genuine, impostors = [], []
    for person in range(N_PEOPLE):
        unsteady = 0.5 if person % 2 else 1.5
        matcher = AlignedMatcher(typed(person, 40, unsteady=unsteady))
        genuine.append(matcher.score(typed(person, 20, seed=1, unsteady=unsteady)))
        impostors.append(matcher.score(others(n=2, but=person)))

    assert area(np.concatenate(genuine), np.concatenate(impostors)) > 0.98


def test_one_threshold_does_for_people_with_few_samples_and_many() -> None:
    genuine, impostors = [], []
    for person in range(N_PEOPLE):
        for n in (3, 10, 150):
            matcher = AlignedMatcher(typed(person, n))
            genuine.append(matcher.score(typed(person, 20, seed=1)))
            impostors.append(matcher.score(others(n=2, but=person)))

    assert area(np.concatenate(genuine), np.concatenate(impostors)) > 0.98


def test_a_score_depends_on_no_other_sequence() -> None:
    background = aligned_background([typed(person, 20) for person in range(20, 30)])
    asked = [*typed(0, 300, seed=1), *others()]

    for known in (None, background):
        matcher = AlignedMatcher(typed(0, 50), known)
        together = matcher.score(asked)

        alone = np.array([matcher.score([one])[0] for one in asked])
        np.testing.assert_array_equal(alone, together)
        np.testing.assert_array_equal(matcher.score(asked[::-1])[::-1], together)


def test_a_person_who_grew_faster_is_known_by_how_they_type_now() -> None:
    matcher = AlignedMatcher(typed(0, 120, faster=0.6))
    then = typed(0, 30, seed=1)
    now = [TimedSequence(kinds=one.kinds, lasted_ms=one.lasted_ms * 0.55, since_ms=one.since_ms * 0.55) for one in then]

    assert matcher.score(now).mean() > matcher.score(then).mean() + 12.0
    assert matcher.score(now).mean() > AlignedMatcher(typed(0, 120)).score(then).mean() - 3.0


def test_one_wild_key_costs_no_more_than_it_may() -> None:
    matcher = AlignedMatcher(typed(0, 60))
    usual = typed(0, 1, seed=1)[0]
    lasted = usual.lasted_ms.copy()
    lasted[5] = 60_000.0
    stuck = TimedSequence(kinds=usual.kinds, lasted_ms=lasted, since_ms=usual.since_ms)

    paid = matcher.score([usual])[0] - matcher.score([stuck])[0]

    assert 1.0 < paid < 9.0
    assert matcher.score([stuck])[0] > np.median(matcher.score(others()))


@pytest.mark.parametrize("held_ms", [2.0, 1_000.0, 10_000.0])
@pytest.mark.parametrize("since_ms", [5.0, 5_000.0, 60_000.0])
def test_what_is_like_nobody_is_not_the_person(held_ms: float, since_ms: float) -> None:
    kinds = np.array(PASSWORD, dtype=np.uint8)
    since = np.full(len(kinds), since_ms, dtype=np.float32)
    strange = TimedSequence(kinds=kinds, lasted_ms=np.full(len(kinds), held_ms, dtype=np.float32), since_ms=since)
    background = aligned_background([typed(person, 20) for person in range(20, 30)])

    for known in (None, background):
        matcher = AlignedMatcher(typed(0, 20), known)

        assert matcher.score([strange])[0] < matcher.score(typed(0, 50, seed=1)).min()


def test_a_background_of_another_pattern_is_left_aside() -> None:
    elsewhere = aligned_background([typed(person, 20, kinds=(*PASSWORD[::-1], 0)) for person in range(20, 30)])
    asked = typed(0, 5, seed=1)

    assert elsewhere["n_people"].tolist() == [10]
    np.testing.assert_array_equal(
        AlignedMatcher(typed(0, 20), elsewhere).score(asked), AlignedMatcher(typed(0, 20)).score(asked)
    )


def test_a_background_is_of_the_pattern_that_most_people_share() -> None:
    people = [[*typed(person, 12), *typed(person, 3, kinds=(0, 0, 0))] for person in range(5)]
    people += [typed(person, 9, kinds=(1, 1)) for person in range(5, 9)]

    background = aligned_background(people)

    assert background["kinds"].tolist() == list(PASSWORD)
    assert background["samples"].shape == (50, 21)
    assert background["n_people"].tolist() == [5]
    assert aligned_background(people[:3]) == {}
    assert aligned_background([]) == {}
    assert aligned_background([[], [], [], [], []]) == {}


def test_a_background_is_the_same_every_time_and_can_be_stored() -> None:
    people = [typed(person, 20) for person in range(6)]

    first, second = aligned_background(people), aligned_background(people)

    assert {name: array.dtype.name for name, array in first.items()} == {
        "kinds": "uint8",
        "samples": "float32",
        "correlation": "float32",
        "n_people": "int64",
    }
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


@pytest.mark.parametrize("kinds", [(0,), (0, 1), PASSWORD])
@pytest.mark.parametrize("n_enrolled", [1, 2, 3])
def test_samples_that_never_differ_give_finite_scores(kinds: tuple[int, ...], n_enrolled: int) -> None:
    same = TimedSequence(
        kinds=np.array(kinds, dtype=np.uint8),
        lasted_ms=np.zeros(len(kinds), dtype=np.float32),
        since_ms=np.zeros(len(kinds), dtype=np.float32),
    )
    alike = aligned_background([[same] * 3] * 5)

    for known in (None, alike):
        scores = AlignedMatcher([same] * n_enrolled, known).score([same, *typed(0, 3, kinds=kinds)])

        assert np.isfinite(scores).all()
        assert scores[0] > scores[1:].max() or (known is not None and len(kinds) < 11)


def test_sequences_of_other_kinds_are_refused() -> None:
    matcher = AlignedMatcher(typed(0, 5))

    with pytest.raises(SchemaError, match="matcher of mixed ones"):
        matcher.score(typed(0, 1, kinds=(0, 0)))
    with pytest.raises(SchemaError, match="sequence 1 has 2 acts"):
        AlignedMatcher([*typed(0, 1), *typed(0, 1, kinds=(0, 0))])
    assert matcher.score([]).shape == (0,)


def test_nobody_is_matched_without_a_sample() -> None:
    nothing = TimedSequence(
        kinds=np.empty(0, dtype=np.uint8), lasted_ms=np.empty(0, np.float32), since_ms=np.empty(0, np.float32)
    )

    for samples in ([], [nothing]):
        with pytest.raises(NotEnoughDataError, match="Enrol the person first"):
            AlignedMatcher(samples)


def test_samples_are_left_as_they_were() -> None:
    samples = typed(0, 10)
    before = [(one.lasted_ms.copy(), one.since_ms.copy()) for one in samples]

    AlignedMatcher(samples, aligned_background([samples] * 5)).score(samples)

    for one, (lasted, since) in zip(samples, before, strict=True):
        np.testing.assert_array_equal(one.lasted_ms, lasted)
        np.testing.assert_array_equal(one.since_ms, since)


def test_matching_needs_numpy_alone() -> None:
    code = (
        "import sys; import telltale.models.verification.aligned; "
        "print(sorted({'sklearn', 'scipy', 'torch', 'polars'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
