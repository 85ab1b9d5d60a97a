"""What comes next, end to end: trained, stored, asked, judged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace

from telltale.apps.pakit import APP
from telltale.contract.errors import BundleError, NotEnoughDataError, SchemaError, UsageError
from telltale.contract.query import NextQuery
from telltale.models.bundle import load_bundle, save_bundle
from telltale.models.next_runtime import MOST_ITEMS, MOST_RECENT, NextRuntime, sequences
from telltale.models.runtimes import load_runtime
from telltale.telemetry.frames import ENTITY, LINE, TIME, TIME_DTYPE, sort_checked
from telltale.testing.samples import sample_rows
from telltale.train.fitted import TrainingChoices
from telltale.train.next import judge_next
from telltale.train.version import TrainingRows, train_version

TASK = APP.task("prefetch")
START = datetime(2024, 1, 1, tzinfo=UTC)


def frame_of(walks: dict[str, list[str | None]], *, apart_s: float = 1.0) -> pl.DataFrame:
    lines: Iterator[int] = iter(range(1, 1_000_000))
    rows = [
        (name, START + timedelta(seconds=apart_s * place), next(lines), item)
        for name, items in walks.items()
        for place, item in enumerate(items)
    ]
    schema: dict[str, pl.DataType] = {
        ENTITY: pl.String(),
        TIME: TIME_DTYPE,
        LINE: pl.Int64(),
        "block_hash": pl.String(),
    }
    return sort_checked(pl.DataFrame(rows, schema=schema, orient="row"))


def trained(train: pl.DataFrame, directory: Path, **choices: object) -> NextRuntime:
    rows = TrainingRows(kind="file", train=train, held_out=train.clear(), columns=("block_hash",))
    made = train_version(
        APP,
        TASK,
        rows,
        TrainingChoices(**choices),  # type: ignore[arg-type]  # as a test gives them
        directory=directory,
        progress=lambda _what, _done, _of: None,
    )
    runtime = load_runtime(made.directory)
    assert isinstance(runtime, NextRuntime)
    return runtime


def scans(n: int) -> list[str | None]:
    return [str(start + step) for start in range(0, 1_000 * n, 1_000) for step in range(12)]


def test_rows_without_an_item_are_left_out_and_one_moment_keeps_the_order_it_was_told_in() -> None:
    frame = frame_of({"b": ["9", None, "8"], "a": ["2", "1", "3"]}, apart_s=0.0)

    assert sequences(frame, "block_hash") == {"a": ["2", "1", "3"], "b": ["9", "8"]}


def test_a_trained_version_foretells_for_each_stream_of_a_frame(tmp_path: Path) -> None:
    runtime = trained(frame_of({"one": scans(60), "two": scans(20)}), tmp_path / "version")

    answers = runtime.answer_frame(frame_of({"x": ["5", "6", "7"], "y": ["never-heard-of"]}))

    assert set(answers[ENTITY]) == {"x"}
    assert answers["item"][0] == "8"
    assert answers["rank"].to_list() == list(range(1, answers.height + 1))
    runtime.self_test()
    with pytest.raises(SchemaError, match="block_hash"):
        runtime.answer_frame(frame_of({"x": ["1"]}).drop("block_hash"))


def test_only_the_last_of_what_was_come_to_counts_and_top_k_has_its_range(tmp_path: Path) -> None:
    runtime = trained(frame_of({"one": scans(60)}), tmp_path / "version")
    recent = tuple(item for item in scans(20) if item is not None)

    assert runtime.ask([NextQuery(recent=recent)]) == runtime.ask([NextQuery(recent=recent[-MOST_RECENT:])])
    for wrong in (0, MOST_ITEMS + 1):
        with pytest.raises(UsageError, match=f"from 1 to {MOST_ITEMS}"):
            runtime.ask([NextQuery(recent=("1",), top_k=wrong)])


def test_too_few_rows_and_searches_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughDataError, match="no entity came to 2 values of block_hash"):
        trained(frame_of({"one": ["1"], "two": ["2"]}), tmp_path / "few")
    with pytest.raises(UsageError, match="--tune"):
        trained(frame_of({"one": scans(20)}), tmp_path / "tuned", n_trials=3)


def test_a_bundle_that_does_not_say_what_comes_next_is_refused(tmp_path: Path) -> None:
    trained(frame_of({"one": scans(20)}), tmp_path / "version")
    bundle = load_bundle(tmp_path / "version")
    without = replace(bundle.manifest, succession=None)
    save_bundle(tmp_path / "broken", without, bundle.parts, bundle.trained_rows, drift=bundle.drift_reference())

    with pytest.raises(BundleError, match="does not say what comes next"):
        load_runtime(tmp_path / "broken")


def test_on_simulated_streams_it_beats_read_ahead_within_its_limits(tmp_path: Path) -> None:
    rows = sample_rows(APP, TASK)
    runtime = trained(rows.train, tmp_path / "version")

    judged = judge_next(TASK, runtime, rows.held_out)

    metrics = {name: measured.value for name, measured in judged.metrics.items()}
    assert judged.verdict.outcome == "pass", judged.verdict
    assert metrics["hit_ratio"] > metrics["hit_ratio_lru_readahead"] + 0.05
    assert metrics["hit_ratio_no_prefetch"] < 0.3
    assert metrics["next_hit_rate_4"] > 0.6
    assert set(metrics) >= {"coverage", "hit_ratio_gain", "hit_ratio_lru"}
    read_ahead = trained(rows.train, tmp_path / "sequential", estimator="sequential")
    assert judge_next(TASK, read_ahead, rows.held_out).verdict.outcome == "fail"


def test_no_rows_are_no_evidence(tmp_path: Path) -> None:
    runtime = trained(frame_of({"one": scans(20)}), tmp_path / "version")

    assert judge_next(TASK, runtime, frame_of({})).verdict.outcome == "not_enough_evidence"
