from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.keystroke import paired, ratio_to_gate, row_of, trials_of
from benchmarks.keystroke_cases import Repetitions, made_people, people_in, read_people
from benchmarks.keystroke_choice import alone
from benchmarks.keystroke_detectors import (
    METHODS,
    manhattan_scaled,
    manhattan_scaled_21,
    telltale,
)
from benchmarks.results import check

from telltale.contract.errors import NotEnoughDataError, NotFoundError, SchemaError, UsageError

KEYS = ("period", "t", "five", "Shift.r", "space", "Return")


def ignore(_what: str) -> None:
    pass


def frame_of(people: Mapping[str, Repetitions], n_keys: int) -> pl.DataFrame:
    """Rows as the CMU file has them, of the first keys of made-up people."""
    rows = []
    for name, person in people.items():
        for place, times in enumerate(person.independent):
            holds, presses = times[:n_keys], times[11 : 11 + n_keys - 1]
            row = {"subject": name, "sessionIndex": 1 + place // 10, "rep": 1 + place % 10}
            for at, key in enumerate(KEYS[:n_keys]):
                row[f"H.{key}"] = holds[at]
                if at < n_keys - 1:
                    row[f"DD.{key}.{KEYS[at + 1]}"] = presses[at]
                    row[f"UD.{key}.{KEYS[at + 1]}"] = presses[at] - holds[at]
            rows.append(row)
    return pl.DataFrame(rows)


@pytest.mark.slow
def test_a_quick_run_of_made_up_people_keeps_the_contract() -> None:
    found = check(run("keystroke", Asked(quick=True), progress=ignore))

    assert [row.name for row in found.rows] == list(METHODS)
    assert set(BENCHMARKS["keystroke"].shown) <= set(found.rows[0].metrics)
    assert all({"eer", "eer_sd", "eer_global", "eer_background"} <= set(row.metrics) for row in found.rows)
    assert 0 < (found.rows[0].metrics["profile_bytes"] or 0) <= 8_000
    assert {len(row.by_case) for row in found.rows} == {found.cases}
    assert (found.comparisons[0].metric, found.comparisons[0].baseline) == ("eer", "manhattan_scaled_21")
    assert "made up" in found.notes[0]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_people_are_read_whatever_the_file_is_called_and_its_rows_are_sorted_by(tmp_path: Path, suffix: str) -> None:
    frame = frame_of(made_people(4, n_repetitions=25, seed=1), 6)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=3)
    if suffix == "csv":
        shuffled.write_csv(tmp_path / "anything.csv")
    else:
        shuffled.write_parquet(tmp_path / "anything.parquet")
    pl.DataFrame({"other": [1]}).write_csv(tmp_path / "unrelated.csv")

    people = read_people(tmp_path, progress=ignore)

    assert sorted(people) == [f"made-0{number}" for number in range(1, 5)]
    person = people["made-02"]
    own = frame.filter(pl.col("subject") == "made-02")
    np.testing.assert_allclose(person.independent[:, 1], own["H.t"])
    np.testing.assert_allclose(person.columns[:, -1], own["UD.space.Return"])
    assert person.sequences[3].kinds.tolist() == [4, 0, 1, 0, 2, 4]
    np.testing.assert_allclose(person.sequences[3].since_ms[2], 1_000.0 * own["DD.t.five"][3], rtol=1e-5)
    np.testing.assert_allclose(person.sequences[3].lasted_ms[5], 1_000.0 * own["H.Return"][3], rtol=1e-5)


def test_folders_that_cannot_be_judged_are_refused(tmp_path: Path) -> None:
    frame = frame_of(made_people(4, n_repetitions=25, seed=1), 4)

    with pytest.raises(NotFoundError, match="no such folder"):
        read_people(tmp_path / "absent", progress=ignore)
    with pytest.raises(NotFoundError, match="no file with the columns"):
        read_people(tmp_path, progress=ignore)
    with pytest.raises(SchemaError, match=r"DD\.t\.five"):
        people_in(frame.drop("DD.t.five"), where="here")
    with pytest.raises(SchemaError, match="a time is missing"):
        people_in(frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("H.t")), where="here")
    frame.filter(pl.col("subject") < "made-03").write_csv(tmp_path / "two.csv")
    with pytest.raises(NotEnoughDataError, match="2 people"):
        read_people(tmp_path, progress=ignore)
    with pytest.raises(UsageError, match="--test without --data"):
        run("keystroke", Asked(test=tmp_path, quick=True), progress=ignore)


