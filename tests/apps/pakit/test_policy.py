"""How a store asks: codecs for the blocks of an object."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.apps.pakit import APP, COMPRESSION_TASK
from telltale.apps.pakit.compression.policy import CodecPolicy
from telltale.apps.pakit.compression.strategy import LEAST_BYTES, Strategy, Way, best_strategy
from telltale.apps.pakit.schema import BLOCK_BYTES, CODECS, TRIALS
from telltale.contract.answer import ChoiceAnswer, RowValue
from telltale.contract.simulation import Simulation
from telltale.models.choice_tree import Leaf
from telltale.models.choose_runtime import ChooseRuntime, PricedRows
from telltale.models.runtimes import load_runtime
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked
from telltale.train.version import train_version

TEXT = b"a line of a log that comes again and again\n" * 2_000
COLUMNS = ("block_size", TRIALS[0])
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

    assert policy.choose([NOISE[:512]]) == [policy.usual(512)]


def test_the_faster_the_way_the_less_the_usual_codec_works(runtime: ChooseRuntime) -> None:
    usual = [CodecPolicy(runtime, bandwidth_mb_s=speed).usual(BLOCK_BYTES) for speed in (0.1, 1e5)]

    assert usual[0] in {"zstd_9", "brotli"}
    assert usual[1] == "none"


def test_a_small_last_block_takes_the_codec_of_its_own_size(runtime: ChooseRuntime) -> None:
    policy = CodecPolicy(runtime, bandwidth_mb_s=100.0)

    assert policy.choose([TEXT[:BLOCK_BYTES]] * 600 + [TEXT[:100]])[-1] == policy.usual(100)


def test_a_change_within_an_object_is_seen_and_what_stays_alike_is_not_asked_again(
    runtime: ChooseRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = CodecPolicy(runtime, bandwidth_mb_s=100.0)
    by_model = tuple(way for way in policy.strategy.ways if way.asks == "model")
    policy.strategy = replace(policy.strategy, ways=by_model)
    asked: list[float] = []
    answer_row = ChooseRuntime.answer_row

    def counted(self: ChooseRuntime, values: Sequence[RowValue], time_s: float) -> ChoiceAnswer:
        asked.append(time_s)
        return answer_row(self, values, time_s)

    monkeypatch.setattr(ChooseRuntime, "answer_row", counted)
    prose = b" ".join(str(number * number).encode() for number in range(20_000))[:BLOCK_BYTES]
    chosen = policy.choose([prose] * 160 + [NOISE] * 160)

    assert chosen[0] != "none"
    assert chosen[-1] == "none"
    assert len(asked) == 2


def test_of_what_all_but_vanishes_nothing_more_is_asked(runtime: ChooseRuntime) -> None:
    policy = CodecPolicy(runtime, bandwidth_mb_s=500.0)
    policy.strategy = replace(policy.strategy, vanishing=CODECS.index("delta2_zstd_1"))  # which nobody else would take

    chosen = policy.choose([bytes(BLOCK_BYTES)] * 160 + [NOISE] * 160)

    assert set(chosen[:160]) == {"delta2_zstd_1"}
    assert chosen[-1] == "none"


@given(
    n_runs=st.integers(1, 500),
    n_bytes=st.integers(1, 10**9),
    regret_per_s=st.floats(1e3, 1e9),
    saved=st.floats(-1.0, 1.0),
)
def test_no_way_is_taken_that_is_expected_to_save_less_than_it_takes(
    n_runs: int, n_bytes: int, regret_per_s: float, saved: float
) -> None:
    way = Way(asks="model", by_ratio=Leaf(0), margin=0.0, regret=0.0, saved=saved, first_s=1e-4, again_s=1e-5)
    strategy = Strategy(usual=Leaf(0), vanishing=0, regret=0.0, ways=(way,), regret_per_s=regret_per_s)

    is_taken = strategy.best_way(n_bytes, n_runs) is not None

    assert is_taken == (n_bytes >= LEAST_BYTES and saved > regret_per_s * way.look_s(n_runs) / n_bytes)


def test_the_model_is_left_for_the_usual_codec_where_what_it_foretold_was_wrong() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    rows = np.column_stack([np.full(400, float(BLOCK_BYTES)), rng.uniform(0.3, 0.9, 400)])
    measured = np.column_stack([np.full(400, 1e-3), np.where(rng.random(400) < 0.5, 0.9e-3, 3e-3)])
    wrong = measured[:, ::-1]

    by_truth, by_lies = (
        best_strategy(PricedRows(rows=rows, measured=measured, foretold=told, groups=groups), COLUMNS)
        for told in (measured, wrong)
    )

    asks = next(way for way in by_truth.ways if way.asks == "model")
    assert asks.saved > 0.04
    assert asks.regret == 0.0
    assert next(way for way in by_lies.ways if way.asks == "model").saved < 0.0
    assert by_lies.best_way(10**12, 1) is None
