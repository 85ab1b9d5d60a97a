from dataclasses import replace

import numpy as np
import pytest
from benchmarks.series_made import made_series
from benchmarks.subsequence_detectors import VARIANTS, scored_as_trained, windows_of

from telltale.models.estimators import estimator_named

SERIES = made_series(700, seed=0)
FIRST_FIT = 105  # 15 % of the rows


@pytest.mark.parametrize("name", VARIANTS)
def test_a_row_is_scored_by_what_was_there_before_it(name: str) -> None:
    later = SERIES.values.copy()
    later[400:] = 1e3 - later[400:]

    scores, other = VARIANTS[name](SERIES), VARIANTS[name](replace(SERIES, values=later))

    assert np.isfinite(scores).all()
    assert len(np.unique(scores[FIRST_FIT:400])) > 100
    assert np.array_equal(scores[:400], other[:400])
    assert not np.array_equal(scores[400:], other[400:])


def test_rows_are_scored_by_a_fit_on_all_rows_before_the_last_doubling() -> None:
    estimator = estimator_named("patch_memory")
    windows = windows_of(SERIES.values, 32)

    found = scored_as_trained(SERIES, name="patch_memory")

    assert (found[:FIRST_FIT] == 0).all()
    for known, upto in ((105, 210), (210, 420), (420, 700)):
        parts = estimator.fit(windows[:known], labels=None, parameters=estimator.defaults, seed=0)
        assert np.array_equal(found[known:upto], estimator.load(parts).score(windows[known:upto]))
