import numpy as np
import polars as pl
import pytest

from telltale.apps.pakit import APP, COMPRESSION_TASK
from telltale.contract.errors import NotEnoughDataError, SchemaError, UsageError
from telltale.contract.simulation import Simulation
from telltale.models.choose_runtime import SAMPLE_ROWS
from telltale.models.estimators import estimator_named
from telltale.telemetry.frames import ENTITY
from telltale.train.choose import fit_choose, judge_choose, measured_costs
from telltale.train.fitted import FitRequest, TrainingChoices
from telltale.train.sources import check_simulated
from telltale.train.version import TrainingRows, train_version

CHECKED = check_simulated(APP, "block", Simulation(n_rows=400, seed=3))


def request(frame: pl.DataFrame, choices: TrainingChoices | None = None) -> FitRequest:
    estimator = estimator_named("linear_outcomes")
    return FitRequest(
        app=APP,
        task=COMPRESSION_TASK,
        estimator=estimator,
        parameters=dict(estimator.defaults),
        frame=frame,
        columns=CHECKED.columns,
        choices=choices or TrainingChoices(),
        progress=lambda _what, _done, _of: None,
        tell=lambda _line: None,
    )


def test_an_outcome_is_learned_from_the_rows_that_measured_it_alone() -> None:
    place = pl.int_range(pl.len())
    half = CHECKED.frame.with_columns(pl.when(place % 2 == 0).then(pl.col("brotli_ratio")).alias("brotli_ratio"))
    wild = CHECKED.frame.with_columns(pl.when(place % 2 == 0).then(pl.col("brotli_ratio")).otherwise(1e9))

    known, moved = (fit_choose(request(frame)).parts.arrays for frame in (half, wild))

    assert np.isfinite(known["slopes"]).all()
    assert np.array_equal(known["slopes"][:, 0], moved["slopes"][:, 0])
    assert not np.array_equal(known["level"], moved["level"])


def test_some_training_rows_go_along_as_the_plan_reads_them() -> None:
    fitted = fit_choose(request(CHECKED.frame))

    assert fitted.plan is not None
    rows = fitted.parts.arrays[SAMPLE_ROWS]
    assert rows.shape == (256, len(fitted.plan.columns))
    sizes = rows[:, fitted.plan.columns.index("block_size")]
    assert set(sizes.tolist()) <= set(CHECKED.frame["block_size"].to_list())
    assert np.isnan(rows[:, fitted.plan.columns.index("bandwidth_mb_s")]).all()


def test_too_few_measurements_and_searches_are_refused() -> None:
    few = CHECKED.frame.with_columns(pl.when(pl.int_range(pl.len()) < 10).then(pl.col("lz4_ratio")).alias("lz4_ratio"))

    with pytest.raises(NotEnoughDataError, match="lz4_ratio was measured on 10 rows"):
        fit_choose(request(few))
    with pytest.raises(SchemaError, match="snappy_ratio"):
        fit_choose(request(CHECKED.frame.drop("snappy_ratio")))
    with pytest.raises(UsageError, match="--tune"):
        fit_choose(request(CHECKED.frame, TrainingChoices(n_trials=3)))


def test_only_rows_whose_alternatives_were_all_measured_are_judged(tmp_path_factory: pytest.TempPathFactory) -> None:
    from telltale.models.bundle import load_bundle
    from telltale.models.choose_runtime import ChooseRuntime

    directory = tmp_path_factory.mktemp("version")
    rows = TrainingRows(kind="file", train=CHECKED.frame, held_out=CHECKED.frame[:0], columns=CHECKED.columns)
    choices = TrainingChoices(estimator="linear_outcomes")
    train_version(APP, COMPRESSION_TASK, rows, choices, directory=directory, progress=lambda *_: None)
    runtime = ChooseRuntime(load_bundle(directory))
    fresh = check_simulated(APP, "block", Simulation(n_rows=300, seed=4)).frame
    place = pl.int_range(pl.len())
    gaps = fresh.with_columns(pl.when(place >= 100).then(pl.col("zstd_9_read_s_per_mb")).alias("zstd_9_read_s_per_mb"))

    judged, whole = judge_choose(COMPRESSION_TASK, runtime, gaps), judge_choose(COMPRESSION_TASK, runtime, gaps[100:])

    assert judged.metrics["regret"].n == 200
    assert judged == whole
    assert np.isnan(measured_costs(runtime, gaps)[:100]).any(axis=1).all()
    nothing = judge_choose(COMPRESSION_TASK, runtime, fresh.drop("lz4_ratio"))
    assert (nothing.verdict.outcome, nothing.metrics) == ("not_enough_evidence", {})
    one = fresh.filter(pl.col(ENTITY) == fresh[ENTITY][0])
    assert judge_choose(COMPRESSION_TASK, runtime, one).metrics["regret"].n == one.height
