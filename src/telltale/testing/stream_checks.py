"""What every estimator promises that adapts (`telltale.contract.stream`), as checks that any of them can be put through."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Floats, Parts
from telltale.contract.stream import StreamEstimator, StreamRows, StreamScorer
from telltale.evaluate.ranking import auroc, average_precision
from telltale.models.bundle import load_bundle, save_bundle
from telltale.testing.processes import in_the_other_process
from telltale.testing.quick_parameters import check_parameters
from telltale.testing.refusals import assert_refused
from telltale.testing.samples import last_value_scores, sample_manifest
from telltale.testing.streams import assert_bounded

StreamCheck = Callable[[StreamEstimator], None]

_NO_ROWS = np.empty(0, dtype=np.uint64)
_SEVERAL: Final = 4
_INTERVAL_S: Final = 300.0
_START_S: Final = 1_704_067_200.0
_ENTITY: Final = "here"
# Sums in another order differ in the last bits.
_NEAR: Final = 1e-6
# How far above a trivial baseline's average precision a model's must be.
_CLEARLY: Final = 0.1
_MOST_STATE: Final = 50_000  # numbers of a packed state


def check_one_finite_score_per_row(estimator: StreamEstimator) -> None:
    """A block of n rows gets n finite float64 scores, for n of 0 and 1 too, wherever values lie, with times and without."""
    scorer = _fitted(estimator)
    rows = _sample(estimator, 1)[0]
    wild = np.array([[3e38], [-3e38], [0.0], [1e-45], [3e38]]).repeat(rows.rows.shape[1], axis=1)
    for values in (rows.rows[:0], rows.rows[:1], rows.rows, wild, np.vstack([wild, rows.rows])):
        n = len(values)
        times = _times(np.arange(n))
        odd = times - _INTERVAL_S * 4.0 * (np.arange(n) % 3)  # some go back
        for times_s in (times, odd, np.full(n, np.nan)):
            scores = scorer.fresh().score(values, times_s)

            assert scores.shape == (n,), f"{n} rows got scores of shape {scores.shape}"
            assert scores.dtype == np.float64, f"scores are {scores.dtype}"
            assert np.isfinite(scores).all(), f"scores {scores[~np.isfinite(scores)][:3]} are not finite"


def check_inputs_are_not_mutated(estimator: StreamEstimator) -> None:
    """Rows, times, labels and parameters are as they were after fitting and scoring."""
    series, labels = _sample(estimator, 0)
    parameters = check_parameters(estimator)
    before = series.rows.copy(), series.times_s.copy(), labels.copy(), parameters.copy()

    scorer = estimator.load(estimator.fit([series], labels=[labels], parameters=parameters, seed=0))
    scorer.start(_ENTITY).score(series.rows, series.times_s)

    assert np.array_equal(series.rows, before[0]), "rows were changed"
    assert np.array_equal(series.times_s, before[1]), "times were changed"
    assert np.array_equal(labels, before[2]), "labels were changed"
    assert parameters == before[3], "parameters were changed"


def check_blocks_of_any_size_are_alike(estimator: StreamEstimator) -> None:
    """Rows one by one, in blocks of any size and all at once get the same scores."""
    scorer = _fitted(estimator)
    rows = _sample(estimator, 1)[0]
    whole = scorer.start(_ENTITY).score(rows.rows, rows.times_s)
    for size in (1, 7, 400):
        state = scorer.start(_ENTITY)
        parts = [
            state.score(rows.rows[first : first + size], rows.times_s[first : first + size])
            for first in range(0, len(rows.rows), size)
        ]
        _assert_near(np.concatenate(parts), whole, f"in blocks of {size}")


def check_a_state_is_whole(estimator: StreamEstimator) -> None:
    """A state that was packed and unpacked, or copied, goes on as the first one does, which does not notice."""
    scorer = _fitted(estimator)
    rows = _sample(estimator, 1)[0]
    half = len(rows.rows) // 2
    state = scorer.start(_ENTITY)
    state.score(rows.rows[:half], rows.times_s[:half])
    packed, copied = state.pack(), state.copy()
    assert packed.ndim == 1 and packed.dtype == np.float64, f"a state is packed as {packed.dtype} {packed.shape}"  # noqa: PT018
    assert np.isfinite(packed).all(), "what is packed is not finite"

    went = copied.score(rows.rows[half:], rows.times_s[half:])
    unpacked = scorer.unpack(packed).score(rows.rows[half:], rows.times_s[half:])
    own = state.score(rows.rows[half:], rows.times_s[half:])

    _assert_near(went, own, "a copy")
    _assert_near(unpacked, own, "what was unpacked")


def check_a_known_entity_goes_on(estimator: StreamEstimator) -> None:
    """An entity that was fitted on stands where following its rows leads to; one that was not is fresh."""
    series, _ = _sample(estimator, 0)
    rows = _sample(estimator, 1)[0]
    scorer = _fitted(estimator)
    follows = scorer.start(_ENTITY)  # what is its own, such as its scale, is known from the start
    led = scorer.start(_ENTITY)
    led.score(series.rows, series.times_s)
    stranger, fresh = scorer.start("never seen"), scorer.fresh()

    assert np.array_equal(stranger.pack(), fresh.pack()), "somebody unknown is not fresh"
    assert not np.array_equal(follows.pack(), fresh.pack()), "somebody known is fresh"
    assert not np.array_equal(led.pack(), follows.pack()), "nothing is learned of rows"
    scores = follows.score(rows.rows, rows.times_s)
    assert not np.array_equal(scores, fresh.score(rows.rows, rows.times_s)), "what was known changes nothing"


def check_same_seed_same_parts(estimator: StreamEstimator) -> None:
    """The same seed on the same rows gives the same parts, to the byte, in another process too."""
    first = stream_parts_sha256(estimator, 3)

    assert stream_parts_sha256(estimator, 3) == first, "two fits with one seed differ"
    assert in_the_other_process(stream_parts_sha256, estimator, 3) == first, "another process differs"


def check_stored_scores_are_the_same(estimator: StreamEstimator) -> None:
    """Parts that were saved and loaded give identical scores; they are an ONNX graph or finite float64 arrays."""
    parts = _fit(estimator, 0)
    rows = _sample(estimator, 1)[0]
    with tempfile.TemporaryDirectory() as name:
        save_bundle(Path(name), sample_manifest(estimator.name), parts, _NO_ROWS)
        loaded = load_bundle(Path(name)).parts

    for key, array in parts.arrays.items():
        assert array.dtype == np.float64, f"array {key} is {array.dtype}"
        assert np.isfinite(array).all(), f"array {key} is not finite"
    for entity in (_ENTITY, "never seen"):
        before, after = (estimator.load(one).start(entity).score(rows.rows, rows.times_s) for one in (parts, loaded))
        assert np.array_equal(before, after), "scores differ"


def check_states_do_not_touch_each_other(estimator: StreamEstimator) -> None:
    """Two entities side by side, and another fit, change nothing of what a state says."""
    scorer = _fitted(estimator)
    rows = _sample(estimator, 1)[0]
    alone = scorer.fresh().score(rows.rows, rows.times_s)
    one, other = scorer.fresh(), scorer.fresh()
    found = []
    for place in range(0, len(rows.rows), 50):
        part = slice(place, place + 50)
        found.append(one.score(rows.rows[part], rows.times_s[part]))
        other.score(-3.0 * rows.rows[part], rows.times_s[part])
    _fit(estimator, 2)

    _assert_near(np.concatenate(found), alone, "beside another")


def check_higher_score_is_more_likely_the_event(estimator: StreamEstimator) -> None:
    """Rows of incidents score higher than normal ones, however much is labelled: all, or nothing."""
    series, labels = _sample(estimator, 0)
    rows, truth = _sample(estimator, 1)
    for known in ([labels], None):
        parts = estimator.fit([series], labels=known, parameters=check_parameters(estimator), seed=0)
        area = auroc(truth, estimator.load(parts).start(_ENTITY).score(rows.rows, rows.times_s))
        assert area > 0.8, f"an incident outscores a normal row in {area:.0%} of pairs"


def check_better_than_trivial(estimator: StreamEstimator) -> None:
    """It ranks incidents clearly better than a constant and than the last change, without labels."""
    rows, truth = _sample(estimator, 1)
    found = average_precision(truth, _fitted(estimator).start(_ENTITY).score(rows.rows, rows.times_s))

    for baseline, scores in (("a constant", np.zeros(len(truth))), ("the last value", last_value_scores(rows.rows))):
        trivial = average_precision(truth, scores)
        assert found > trivial + _CLEARLY, f"average precision {found:.3f}; {baseline}: {trivial:.3f}"


def check_rarity_is_what_it_says(estimator: StreamEstimator) -> None:
    """Of new normal rows about a tenth score above 1 at most, and one in a hundred above 2, where it says how rare they are."""
    if not estimator.traits.tells_rarity:
        return
    rows, truth = _sample(estimator, 4)
    scores = _fitted(estimator).start(_ENTITY).score(rows.rows, rows.times_s)[truth == 0]
    for decades, most in ((1.0, 0.25), (2.0, 0.05), (3.0, 0.02)):
        share = float((scores >= decades).mean())
        assert share <= most, f"{share:.1%} of normal rows score {decades} and more"


def check_a_column_that_never_moved_is_seen_when_it_does(estimator: StreamEstimator) -> None:
    """A column that is constant in training raises the score once it moves."""
    series, _ = _sample(estimator, 0)
    still = series.rows.copy()
    still[:, 0] = 0.25
    parts = estimator.fit(
        [StreamRows(entity=_ENTITY, times_s=series.times_s, rows=still)],
        labels=None,
        parameters=check_parameters(estimator),
        seed=0,
    )
    after = still[-5:].copy()
    moved = after.copy()
    moved[-1, 0] = 5.0
    times_s = series.times_s[-1] + _INTERVAL_S * np.arange(1, 6)
    scorer = estimator.load(parts)
    at_rest, in_motion = (scorer.start(_ENTITY).score(one, times_s)[-1] for one in (after, moved))

    assert in_motion > at_rest, "the move is not seen"


def check_bounded(estimator: StreamEstimator) -> None:
    """Memory, latency and the size of what is packed stay flat on a long stream of single rows."""
    rows = _sample(estimator, 1)[0]
    state = _fitted(estimator).start(_ENTITY)
    # As long as it takes until whatever is kept of a series is full.
    state.score(np.tile(rows.rows, (20, 1)), _times(np.arange(20 * len(rows.rows))))
    size = len(state.pack())
    clock = iter(_START_S + _INTERVAL_S * np.arange(20 * len(rows.rows), 10**7))

    assert_bounded(lambda row: state.score(row, np.array([next(clock)])), [row[None] for row in rows.rows])
    assert len(state.pack()) <= max(1.5 * size, 64), f"a state of {size} numbers became one of {len(state.pack())}"
    assert len(state.pack()) <= _MOST_STATE, f"a state is {len(state.pack())} numbers"


def check_wrong_parts_are_refused_by_name(estimator: StreamEstimator) -> None:
    """Parts, and packed states, that are empty or of something else raise BundleError, which names the fault and the mend."""
    for parts in (Parts(), Parts(onnx=b"not a graph"), Parts(arrays={"something_else": np.zeros(3)})):
        assert_refused(BundleError, "", estimator.load, parts)
    scorer = _fitted(estimator)
    for packed in (np.empty(0), np.zeros(3), np.full(100_000, 7.0)):
        assert_refused(BundleError, "", scorer.unpack, packed)


STREAM_CHECKS: Final[tuple[StreamCheck, ...]] = (
    check_one_finite_score_per_row,
    check_inputs_are_not_mutated,
    check_blocks_of_any_size_are_alike,
    check_a_state_is_whole,
    check_a_known_entity_goes_on,
    check_same_seed_same_parts,
    check_stored_scores_are_the_same,
    check_states_do_not_touch_each_other,
    check_higher_score_is_more_likely_the_event,
    check_better_than_trivial,
    check_rarity_is_what_it_says,
    check_a_column_that_never_moved_is_seen_when_it_does,
    check_bounded,
    check_wrong_parts_are_refused_by_name,
)


def stream_parts_sha256(estimator: StreamEstimator, seed: int) -> str:
    """The hash of what a fit with this seed stores; a function of the module, so that another process can run it."""
    parts = _fit(estimator, seed)
    digest = hashlib.sha256(parts.onnx or b"")
    for name in sorted(parts.arrays):
        digest.update(name.encode() + parts.arrays[name].tobytes())
    return digest.hexdigest()


def _sample(estimator: StreamEstimator, seed: int, *, n_rows: int = 1_200) -> tuple[StreamRows, NDArray[np.int8]]:
    """Autocorrelated rows with incidents of one to four rows outside the bulk, 6 % of them; seeds follow each other in time."""
    k = 1 if estimator.traits.columns == "one" else _SEVERAL
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_rows, k))
    for i in range(1, n_rows):
        values[i] = 0.7 * values[i - 1] + np.sqrt(1 - 0.7**2) * values[i]
    labels = np.zeros(n_rows, dtype=np.int8)
    for start in rng.choice(n_rows // 5 - 1, size=n_rows // 40, replace=False) * 5:
        rows = slice(start, start + int(rng.integers(1, 5)))
        which = rng.choice(k, size=min(k, int(rng.integers(1, 4))), replace=False)
        values[rows, which] += rng.choice((-1, 1), size=len(which)) * rng.uniform(6, 10)
        labels[rows] = 1
    times_s = _times(seed * n_rows + np.arange(n_rows))
    return StreamRows(entity=_ENTITY, times_s=times_s, rows=values), labels


def _times(places: NDArray[np.int64]) -> Floats:
    return np.asarray(_START_S + _INTERVAL_S * places, dtype=np.float64)


def _fit(estimator: StreamEstimator, seed: int) -> Parts:
    series, _ = _sample(estimator, 0)
    return estimator.fit([series], labels=None, parameters=check_parameters(estimator), seed=seed)


def _fitted(estimator: StreamEstimator) -> StreamScorer:
    return estimator.load(_fit(estimator, 0))


def _assert_near(found: Floats, expected: Floats, which: str) -> None:
    apart = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    assert np.max(apart) <= _NEAR, f"{which} scores differ by {np.max(apart):.1e}"
