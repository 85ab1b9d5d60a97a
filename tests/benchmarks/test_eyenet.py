"""The networks of the benchmark are parted as it says, and a quick run gives every figure of quality."""

import pytest
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.eyenet_cases import QUICK, trials
from benchmarks.results import check

from telltale.telemetry.frames import ENTITY, LABEL, TIME


def test_no_device_that_is_scored_as_new_is_trained_on_and_days_are_others() -> None:
    whole, fine = trials(QUICK)

    for trial in (whole, fine):
        trained = set(trial.rows.train[ENTITY])
        assert trained.isdisjoint(trial.new.frame[ENTITY])
        assert trained == set(trial.known.frame[ENTITY])
        last = trial.rows.train[TIME].max()
        assert (trial.new.frame[TIME] > last).all()
        assert trial.new.frame[LABEL].null_count() == 0
    assert (whole.suffix, fine.suffix) == ("", "_10s")


def test_alarms_of_the_truth_are_all_faults_and_nothing_else() -> None:
    scored = next(trials(QUICK)).new

    found = scored.alarms(scored.labels == 1)

    assert (found.event_recall, found.n_false_alarms, found.delay_s) == (1.0, 0, 0.0)
    assert found.n_events > 10
    assert scored.recall_at_one(scored.labels.astype(float)) == 1.0


@pytest.mark.slow
def test_a_quick_run_gives_every_figure_of_quality() -> None:
    found = check(run("eyenet", Asked(quick=True), progress=lambda _what: None))

    (ours,) = [row for row in found.rows if row.ours]
    plain = next(row for row in found.rows if row.name == "z_score")
    assert set(BENCHMARKS["eyenet"].shown) <= set(ours.metrics)
    assert ours.metrics["auroc"] is not None
    assert plain.metrics["auroc"] is not None
    assert ours.metrics["auroc"] > 0.93
    assert plain.metrics["auroc"] < 0.87