@pytest.mark.slow
def test_few_people_in_files_are_scored_with_and_without_a_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "test").mkdir()
    frame_of(made_people(5, n_repetitions=24, seed=1), 6).write_csv(tmp_path / "data" / "some.csv")
    frame_of(made_people(3, n_repetitions=24, seed=2), 6).write_parquet(tmp_path / "test" / "others.parquet")

    alone = check(run("keystroke", Asked(data=tmp_path / "test", quick=True), progress=ignore))
    beside = check(run("keystroke", Asked(data=tmp_path / "data", test=tmp_path / "test", quick=True), progress=ignore))

    assert alone.cases == beside.cases == 3
    for row in (*alone.rows, *beside.rows):
        assert row.metrics["eer"] is not None
        assert row.metrics["eer_background"] is not None


def test_the_protocol_learns_from_the_first_and_scores_the_last_and_others_first() -> None:
    people = made_people(6, n_repetitions=420, seed=2)

    trial = trials_of(people, None)["made-03"]

    person = people["made-03"]
    np.testing.assert_array_equal(trial.learnt.columns, person.columns[:200])
    np.testing.assert_array_equal(trial.genuine.columns, person.columns[200:400])
    firsts = np.concatenate([people[f"made-0{number}"].columns[:5] for number in (1, 2, 4, 5, 6)])
    lasts = np.concatenate([people[f"made-0{number}"].columns[-5:] for number in (1, 2, 4, 5, 6)])
    np.testing.assert_array_equal(trial.new.columns, firsts)
    np.testing.assert_array_equal(trial.practised.columns, lasts)


def test_background_people_are_neither_the_person_nor_impostors() -> None:
    people = made_people(7, n_repetitions=420, seed=2)

    for name, trial in trials_of(people, None).items():
        seen = []
        for background, impostors in trial.halves:
            known = {
                key for key, one in people.items() for other in background if (other.columns[0] == one.columns[0]).all()
            }
            scored = {key for key, one in people.items() if (impostors.columns == one.columns[0]).all(axis=1).any()}
            assert known
            assert known | scored | {name} == set(people)
            assert not known & scored
            assert name not in known | scored
            assert {len(other) for other in background} == {200}
            seen.append((known, scored))
        assert seen[0] == seen[1][::-1]


def test_people_of_another_folder_are_all_background_and_none_impostors() -> None:
    people, tested = made_people(5, n_repetitions=60, seed=3), made_people(3, n_repetitions=60, seed=4)

    trials = trials_of(people, tested)

    assert list(trials) == list(tested)
    ((background, impostors),) = trials["made-01"].halves
    assert len(background) == 5
    np.testing.assert_array_equal(impostors.columns, np.concatenate([tested[f"made-0{n}"].columns[:5] for n in (2, 3)]))


def test_choosing_never_sees_what_is_scored() -> None:
    people = made_people(4, n_repetitions=200, seed=5)
    asked: list[Repetitions] = []

    def remember(_own: Repetitions, _others: object) -> object:
        def score(given: Repetitions) -> np.ndarray:
            asked.append(given)
            return given.columns[:, 0]

        return score

    alone(remember, people)  # type: ignore[arg-type]  # a method that only looks

    scored = {row.tobytes() for given in asked for row in given.columns}
    assert scored
    assert not scored & {row.tobytes() for person in people.values() for row in person.columns[:5]}


def test_ours_is_below_scaled_manhattan_on_people_who_improve() -> None:
    trials = trials_of(made_people(9, n_repetitions=120, seed=6), None)

    rows = [
        row_of("telltale", telltale, trials, progress=ignore),
        row_of("manhattan_scaled_21", manhattan_scaled_21, trials, progress=ignore),
    ]

    assert paired(rows, "eer", "manhattan_scaled_21").high < 0.0
    ratio, low, high = ratio_to_gate(rows)
    assert isinstance(ratio, float)
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert low <= ratio <= high < 1.0


@pytest.mark.slow
@pytest.mark.data
def test_published_figures_come_out_and_ours_is_well_below(data_folder: Path) -> None:
    people = read_people(data_folder / "keystroke_cmu", progress=ignore)
    trials = trials_of(people, None)

    rows = [
        row_of("telltale", telltale, trials, progress=ignore),
        row_of("manhattan_scaled", manhattan_scaled, trials, progress=ignore),
        row_of("manhattan_scaled_21", manhattan_scaled_21, trials, progress=ignore),
    ]
    ours, gate, gate_21 = (row.metrics for row in rows)

    if len(people) == 35:
        assert gate["eer"] == pytest.approx(0.1073, abs=0.0005)
        assert gate_21["eer"] == pytest.approx(0.0979, abs=0.0005)
    assert (ours["eer"] or 1.0) <= 0.75 * (gate_21["eer"] or 0.0)
    assert (ours["eer"] or 1.0) <= 0.062
    assert (ours["eer_background"] or 1.0) <= 0.045
