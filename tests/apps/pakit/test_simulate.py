from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.apps.pakit import APP
from telltale.apps.pakit.schema import EVENTS, MEASURED_CODECS
from telltale.apps.pakit.statistics import STATISTICS
from telltale.contract.errors import SchemaError, UsageError
from telltale.contract.simulation import Simulation
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import check_rows
from telltale.train.sources import check_simulated, simulated

NAMES = tuple(event.name for event in EVENTS)


def made(event: str, **how: object) -> pl.DataFrame:
    return simulated(APP, event, Simulation(**how))  # type: ignore[arg-type]


@settings(max_examples=15, deadline=None)
@given(event=st.sampled_from(NAMES), seed=st.integers(0, 10**6), n_rows=st.integers(1, 500))
def test_every_row_passes_its_own_schema_and_there_are_as_many_as_asked_for(event: str, seed: int, n_rows: int) -> None:
    checked = check_simulated(APP, event, Simulation(n_rows=n_rows, seed=seed))

    assert checked.quarantined == ()
    assert checked.frame.height == n_rows


@pytest.mark.parametrize("event", NAMES)
def test_more_rows_or_days_begin_with_the_same_rows(event: str) -> None:
    few, more = made(event, n_rows=50, seed=2), made(event, n_rows=700, seed=2)
    day, days = made(event, days=0.25, seed=2), made(event, days=1, seed=2)

    assert more[:50].equals(few)
    assert days[: day.height].equals(day)


@pytest.mark.parametrize("event", NAMES)
def test_what_was_done_was_done_with_a_probability_that_is_told(event: str) -> None:
    propensity = made(event, n_rows=300)["propensity"]

    assert propensity.null_count() == 0
    assert propensity.is_between(0.0, 1.0, closed="right").all()


def test_objects_have_several_blocks_of_which_the_last_is_shorter() -> None:
    blocks = made("block", days=1)

    sizes = blocks.group_by("object_id", maintain_order=True).agg("block_size")[:-1]["block_size"].to_list()
    assert max(map(len, sizes)) > 5
    assert all(size == 65_536 for own in sizes for size in own[:-1])
    assert any(own[-1] < 65_536 for own in sizes)


def test_no_codec_is_the_best_for_every_block() -> None:
    blocks = made("block")
    costs = blocks.select(
        pl.col(f"{codec}_write_s_per_mb") + pl.col(f"{codec}_ratio") / 100 + pl.col(f"{codec}_read_s_per_mb")
        for codec in MEASURED_CODECS
    )
    cheapest = costs.to_numpy().argmin(axis=1)

    assert len(set(cheapest.tolist())) >= 3
    assert not blocks.select(STATISTICS).null_count().to_numpy().any()


def test_an_event_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="block"):
        made("blocks")


@pytest.mark.parametrize("event", NAMES)
@pytest.mark.parametrize("column", ["data", "content", "bytes", "payload", "body"])
def test_an_event_that_could_hold_content_is_refused_by_name(event: str, column: str) -> None:
    frame = made(event, n_rows=3).with_columns(pl.lit("secret").alias(column), pl.Series(LINE, [1, 2, 3]))

    with pytest.raises(SchemaError, match=column) as refused:
        check_rows(APP.event(event), RawRows(frame=frame, source="test"), require_time=True)

    assert "secret" not in str(refused.value)


def test_a_block_as_first_promised_is_stored_without_statistics() -> None:
    row = {
        "timestamp": [datetime(2025, 3, 3, tzinfo=UTC)],
        "object_id": ["o"],
        "block_hash": ["abc123"],
        "block_size": [10_000.0],
        "block_depth": [5.0],
        "compression_algorithm": ["zstd"],
        "compression_ratio": [0.5],
        LINE: [1],
    }

    checked = check_rows(APP.event("block"), RawRows(frame=pl.DataFrame(row), source="test"), require_time=True)

    assert checked.quarantined == ()
    assert checked.frame.height == 1
