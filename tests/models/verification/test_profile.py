import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.errors import SchemaError, TelltaleError
from telltale.models.verification.profile import LEAST_MS, MOST_BYTES, MOST_MS, RELATIVE_ERROR, pack, unpack
from telltale.models.verification.sequence import TimedSequence


def typed(n_keys: int, seed: int, *, kinds: tuple[int, ...] | None = None) -> TimedSequence:
    rng = np.random.default_rng(seed)
    since = rng.lognormal(5.0, 1.0, n_keys).astype(np.float32)
    since[:1] = 0.0
    return TimedSequence(
        kinds=np.asarray(kinds if kinds is not None else rng.integers(0, 16, n_keys), dtype=np.uint8),
        lasted_ms=rng.lognormal(4.5, 0.4, n_keys).astype(np.float32),
        since_ms=since,
    )


PASSWORD = (4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4)


@given(st.lists(st.floats(LEAST_MS, MOST_MS, width=32), min_size=1, max_size=40), st.integers(0, 15))
def test_a_time_comes_back_within_the_stated_error(times: list[float], kind: int) -> None:
    n = len(times)
    since = np.array([0.0, *times[1:]], dtype=np.float32)
    sequence = TimedSequence(
        kinds=np.full(n, kind, dtype=np.uint8), lasted_ms=np.array(times, dtype=np.float32), since_ms=since
    )

    (back,) = unpack(pack([sequence]))

    np.testing.assert_array_equal(back.kinds, sequence.kinds)
    np.testing.assert_allclose(back.lasted_ms, sequence.lasted_ms, rtol=RELATIVE_ERROR + 1e-5)
    np.testing.assert_allclose(back.since_ms, since, rtol=RELATIVE_ERROR + 1e-5)
    assert back.since_ms[0] == 0.0


def test_times_off_the_grid_are_cut_to_its_ends() -> None:
    times = np.array([0.0, 0.5, 1.5, 90_000.0], dtype=np.float32)
    sequence = TimedSequence(kinds=np.zeros(4, dtype=np.uint8), lasted_ms=times, since_ms=times)

    (back,) = unpack(pack([sequence]))

    np.testing.assert_allclose(back.lasted_ms, [0.0, 0.0, 2.0, 60_000.0], rtol=1e-6)


def test_packing_again_loses_nothing_more() -> None:
    once = pack([typed(11, seed) for seed in range(50)])

    assert pack(unpack(once)) == once


def test_two_hundred_repetitions_of_a_password_fit() -> None:
    repetitions = [typed(11, seed, kinds=PASSWORD) for seed in range(200)]

    profile = pack(repetitions)
    back = unpack(profile)

    assert len(profile) <= 4_700
    assert len(back) == 200
    np.testing.assert_allclose(back[0].lasted_ms, repetitions[0].lasted_ms, rtol=0.03)
    np.testing.assert_allclose(back[-1].since_ms, repetitions[-1].since_ms, rtol=0.03)


@pytest.mark.parametrize("n_keys", [1, 11, 40, 500, 2_000, 5_000])
def test_the_newest_are_kept_and_the_profile_stays_small(n_keys: int) -> None:
    sequences = [typed(n_keys, seed) for seed in range(max(2, 20_000 // n_keys))][:2_000]

    profile = pack(sequences)
    back = unpack(profile)

    assert MOST_BYTES - 2 * 64 - (5 * n_keys // 2 if n_keys < 50 else 50) < len(profile) <= MOST_BYTES or n_keys == 1
    np.testing.assert_allclose(
        back[-1].lasted_ms, np.clip(sequences[-1].lasted_ms[-len(back[-1]) :], LEAST_MS, MOST_MS), rtol=0.03
    )
    assert all(len(sequence) == n_keys for sequence in back[1:])


def test_a_long_text_is_cut_to_its_latest_keys() -> None:
    old, new = typed(3_000, 0), typed(2_000, 1)

    back = unpack(pack([old, new]))

    assert [len(sequence) for sequence in back] == [1_195, 2_000]
    np.testing.assert_array_equal(back[0].kinds, old.kinds[-1_195:])
    assert back[0].since_ms[0] == 0.0
    assert sum(map(len, back)) > 3_000


def test_nothing_packs_to_nothing() -> None:
    assert unpack(pack([])) == ()
    assert unpack(pack([typed(0, 0)])) == ()


@pytest.mark.parametrize("fault", ["kind", "negative", "nan", "lengths"])
def test_what_is_no_sequence_is_refused(fault: str) -> None:
    good = typed(5, 0)
    kinds, lasted, since = good.kinds.copy(), good.lasted_ms.copy(), good.since_ms.copy()
    if fault == "kind":
        kinds[2] = 16
    elif fault == "lengths":
        since = since[:-1]
    else:
        lasted[1] = {"negative": -1.0, "nan": np.nan}[fault]

    with pytest.raises(SchemaError, match="profile"):
        pack([TimedSequence(kinds=kinds, lasted_ms=lasted, since_ms=since)])


def test_a_profile_of_another_format_or_damaged_says_so() -> None:
    profile = pack([typed(11, 0)])

    with pytest.raises(TelltaleError, match="enrol the person again"):
        unpack(bytes([9]) + profile[1:])
    with pytest.raises(TelltaleError, match="format is None"):
        unpack(b"")
    for n in range(5, len(profile)):
        with pytest.raises(TelltaleError, match="do not add up"):
            unpack(profile[:n])
