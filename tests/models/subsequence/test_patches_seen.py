import numpy as np

from telltale.models.series.state_parts import copied, packed, unpacked
from telltale.models.subsequence.patches_seen import PatchesSeen

from .windows_made import Rows, swinging


def distances(values: Rows, seen: PatchesSeen | None = None, *, largest: float = 0.0) -> Rows:
    seen = seen or PatchesSeen()
    found = []
    for value in values.ravel().tolist():
        largest = max(largest, abs(value))
        found.append(seen.step(value, largest=largest))
    return np.array(found)


def plain_distances(values: Rows) -> Rows:
    """The same for a series short enough that every patch is kept, slowly."""
    n = len(values)
    padded = np.concatenate([[values[0]] * 3, values])
    patches = np.array([padded[i : i + 4][::-1] for i in range(n)]) * np.sqrt([0.5, 0.25, 0.125, 0.0625])
    return np.array(
        [
            np.linalg.norm(patches[: 50 * 2 ** int(np.log2(max(i, 50) / 50))] - patches[i], axis=1).min()
            for i in range(n)
        ]
    )


def test_the_distance_is_to_the_nearest_patch_of_those_learned_when_rows_had_last_doubled() -> None:
    values = np.random.default_rng(0).normal(size=190)  # learned at 50 and at 100; nothing is full

    found, plain = distances(values), plain_distances(values)

    units = plain[60:] / found[60:]
    assert (found[:60] == 0.0).all()
    assert np.allclose(units[1:], units[:-1] + (plain[60:-1] - units[:-1]) / np.arange(11, 140), rtol=0.02)


def test_a_course_of_usual_values_in_an_unusual_order_is_far_and_stays_so_while_it_lasts() -> None:
    values = swinging(3_000, seed=0).ravel()
    values[2_500:2_560] = 10.0 + np.where(np.arange(60) % 2, 0.9, -0.9)

    found = distances(values)

    assert found[2_504:2_560].min() > np.quantile(found[1_000:2_500], 0.999)


def test_what_went_on_until_the_rows_had_doubled_is_usual_then() -> None:
    values = swinging(2_000, seed=0).ravel()
    values[500:560] = values[1_900:1_960] = 30.0

    found = distances(values)

    assert found[500:560].min() > 20.0
    assert found[1_905:1_960].max() < 5.0


def test_the_unit_and_the_level_of_a_series_change_nothing() -> None:
    values = np.random.default_rng(1).normal(size=1_000)

    assert np.allclose(distances(values), distances(1e5 + 1e3 * values), rtol=1e-4)
    assert np.allclose(distances(values), distances(1e-9 * values), rtol=1e-4)


def test_the_state_is_bounded_and_comes_back_as_it_was() -> None:
    values = np.random.default_rng(2).standard_t(2.0, size=6_000)
    seen = PatchesSeen()
    sizes = []
    for start in range(0, 5_000, 500):
        distances(values[start : start + 500], seen, largest=100.0)
        sizes.append(len(packed(seen)))

    other, again = copied(seen), unpacked(PatchesSeen(), packed(seen), where="here")

    assert max(sizes) < 1_300
    goes_on = distances(values[5_000:], seen, largest=100.0)
    assert np.array_equal(distances(values[5_000:], other, largest=100.0), goes_on)
    assert np.array_equal(distances(values[5_000:], again, largest=100.0), goes_on)


def test_constants_and_extremes_get_finite_distances() -> None:
    for values in (np.zeros(300), np.full(300, 7.0), np.tile([1e100, -1e100, 0.0, 1e-45], 75)):
        assert np.isfinite(distances(values)).all()
    jump = np.concatenate([np.full(200, 7.0), [8.0]])
    assert distances(jump)[-1] > 1e3
