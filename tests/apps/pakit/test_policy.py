"""How a store asks: codecs for the blocks of an object."""

from pathlib import Path

import numpy as np
import pytest

from telltale.apps.pakit import APP, COMPRESSION_TASK
from telltale.apps.pakit.policy import CodecPolicy
from telltale.apps.pakit.schema import BLOCK_BYTES, CODECS
from telltale.contract.simulation import Simulation
from telltale.models.choose_runtime import ChooseRuntime
from telltale.models.runtimes import load_runtime
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked
from telltale.train.version import train_version

TEXT = b"a line of a log that comes again and again\n" * 2_000
NOISE = np.random.default_rng(0).bytes(BLOCK_BYTES)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> ChooseRuntime:
    directory: Path = tmp_path_factory.mktemp("policy") / "version"
    checked = check_simulated(APP, "block", Simulation(n_rows=1_500))
    rows = rows_from_checked("simulated", checked, COMPRESSION_TASK, where="test")
    train_version(
        APP,
        COMPRESSION_TASK,
        rows,
        TrainingChoices(),
        directory=directory,
        progress=lambda _what, _done, _of: None,
    )
    loaded = load_runtime(directory)
    assert isinstance(loaded, ChooseRuntime)
    return loaded


@pytest.mark.parametrize("n_blocks", [0, 1, 15, 16, 17, 60])
def test_every_block_gets_a_codec(runtime: ChooseRuntime, n_blocks: int) -> None:
    chosen = CodecPolicy(runtime, bandwidth_mb_s=1.0).choose([TEXT] * n_blocks)

    assert len(chosen) == n_blocks
    assert {*chosen} <= {*CODECS}


def test_a_large_object_of_text_is_compressed_and_one_of_noise_is_not(runtime: ChooseRuntime) -> None:
    policy = CodecPolicy(runtime, bandwidth_mb_s=100.0)
    n_blocks = (
        4_000  # of the same bytes: large enough that deciding is worth it, whatever share of the time it may take
    )

    text, noise = policy.choose([TEXT[:BLOCK_BYTES]] * n_blocks), policy.choose([NOISE] * n_blocks)

    assert "none" not in text
    assert noise[0] == "none"


def test_where_deciding_takes_longer_than_it_can_win_the_usual_codec_is_taken(runtime: ChooseRuntime) -> None:
    policy = CodecPolicy(runtime, bandwidth_mb_s=100.0)

    assert policy.choose([NOISE[:512]]) == [policy.usual]


def test_the_faster_the_way_the_less_the_usual_codec_works(runtime: ChooseRuntime) -> None:
    usual = [CodecPolicy(runtime, bandwidth_mb_s=speed).usual for speed in (0.1, 1e5)]

    assert usual[0] in {"zstd_9", "brotli"}
    assert usual[1] == "none"
