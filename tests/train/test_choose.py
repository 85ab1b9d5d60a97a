from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from telltale.apps.pakit import APP, COMPRESSION_TASK
from telltale.apps.pakit.compression.features import COMPRESSION
from telltale.apps.pakit.schema import CODECS
from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.contract.estimator import Choice
from telltale.contract.simulation import Simulation
from telltale.models.choose_runtime import SAMPLE_FORETOLD, SAMPLE_MEASURED, SAMPLE_ROWS
from telltale.models.estimators import estimator_named
from telltale.telemetry.frames import ENTITY
from telltale.train.choose import fit_choose, judge_choose, measured_costs
from telltale.train.choose_objective import ChoiceObjective
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
    assert rows.shape == (400, len(fitted.plan.columns))
    sizes = rows[:, fitted.plan.columns.index("block_size")]
    assert set(sizes.tolist()) <= set(CHECKED.frame["block_size"].to_list())
    assert np.isnan(rows[:, fitted.plan.columns.index("bandwidth_mb_s")]).all()


def test_costs_foretold_without_a_rows_object_go_along_and_are_not_those_of_the_model_itself() -> None:
    fitted = fit_choose(request(CHECKED.frame))

    arrays = fitted.parts.arrays
    measured, foretold = arrays[SAMPLE_MEASURED], arrays[SAMPLE_FORETOLD]
    assert measured.shape == foretold.shape == (400, 3, len(CODECS))
    assert measured[:, 0, CODECS.index("lz4")] == pytest.approx(CHECKED.frame["lz4_ratio"].to_numpy())
    assert np.isfinite(foretold).all()
    whole = fit_choose(request(CHECKED.frame.with_columns(pl.int_range(pl.len()).cast(pl.String).alias(ENTITY))))
    assert not np.array_equal(whole.parts.arrays[SAMPLE_FORETOLD], foretold)


@pytest.mark.parametrize("is_absent", [True, False])
def test_a_choice_that_was_hardly_measured_is_left_out_and_the_version_says_so(is_absent: bool) -> None:
    few = pl.when(pl.int_range(pl.len()) < 10).then(pl.col("lz4_ratio")).alias("lz4_ratio")
    frame = CHECKED.frame.drop("lz4_ratio") if is_absent else CHECKED.frame.with_columns(few)
    told: list[str] = []

    fitted = fit_choose(replace(request(frame), tell=told.append))

    assert fitted.choices is not None
    assert fitted.choices.names == tuple(name for name in CODECS if name != "lz4")
    assert told == [f"Measured on too few rows to choose: lz4 on {0 if is_absent else 10}; left out."]


def test_nothing_left_to_choose_from_and_a_share_to_flag_are_refused() -> None:
    measured = [f"{name}_ratio" for name in CODECS if name != "none"]

    with pytest.raises(NotEnoughDataError, match="lz4 on 0, snappy on 0"):
        fit_choose(request(CHECKED.frame.drop(measured)))
    with pytest.raises(UsageError, match="--contamination"):
        fit_choose(request(CHECKED.frame, TrainingChoices(contamination=0.1)))


def test_parameters_are_tuned_by_the_regret_on_objects_that_were_left_out() -> None:
    space = {"alpha": Choice(kind="category", values=(1e9, 1.0))}
    asked = replace(request(CHECKED.frame, TrainingChoices(n_trials=4, search_space=space)), parameters={"alpha": 1e9})

    fitted = fit_choose(asked)

    assert fitted.parameters == {"alpha": 1.0}  # a level and nothing else chooses alike for every block


def test_what_parameters_are_worth_is_what_choosing_by_them_would_have_cost() -> None:
    frame = CHECKED.frame
    asked = request(frame)
    outcomes = np.log(np.column_stack([frame[name].to_numpy() for name in COMPRESSION.columns()]))
    objective = ChoiceObjective(asked, COMPRESSION, outcomes)

    tried = [objective.try_fold(asked.parameters, fold, seed=0) for fold in range(objective.n_folds)]

    assert sum(len(one.regret) for one in tried) == frame.height
    assert all((one.regret >= 0).all() for one in tried)
    assert not set(tried[0].groups) & set(tried[1].groups)
    assert objective.worth(tried) == pytest.approx(-np.concatenate([one.regret for one in tried]).mean())
    nothing = objective.gains(tried, tried, rng=np.random.default_rng(0), n=5)
    assert nothing.tolist() == [0.0] * 5


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
