"""The benchmark of `dedup` on a small folder, and its parts against plain counts."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.catalogue import Asked, run
from benchmarks.dedup_blocks import EDITS, described, real_blocks
from benchmarks.dedup_store import ExactSearch, make_store
from benchmarks.results import check

from telltale.apps.pakit.schema import BLOCK_BYTES
from telltale.contract.errors import NotFoundError
from telltale.train.similar import jaccard


def ignore(_what: str) -> None:
    pass


def noise(n: int, seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(n)


def write_files(folder: Path, n: int = 12) -> None:
    for number in range(n):
        (folder / f"file-{number}.bin").write_bytes(noise(3 * BLOCK_BYTES, number))
    (folder / "short.bin").write_bytes(noise(100, 99))
    (folder / "manifest.json").write_text("{}")


def test_blocks_are_read_once_each_and_short_ones_passed_over(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "copy.bin").write_bytes(noise(3 * BLOCK_BYTES, 0))

    blocks = real_blocks(tmp_path, 1_000, progress=ignore)

    assert len(blocks) == len(set(blocks)) == 36
    assert len(real_blocks(tmp_path, 5, progress=ignore)) == 5
    with pytest.raises(NotFoundError, match="no such folder"):
        real_blocks(tmp_path / "absent", 5, progress=ignore)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_leaves_some_chunks_and_changes_others(edit: str) -> None:
    block, rng = noise(BLOCK_BYTES, 0), np.random.default_rng(1)
    alike = []
    for _ in range(20):
        made = EDITS[edit](block, rng)
        assert len(made) <= BLOCK_BYTES
        one, other = described([block, made])
        alike.append(jaccard(one.fingerprints, other.fingerprints))

    assert 0.3 < np.mean(alike) < 1.0
    assert len(set(alike)) > 10


def test_the_exact_search_counts_what_sets_have_in_common(tmp_path: Path) -> None:
    write_files(tmp_path)
    blocks = real_blocks(tmp_path, 30, progress=ignore)
    rng = np.random.default_rng(0)
    bases = described(blocks)
    edits = described([EDITS["overwritten"](block, rng) for block in blocks])
    store = make_store(bases, edits, 500, seed=0)
    search = ExactSearch(store)

    assert len(store.things.names) == 500
    for block in (*bases[:5], *edits[:5]):
        every = sorted((-jaccard(block.fingerprints, store.set_of(number)), number) for number in range(500))
        found = search.find(block.fingerprints, top_k=5)
        wanted = [-alike for alike, _ in every[:5] if alike < 0]
        assert found.similarities == pytest.approx(wanted[: len(found.similarities)])
        assert len(found.similarities) >= min(2, len(wanted))


@pytest.mark.slow
def test_a_quick_run_keeps_the_contract_and_finds_nearly_everything(tmp_path: Path) -> None:
    write_files(tmp_path)

    result = check(run("dedup", Asked(data=tmp_path, quick=True), progress=ignore))

    own = next(row for row in result.rows if row.ours)
    assert {row.name for row in result.rows} == {"telltale", "exact_search"}
    assert own.by_case.keys() == EDITS.keys()
    assert (own.metrics["recall_5"] or 0.0) >= 0.95
    assert 0 < (own.metrics["bytes_per_block"] or 0.0) < 1_000
    assert result.cases == len(EDITS)
