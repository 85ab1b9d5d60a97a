import lzma
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.catalogue import Asked, run
from benchmarks.compression import BANDWIDTHS_MB_S
from benchmarks.compression_blocks import Packed, measured, read_cases
from benchmarks.compression_files import machine_blocks, made_files
from benchmarks.compression_policies import Setting, always, btrfs_like, sample_and_try

from telltale.apps.pakit.schema import BLOCK_BYTES, CODECS
from telltale.contract.errors import NotFoundError, UsageError

WRITE_S_PER_MB = {"lz4": 0.002, "snappy": 0.002, "zstd_1": 0.003, "zstd_3": 0.004, "zstd_9": 0.02, "brotli": 0.03}
WORDS = b"the store keeps what it is given, and gives it back as it was; "


def ignore(_what: str) -> None:
    pass


def noise(n: int, seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(n)


def text(n: int, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    words = WORDS.split()
    return b" ".join(words[place] for place in rng.integers(0, len(words), n // 4))[:n]


def write_files(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number in range(4):
        (folder / f"text-{number}.txt").write_bytes(text(3 * BLOCK_BYTES + 100, number))
        (folder / f"noise-{number}.bin").write_bytes(noise(3 * BLOCK_BYTES, number))
    (folder / "packed.xz").write_bytes(lzma.compress(text(BLOCK_BYTES, 9)))
    (folder / "manifest.json").write_text("{}")


def test_files_are_cases_and_packed_ones_are_unpacked(tmp_path: Path) -> None:
    write_files(tmp_path / "data")

    cases = {case.name: case for case in read_cases(tmp_path / "data", seed=0, quick=True, progress=ignore)}

    real = {name: case for name, case in cases.items() if not name.startswith("made/")}
    assert len(real) == 8 * 2 + 1  # a file of one block is a case in one size alone
    assert b"".join(cases["packed"].blocks) == text(BLOCK_BYTES, 9)
    assert [len(block) for block in cases["text-0.txt"].blocks] == [BLOCK_BYTES] * 3 + [100]
    assert [len(block) for block in cases["text-0.txt in 128 KiB"].blocks] == [2 * BLOCK_BYTES, BLOCK_BYTES + 100]
    assert cases["text-0.txt in 128 KiB"].file == "text-0.txt"
    assert {name.split("-")[0] for name in cases.keys() - real.keys()} == {
        *("made/random", "made/zlib", "made/xz", "made/jpeg_like")
    }
    with pytest.raises(NotFoundError, match="no such folder"):
        read_cases(tmp_path / "absent", seed=0, quick=True, progress=ignore)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="0 files"):
        read_cases(tmp_path / "empty", seed=0, quick=True, progress=ignore)


def test_made_files_cannot_be_packed_and_are_the_same_of_the_same_seed() -> None:
    files = dict(made_files(3))
    others = dict(made_files(4))

    assert files == dict(made_files(3))
    for name, content in files.items():
        assert len(content) == 16 * BLOCK_BYTES
        assert len(lzma.compress(content, preset=0)) > 0.95 * len(content), name
        assert content not in others.values()


def test_blocks_of_this_machine_are_of_many_kinds() -> None:
    found = list(machine_blocks(40, with_packages=False))

    assert 20 <= sum(len(blocks) for _, blocks in found) <= 40
    assert len({Path(name).suffix for name, _ in found}) >= 4
    assert all(len(blocks) <= 4 for _, blocks in found)


def test_the_time_to_decide_is_shared_out_by_bytes() -> None:
    case = measured("text", [text(BLOCK_BYTES, 1), text(BLOCK_BYTES // 4, 1)])

    assert case.shares.tolist() == pytest.approx([0.8, 0.2])


def test_a_cost_is_writing_moving_and_reading_back() -> None:
    case = measured("text", [text(BLOCK_BYTES, 1)])
    row = case.rows[0]
    place = CODECS.index("zstd_1")
    ratio, write, read = (row[f"zstd_1_{name}"] for name in ("ratio", "write_s_per_mb", "read_s_per_mb"))
    assert isinstance(ratio, float)
    assert isinstance(write, float)
    assert isinstance(read, float)

    costs = case.costs(20.0)[0]

    assert costs[place] == pytest.approx(BLOCK_BYTES / 1e6 * (write + ratio / 20.0 + read))
    assert costs[CODECS.index("none")] == pytest.approx(BLOCK_BYTES / 20e6)


def with_given_times(file: Packed) -> Packed:
    """Ratios as measured, seconds per megabyte as given: a hiccup of this machine must not choose the codec."""
    given = {
        f"{codec}_{what}": seconds
        for codec, write_s in WRITE_S_PER_MB.items()
        for what, seconds in (("write_s_per_mb", write_s), ("read_s_per_mb", 0.001))
    }
    return replace(file, rows=tuple({**row, **given} for row in file.rows))


@pytest.mark.parametrize("heuristic", [btrfs_like, sample_and_try])
def test_a_heuristic_learns_to_compress_text_and_to_leave_noise(heuristic: object) -> None:
    files = [
        with_given_times(measured(f"{make.__name__}-{seed}", [make(BLOCK_BYTES, seed)] * 2))
        for make in (text, noise)
        for seed in (1, 2)
    ]

    policy = heuristic(Setting(bandwidth_mb_s=1.0, training=files))  # type: ignore[operator]  # either of the two

    assert set(policy([noise(BLOCK_BYTES, 7)])) <= {"none", "lz4"}
    assert set(policy([text(BLOCK_BYTES, 7)])) <= {"zstd_3", "zstd_9", "brotli"}
    assert always("lz4")([b"a", b"b"]) == ["lz4", "lz4"]


@pytest.mark.slow
def test_the_benchmark_scores_files_that_were_not_trained_on(tmp_path: Path) -> None:
    write_files(tmp_path / "data")
    write_files(tmp_path / "test")

    document = run("compression", Asked(data=tmp_path / "data", test=tmp_path / "test", quick=True), progress=ignore)

    rows = {row["name"]: row for row in document["rows"]}
    assert {"telltale", "best_in_training", "best_single", "btrfs_like", "sample_and_try", *CODECS} == set(rows)
    assert document["cases"] == 2 * 8 + 1 + 2 * 4
    for metric in BANDWIDTHS_MB_S:
        assert all(row["metrics"][metric] >= 0.0 for row in rows.values())
        assert document["bounds"]["oracle"][metric] == 0.0
    free = {row[0]: row[1:] for row in document["tables"][0]["rows"]}
    assert free["best_single"] == pytest.approx(
        [min(column) for column in zip(*(free[n] for n in CODECS), strict=True)]
    )
    assert rows["telltale"]["metrics"]["policy_us_per_block"] > 0.0


def test_a_test_folder_without_data_is_refused() -> None:
    with pytest.raises(UsageError, match="--test without --data"):
        run("compression", Asked(test=Path()), progress=ignore)
