"""The task `dedup` as a whole: real blocks and edits of them, from files to answers."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from telltale.apps.pakit import APP
from telltale.apps.pakit.collect import block_row
from telltale.apps.pakit.dedup.task import DEDUP_TASK, find_similar, find_similar_to
from telltale.apps.pakit.schema import BLOCK, BLOCK_BYTES
from telltale.contract.errors import NotFoundError
from telltale.contract.simulation import Simulation
from telltale.models.runtimes import load_runtime
from telltale.models.similar_runtime import SimilarRuntime
from telltale.telemetry.raw_rows import rows_from_objects
from telltale.telemetry.validate import Checked, check_rows
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked, rows_simulated
from telltale.train.version import Trained, TrainingRows, train_version

WORDS = b"the store keeps what it is given and gives it back as it was when somebody asks for it again".split()


def text(seed: int, n: int = BLOCK_BYTES) -> bytes:
    rng = np.random.default_rng(seed)
    return b" ".join(WORDS[place] for place in rng.integers(0, len(WORDS), n // 3))[:n]


def edited(block: bytes, seed: int, n_edits: int = 6) -> bytes:
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(block), n_edits).tolist():
        block = block[:place] + rng.bytes(40) + block[place + 20 :]
    return block[:BLOCK_BYTES]


def rows_of(blocks: list[bytes]) -> Checked:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    rows = [block_row(block, object_id=f"object-{place % 40}", now=now) for place, block in enumerate(blocks)]
    return check_rows(BLOCK, rows_from_objects(rows), require_time=True)


def trained(rows: TrainingRows, directory: Path) -> tuple[Trained, SimilarRuntime]:
    made = train_version(
        APP, DEDUP_TASK, rows, TrainingChoices(), directory=directory, progress=lambda _what, _done, _of: None
    )
    runtime = load_runtime(directory)
    assert isinstance(runtime, SimilarRuntime)
    return made, runtime


def hash_of(block: bytes) -> str:
    return str(block_row(block, object_id="", now=datetime(2024, 1, 1, tzinfo=UTC))["block_hash"])


BLOCKS = [text(seed) for seed in range(60)]
EDITS = [edited(block, seed) for seed, block in enumerate(BLOCKS)]


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> SimilarRuntime:
    rows = rows_from_checked("file", rows_of([*BLOCKS, *EDITS]), DEDUP_TASK, where="test")
    return trained(rows, tmp_path_factory.mktemp("dedup") / "version")[1]


def test_the_block_that_another_is_an_edit_of_is_found_by_name(runtime: SimilarRuntime) -> None:
    for block, edit in zip(BLOCKS, EDITS, strict=True):
        found = find_similar(runtime, hash_of(edit), top_k=5)

        assert found[0].item == hash_of(block)
        assert 0.5 < found[0].similarity < 1.0
        assert all(one.similarity < 0.3 for one in found[1:])


def test_a_block_that_the_store_never_saw_is_compared_by_its_bytes(runtime: SimilarRuntime) -> None:
    for place, block in enumerate(BLOCKS[:20]):
        found = find_similar_to(runtime, edited(block, 1_000 + place), top_k=2)

        assert {one.item for one in found} == {hash_of(block), hash_of(EDITS[place])}


def test_bytes_that_share_no_chunk_are_compared_by_their_statistics(runtime: SimilarRuntime) -> None:
    found = find_similar_to(runtime, text(9_999))

    assert len(found) == 5
    assert found[0].similarity > 0.5


def test_a_block_that_is_not_known_is_refused_with_what_to_do(runtime: SimilarRuntime) -> None:
    with pytest.raises(NotFoundError, match="chunk_hashes"):
        find_similar(runtime, "00ff")


def test_blocks_that_are_removed_are_found_no_more_whether_before_training_or_after(
    runtime: SimilarRuntime, tmp_path: Path
) -> None:
    checked = rows_of([*BLOCKS, *EDITS])
    is_gone = checked.frame["block_hash"].is_in([hash_of(block) for block in BLOCKS]).cast(float)
    frame = checked.frame.with_columns(is_gone.alias("is_removed"))
    rows = TrainingRows(kind="file", train=frame, held_out=frame[:0], columns=checked.columns)

    without = trained(rows, tmp_path / "version")[1]
    learned = runtime.learn(frame)

    for one in (without, learned):
        assert one.index.n_items == len(EDITS)
        assert hash_of(BLOCKS[0]) not in {found.item for found in find_similar(one, hash_of(EDITS[0]))}


def test_a_row_without_fingerprints_does_not_take_the_place_of_one_with_them(runtime: SimilarRuntime) -> None:
    poor = rows_of(BLOCKS[:1]).frame.with_columns(chunk_hashes=None)
    poor = poor.cast({"chunk_hashes": rows_of(BLOCKS[:1]).frame.schema["chunk_hashes"]})

    assert find_similar(runtime.learn(poor), hash_of(BLOCKS[0])) == find_similar(runtime, hash_of(BLOCKS[0]))


@pytest.mark.slow
def test_a_version_of_simulated_rows_keeps_its_targets(tmp_path: Path) -> None:
    made, runtime = trained(rows_simulated(APP, DEDUP_TASK, Simulation(seed=3)), tmp_path / "version")

    assert made.judged.verdict.outcome == "pass"
    assert made.judged.metrics["recall_5"].n >= 100
    assert 0.1 < made.judged.metrics["alike_share"].value < 0.9
    assert runtime.index.n_items > 4_000


def test_simulated_objects_are_edits_of_others_and_a_few_blocks_are_removed() -> None:
    frame = check_simulated(APP, "block", Simulation(n_rows=2_000)).frame

    assert 0.005 < frame["is_removed"].mean() < 0.05  # type: ignore[operator]  # a share
    sets = frame["chunk_hashes"].to_list()
    assert all(sets)
    kinds, counts = np.unique(np.concatenate(sets), return_counts=True)
    assert 0.1 < (counts > 1).mean() < 0.9
    assert kinds.max() < 2**52
