"""Codecs at work on real files: what is kept of them, and what is not."""

import os
import random
from pathlib import Path

import polars as pl
import pytest

from telltale.apps.pakit.collect import BLOCKS_PER_FILE, collect_blocks
from telltale.apps.pakit.compression.codecs import codecs, measure_codecs
from telltale.apps.pakit.schema import BLOCK, BLOCK_BYTES, CODECS, MEASURED_CODECS
from telltale.contract.errors import NotFoundError, UsageError
from telltale.telemetry.frames import ENTITY
from telltale.telemetry.raw_rows import rows_from_objects
from telltale.telemetry.validate import check_rows

pytest.importorskip("cramjam", reason="the extra [collect] is not installed")

SECRET = b"the quick brown fox, account 4711; "


def measured(block: bytes) -> dict[str, float]:
    return measure_codecs(block, n_runs=1)


def test_every_codec_of_the_schema_is_measured_in_its_columns() -> None:
    found = measured(SECRET * 100)

    names = {f"{codec}_{of}" for codec in MEASURED_CODECS for of in ("ratio", "write_s_per_mb", "read_s_per_mb")}
    assert tuple(codecs()) == MEASURED_CODECS
    assert found.keys() == names
    assert names <= {column.name for column in BLOCK.columns}
    assert all(value > 0 for value in found.values())


def test_of_a_share_every_codec_is_measured_and_of_the_others_the_one_that_was_drawn(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}").write_bytes(SECRET * (number + 1))

    rows = list(collect_blocks(str(tmp_path), None, measured_percent=30, seed=1))

    counts = [sum(f"{codec}_ratio" in row for codec in MEASURED_CODECS) for row in rows]
    n_whole = counts.count(len(MEASURED_CODECS))
    assert 4 <= n_whole <= 20
    assert set(counts) == {0, 1, len(MEASURED_CODECS)}
    assert len({row["compression_algorithm"] for row in rows}) > 5
    for row in rows:
        assert row["propensity"] == 1 / len(CODECS)
        assert row["compression_ratio"] == row.get(f"{row['compression_algorithm']}_ratio", 1.0)
    assert check_rows(BLOCK, rows_from_objects(rows), require_time=True).quarantined == ()
    with pytest.raises(UsageError, match="0 to 100"):
        collect_blocks(str(tmp_path), None, measured_percent=101)


def test_ratios_are_compressed_over_original() -> None:
    repeated, noise = measured(SECRET * 1_000), measured(random.Random(0).randbytes(BLOCK_BYTES))

    assert all(repeated[f"{codec}_ratio"] < 0.1 for codec in MEASURED_CODECS)
    assert all(0.99 < noise[f"{codec}_ratio"] < 1.02 for codec in MEASURED_CODECS)


def test_rows_pass_the_check_and_hold_nothing_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "secret-name.txt").write_bytes(SECRET * 4_000)
    (tmp_path / "noise.bin").write_bytes(os.urandom(100))
    (tmp_path / "empty").touch()

    rows = list(collect_blocks(str(tmp_path), None))

    told = repr(rows)
    # Words with letters that no hash has: four digits stand in some hash or figure by chance.
    assert not any(word in told for word in ("quick", "account", "secret-name", "noise"))
    checked = check_rows(BLOCK, rows_from_objects(rows), require_time=True)
    assert checked.quarantined == ()
    assert sorted(checked.frame.group_by(ENTITY).len()["len"].to_list()) == [1, 3]
    assert checked.frame["block_size"].max() == BLOCK_BYTES
    assert checked.frame.select(pl.col("compression_algorithm").null_count()).item() == checked.frame.height


def test_a_large_file_gives_a_bounded_number_of_blocks_and_rows_end_where_asked(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(BLOCK_BYTES * 3 * BLOCKS_PER_FILE))

    assert len(list(collect_blocks(str(tmp_path), None))) == BLOCKS_PER_FILE
    assert len(list(collect_blocks(str(tmp_path / "large"), 2))) == 2


def test_a_path_where_nothing_is_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        collect_blocks(str(tmp_path / "gone"), 1)
