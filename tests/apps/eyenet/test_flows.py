from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from telltale.apps.eyenet import APP
from telltale.apps.eyenet.flows import FLOW, FLOWS, derive_flow_plan
from telltale.contract.estimator import Parameter
from telltale.features.frame import feature_matrix, run_plan
from telltale.features.reasons import reasons
from telltale.models.runtimes import score_runtime
from telltale.telemetry.frames import LABEL, LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import Checked, check_rows
from telltale.train.fitted import TrainingChoices
from telltale.train.version import TrainingRows, train_version


def checked(n: int = 600, *, seed: int = 0, **more: object) -> Checked:
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "protocol": rng.choice(("tcp", "udp"), n),
            "service": rng.choice(("http", "dns", "smtp"), n),
            "src_bytes": rng.lognormal(6, 1, n).round(),
            "drift": rng.normal(size=n),
            "is_attack": (np.arange(n) % 10 == 0).astype(int),
            LINE: np.arange(1, n + 1),
        }
    ).with_columns(**more)  # type: ignore[arg-type]  # expressions
    return check_rows(FLOW, RawRows(frame=frame, source="test"), require_time=False)


def test_every_numeric_column_is_measured_beside_the_texts_that_are_there() -> None:
    found = checked()

    assert set(found.columns) == {"flow_id", "protocol", "service", "state", "src_bytes", "drift"}
    assert not found.quarantined


def test_a_row_has_an_indicator_for_its_text_and_logarithms_of_its_numbers() -> None:
    found = checked()
    plan = derive_flow_plan(found.frame, found.columns)

    done = run_plan(plan, found.frame)

    assert done["service=http"].to_list() == [float(text == "http") for text in found.frame["service"]]
    assert np.allclose(done["src_bytes:log"], np.log1p(found.frame["src_bytes"].to_numpy()))


def test_rare_texts_of_normal_rows_and_missing_ones_are_unusual() -> None:
    rare = pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("x11")).otherwise(pl.col("service")).alias("service")
    found = checked(2_000, service=rare)
    plan = derive_flow_plan(found.frame, found.columns)
    fresh = found.frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 3).then(None).otherwise(pl.col("service")).alias("service")
    )

    done = run_plan(plan, fresh)

    assert [place for place, value in enumerate(done["service:unusual"]) if value] == [3, 7]
    assert np.isfinite(feature_matrix(plan, fresh)).all()


def test_a_text_that_attacks_alone_have_is_none_of_the_usual_ones() -> None:
    service = pl.when(pl.col("is_attack") == 1).then(pl.lit("x11")).otherwise(pl.col("service")).alias("service")
    found = checked(service=service)
    plan = derive_flow_plan(found.frame, found.columns)

    done = run_plan(plan, found.frame)
    n_usual = done.select(pl.sum_horizontal("service=http", "service=dns", "service=smtp")).to_series()

    assert "service:unusual" not in plan.features
    assert n_usual.to_list() == [float(label == 0) for label in found.frame[LABEL]]


def test_a_column_of_texts_that_nobody_has_is_no_feature() -> None:
    found = checked()

    assert not [name for name in derive_flow_plan(found.frame, found.columns).features if name.startswith("state")]


def test_attacks_have_no_part_in_what_is_usual() -> None:
    found = checked()
    attacked = found.frame.with_columns(
        pl.when(pl.col(LABEL) == 1).then(1e9).otherwise(pl.col("src_bytes")).alias("src_bytes")
    )

    assert derive_flow_plan(attacked, found.columns) == derive_flow_plan(found.frame, found.columns)


def test_a_reason_names_the_number_that_is_far_from_usual_in_its_own_unit() -> None:
    found = checked()
    plan = derive_flow_plan(found.frame, found.columns)
    row = run_plan(plan, found.frame[:1].with_columns(pl.lit(5e7).alias("src_bytes"))).row(0, named=True)

    told = reasons(plan, row.__getitem__)

    assert told[0].metric == "src_bytes"
    assert told[0].value == pytest.approx(5e7)
    assert 0 < told[0].expected_low < 400 < told[0].expected_high < 5e5


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["novelty_trees", "isolation_forest"])
def test_a_version_is_trained_on_flows_and_judged_and_answers_a_row_as_a_frame(tmp_path: Path, estimator: str) -> None:
    bytes_of_attacks = pl.when(pl.col("is_attack") == 1).then(9e5).otherwise(pl.col("src_bytes")).alias("src_bytes")
    train, held_out = (checked(900, seed=seed, src_bytes=bytes_of_attacks) for seed in (0, 1))
    rows = TrainingRows(kind="file", train=train.frame, held_out=held_out.frame, columns=train.columns)
    app = replace(APP, events=(FLOW,), tasks=(FLOWS,))
    quick: dict[str, Parameter] = (
        {"n_components": 4, "max_iter": 20, "n_kinds": 4} if estimator == "novelty_trees" else {}
    )
    choices = TrainingChoices(estimator=estimator, parameters=quick)

    trained = train_version(app, FLOWS, rows, choices, directory=tmp_path, progress=lambda _what, _done, _of: None)
    runtime = score_runtime(tmp_path)
    framed = runtime.score_frame(held_out.frame)
    alone = [runtime.answer_row(row, 0.0).score for row in held_out.frame.select(runtime.columns).head(60).iter_rows()]

    assert trained.judged.metrics["auroc"].value > 0.95
    assert np.array_equal(alone, framed[:60])
