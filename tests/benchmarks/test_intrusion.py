from pathlib import Path

import numpy as np
import polars as pl
import pytest
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.intrusion_cases import NSL, SNMP, UNSW, read_sets, trials_at_home, trials_of_two
from benchmarks.intrusion_made import made_flows
from benchmarks.results import check

from telltale.contract.errors import NotFoundError, UsageError
from telltale.telemetry.frames import LABEL

COUNTERS = ("ifInOctets11", "tcpInSegs")


def ignore(_what: str) -> None:
    pass


def nsl_like(n: int, *, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    kinds = {"normal": "normal", "neptune": "dos", "satan": "probe", "guess_passwd": "r2l"}
    label = rng.choice(list(kinds), n)
    return pl.DataFrame(
        {
            "duration": rng.integers(0, 100, n),
            "protocol_type": rng.choice(("tcp", "udp"), n),
            "service": rng.choice(("http", "smtp"), n),
            "flag": rng.choice(("SF", "S0"), n),
            "dst_host_srv_count": rng.integers(0, 255, n),
            "label": label,
            "difficulty": rng.integers(0, 21, n),
            "category": [kinds[one] for one in label],
        }
    )


def snmp_like(n: int, *, seed: int) -> pl.DataFrame:
    """Two runs of counters that only grow, and a gap in the second."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate([np.arange(n), np.arange(n) + 5_000])
    rows[-n // 4 :] += 50
    counts = {name: rng.integers(1, 9, 2 * n).cumsum() for name in COUNTERS}
    return pl.DataFrame({"row": rows, **counts, "class": ["normal"] * n + ["udp-flood"] * n})


@pytest.mark.slow
def test_a_quick_run_of_made_up_flows_keeps_the_contract() -> None:
    found = check(run("intrusion", Asked(quick=True), progress=ignore))

    ours, *baselines = found.rows
    assert [row.name for row in baselines] == [
        "random_forest",
        "gradient_boosting",
        "logistic",
        "isolation_forest",
        "pca_error",
        "l2_of_scores",
    ]
    assert set(BENCHMARKS["intrusion"].shown) <= set(ours.metrics)
    assert {"auroc_no_ttl", "auroc_five_columns", "auroc_one_class_no_ttl"} <= set(ours.metrics)
    assert all((ours.metrics[name] or 0) > 0.8 for name in ("auroc", "auroc_one_class", "accuracy"))
    assert "made up" in found.notes[0]


def test_sets_are_known_by_their_columns_and_neither_difficulty_nor_kind_is_measured(tmp_path: Path) -> None:
    nsl_like(200, seed=0).write_parquet(tmp_path / "any name.parquet")
    snmp_like(60, seed=0).write_csv(tmp_path / "another.csv")
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    told: list[str] = []

    sets = read_sets(tmp_path, progress=told.append)
    trial = trials_at_home(NSL, sets[NSL])[0]

    assert sets.keys() == {NSL, SNMP}
    assert [line.split(" ")[0] for line in told] == ["notes.csv"]
    assert set(trial.columns) == {"duration", "dst_host_srv_count", "protocol", "service", "state", "flow_id"}


def test_a_family_left_out_is_in_no_training_row_and_all_its_rows_are_unseen(tmp_path: Path) -> None:
    nsl_like(900, seed=1).write_parquet(tmp_path / "x.parquet")
    frame = read_sets(tmp_path, progress=ignore)[NSL]

    trials = {trial.case.removeprefix(f"{NSL} without "): trial for trial in trials_at_home(NSL, frame)}

    assert trials.keys() == {"dos", "probe", "r2l"}
    for family, trial in trials.items():
        n_of_family = (frame["attack_family"] == family).sum()
        assert trial.unseen.sum() == n_of_family
        assert (trial.test[LABEL].to_numpy()[trial.unseen] == 1).all()
        assert len(trial.train) < 900 * 2 / 3
    assert len({trial.normal for trial in trials.values()}) == 1


def test_differences_are_taken_within_a_run_and_not_over_a_gap(tmp_path: Path) -> None:
    raw = snmp_like(40, seed=2)
    raw.write_parquet(tmp_path / "x.parquet")

    frame = read_sets(tmp_path, progress=ignore)[SNMP]

    assert len(frame) == 2 * 40 - 2 - 1
    assert frame[list(COUNTERS)].to_numpy().max() < 9


def test_the_scored_rows_of_a_run_come_after_those_fitted_on(tmp_path: Path) -> None:
    raw = snmp_like(60, seed=3).with_columns(pl.int_range(pl.len()).pow(2).alias(COUNTERS[0]))
    raw.write_parquet(tmp_path / "x.parquet")

    (trial,) = trials_at_home(SNMP, read_sets(tmp_path, progress=ignore)[SNMP])

    for label in (0, 1):
        train, test = (frame.filter(pl.col(LABEL) == label)[COUNTERS[0]] for frame in (trial.train, trial.test))
        assert train.max() < test.min()  # type: ignore[operator]  # numbers: there are rows of both


def test_rows_of_test_whose_features_were_fitted_on_are_not_scored() -> None:
    train, test = made_flows(300, seed=0), made_flows(300, seed=1)

    trials = trials_of_two(UNSW, train, pl.concat([test, train.head(50)]))

    assert [trial.suffix for trial in trials] == ["", "_no_ttl", "_five_columns"]
    assert [len(trial.test) for trial in trials] == [300] * 3
    assert "sttl" not in trials[1].columns
    assert "dpkts" in trials[2].columns
    assert "service" not in set(trials[2].train.columns) - {"protocol", "service", "state"}


def test_two_folders_without_a_set_in_common_are_refused(tmp_path: Path) -> None:
    for name, frame in (("a", nsl_like(50, seed=0)), ("b", snmp_like(50, seed=0))):
        (tmp_path / name).mkdir()
        frame.write_parquet(tmp_path / name / "x.parquet")

    with pytest.raises(UsageError, match="different sets"):
        run("intrusion", Asked(data=tmp_path / "a", test=tmp_path / "b"), progress=ignore)


def test_a_folder_without_any_of_the_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no file of"):
        read_sets(tmp_path, progress=ignore)
