import numpy as np
import pytest
from tests.models.verification.mixed_typists import CORRECTION, DIGIT, LETTER, SPACE, person

from telltale.contract.sequence import TimedSequence
from telltale.models.verification.mixed_channels import channels_of, read_channels
from telltale.models.verification.mixed_features import Layout


def holds(lasted_ms: list[float]) -> TimedSequence:
    """Letters, half a second apart."""
    since = np.full(len(lasted_ms), 500.0, dtype=np.float32)
    since[:1] = 0.0
    return TimedSequence(
        kinds=np.zeros(len(lasted_ms), dtype=np.uint8),
        lasted_ms=np.array(lasted_ms, dtype=np.float32),
        since_ms=since,
    )


def test_quantiles_are_those_of_the_logarithms_of_holds() -> None:
    lasted = np.random.default_rng(0).uniform(60.0, 200.0, 37).tolist()
    found = Layout(channels_of([holds(lasted)])).describe([holds(lasted)])

    wanted = np.quantile(np.log(np.array(lasted, dtype=np.float32)), [0.1, 0.25, 0.5, 0.75, 0.9])
    n_hats = 4 + 3  # of letters, and of all other kinds
    np.testing.assert_allclose(found.values[0, n_hats : n_hats + 5], wanted, atol=1e-6)


def test_a_hold_between_two_knots_is_shared_by_their_hats() -> None:
    middle = float(np.sqrt(80.0 * 110.0))
    found = Layout(channels_of([holds([middle])])).describe([holds([middle]), holds([110.0]), holds([500.0])])

    # Hats at 80, 110, 150 and 220 ms; that at 50 ms is what they leave of one.
    wanted = np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    np.testing.assert_allclose(found.values[:, :4], wanted, atol=1e-6)


def test_values_are_counted_and_those_of_nothing_are_zero() -> None:
    samples = person(0, n_samples=2, n_keys=300)
    layout = Layout(channels_of(samples))
    only_letters = holds([100.0] * 12)

    found = layout.describe([only_letters, samples[0]])

    assert found.values.shape == found.counts.shape == (2, len(layout.usual))
    assert set(found.counts[0].tolist()) == {0.0, 11.0, 12.0}
    assert (found.values[0][found.counts[0] == 0] == 0).all()
    assert found.values[0, -layout.n_shares] == pytest.approx(1.0)


def test_sequences_described_together_are_as_each_alone() -> None:
    samples = person(1, n_samples=4, n_keys=90)
    layout = Layout(channels_of(samples))

    together = layout.describe(samples)

    for place, one in enumerate(samples):
        alone = layout.describe([one])
        np.testing.assert_allclose(together.values[place], alone.values[0], atol=1e-8)
        np.testing.assert_array_equal(together.counts[place], alone.counts[0])


def test_frequent_pairs_have_channels_and_rare_ones_share_one() -> None:
    channels = channels_of(person(2, n_samples=3, n_keys=500))

    own = channels.pairs[LETTER, LETTER], channels.pairs[LETTER, SPACE], channels.pairs[SPACE, LETTER]
    assert len(set(own)) == 3
    assert channels.pairs_full[list(own)].all()
    last = channels.n_pairs - 1
    assert channels.pairs[DIGIT, CORRECTION] == channels.pairs[9, 9] == last
    assert not channels.pairs_full[last]
    back = read_channels(channels.arrays())
    np.testing.assert_array_equal(back.pairs, channels.pairs)
    np.testing.assert_array_equal(back.kinds_full, channels.kinds_full)
