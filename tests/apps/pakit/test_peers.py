"""`pakit/peers`: which peer a block is fetched from."""

import polars as pl
import pytest

from telltale.apps.pakit import APP
from telltale.apps.pakit.peers import PEERS_TASK, TIME_OUT_MS
from telltale.contract.query import ActQuery
from telltale.contract.simulation import Simulation
from telltale.models.act_runtime import ActRuntime
from telltale.models.bundle import load_bundle
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import rows_simulated, simulated
from telltale.train.version import train_version

SMALL, LARGE = {"block_size_log": 3.0, "network_load": 0.2}, {"block_size_log": 6.0, "network_load": 0.2}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> ActRuntime:
    directory = tmp_path_factory.mktemp("peers") / "bundle"
    rows = rows_simulated(APP, PEERS_TASK, Simulation(n_rows=4_320))
    train_version(APP, PEERS_TASK, rows, TrainingChoices(), directory=directory, progress=lambda *_: None)
    return ActRuntime(load_bundle(directory))


def test_a_version_of_simulated_rows_passes_and_saves_milliseconds(runtime: ActRuntime) -> None:
    metrics = runtime.manifest.metrics

    assert runtime.manifest.verdict.outcome == "pass"
    assert (metrics["gain_dr"] or 0) > 50.0
    assert (metrics["value_logged"] or 0) < (metrics["value_dr"] or 0) < 0


def test_large_blocks_are_fetched_from_others_than_small_ones(runtime: ActRuntime) -> None:
    names = tuple(f"peer-{number:02d}" for number in range(12))

    small, large = (runtime.probabilities(ActQuery(available=names, context=known)) for known in (SMALL, LARGE))

    assert sum(abs(small[name] - large[name]) for name in names) > 0.3


def test_a_peer_that_nobody_has_asked_yet_may_be_asked(runtime: ActRuntime) -> None:
    chances = runtime.probabilities(ActQuery(available=("peer-00", "peer-new"), context=SMALL))

    assert chances["peer-new"] > 0.0


def test_a_peer_is_the_same_whatever_the_seed_and_some_are_away() -> None:
    usual = []
    for seed in (1, 2):
        rows = simulated(APP, "peer", Simulation(n_rows=24_000, seed=seed))
        assert rows["available_peers"].list.len().min() < 12  # type: ignore[operator]  # a number
        assert all(peer in there for peer, there in rows.select("peer_id", "available_peers").rows())
        assert rows.filter(pl.col("success") == 0)["latency_ms"].null_count() == (rows["success"] == 0).sum()
        assert rows["latency_ms"].max() < TIME_OUT_MS  # type: ignore[operator]  # a number
        usual.append(rows.group_by("peer_id").agg(pl.col("latency_ms").median()).sort("peer_id")["latency_ms"])

    assert (usual[0] / usual[1]).is_between(0.7, 1.4).all()
    assert usual[0].max() > 2.0 * usual[0].min()  # type: ignore[operator]  # numbers
