import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from benchmarks.catalogue import Asked, run
from benchmarks.freetext_baselines import manhattans, mixtures
from benchmarks.freetext_cases import cases_of, for_choosing, one_text, read_people, split, stretches
from benchmarks.results import check

from telltale.contract.errors import NotEnoughDataError, NotFoundError, UsageError
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.sequence import timed_sequence

KEYS = ("a", "e", "t", "n", "space", "e", "o", "backspace", "shift", "s")


def ignore(_what: str) -> None:
    pass


def write_people(
    folder: Path, file: str, *, users: range, n_sessions: int = 4, n_keys: int = 60, same: bool = False
) -> None:
    """People with a speed and holds of their own, who type other keys in each session, or the `same` in all."""
    rows = []
    for user in users:
        rng = np.random.default_rng(user)
        between, hold = rng.uniform(90.0, 260.0), rng.uniform(60.0, 140.0)
        for session in range(n_sessions):
            presses = np.cumsum(between * np.exp(rng.normal(0.0, 0.3, n_keys))).astype(int)
            releases = presses + (hold * np.exp(rng.normal(0.0, 0.2, n_keys))).astype(int)
            names = [KEYS[(at + (0 if same else user + session)) % len(KEYS)] for at in range(n_keys)]
            rows += [
                (user, session, name, press, release)
                for name, press, release in zip(names, presses.tolist(), releases.tolist(), strict=True)
            ]
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["user", "session", "keyname", "timepress", "timerelease"]
    pl.DataFrame(rows, schema=columns, orient="row").write_parquet(folder / f"{file}.parquet")


def times(people: dict[str, list[TimedSequence]]) -> set[bytes]:
    return {one.since_ms.tobytes() for own in people.values() for one in own}


def sessions(background: object) -> set[bytes]:
    assert isinstance(background, list)
    return {one.since_ms.tobytes() for own in background for one in own}


def test_files_of_key_events_are_read_as_classes_and_others_left(tmp_path: Path) -> None:
    write_people(tmp_path, "words", users=range(3), same=True)
    pl.DataFrame({"user": [1], "score": [0.5]}).write_parquet(tmp_path / "other.parquet")

    people = read_people(tmp_path)

    assert list(people) == ["words"]
    assert list(people["words"]) == ["0", "1", "2"]
    assert [len(one) for one in people["words"]["0"]] == [60] * 4
    assert people["words"]["0"][0].kinds[:10].tolist() == [0, 0, 0, 0, 2, 0, 0, 3, 4, 0]
    assert one_text(people["words"])
    with pytest.raises(NotFoundError, match="no such folder"):
        read_people(tmp_path / "absent")
    (tmp_path / "words.parquet").unlink()
    with pytest.raises(NotFoundError, match="1 parquet files"):
        read_people(tmp_path)


def test_nobody_of_the_background_is_enrolled_or_an_impostor_and_everybody_is_verified_once(tmp_path: Path) -> None:
    write_people(tmp_path, "words", users=range(7))
    people = read_people(tmp_path)["words"]

    parts = split(people, None)

    assert sorted(user for part in parts for user in part.later) == sorted(people)
    for part in parts:
        assert not sessions(part.background) & (times(part.enrolled) | times(part.later))
        assert not times(part.enrolled) & times(part.later)
        assert part.enrolled.keys() == part.later.keys()


def test_other_people_are_verified_with_all_of_data_but_themselves_as_background(tmp_path: Path) -> None:
    write_people(tmp_path / "data", "words", users=range(6))
    write_people(tmp_path / "test", "words", users=range(4, 8))

    (part,) = split(read_people(tmp_path / "data")["words"], read_people(tmp_path / "test")["words"])

    assert sorted(part.later) == ["4", "5", "6", "7"]
    assert len(part.background) == 4
    assert not sessions(part.background) & times(part.later)


@pytest.mark.parametrize("n_sessions", [2, 3, 4, 5])
def test_settings_are_chosen_without_any_later_session(tmp_path: Path, n_sessions: int) -> None:
    write_people(tmp_path, "words", users=range(6), n_sessions=n_sessions)

    for part in split(read_people(tmp_path)["words"], None):
        within = for_choosing(part)
        assert not (times(within.enrolled) | times(within.later)) & times(part.later)
        assert not times(within.enrolled) & times(within.later)
        assert not sessions(within.background) & (times(part.enrolled) | times(part.later))


def test_sessions_are_cut_into_stretches_of_keys_and_the_rest_is_dropped() -> None:
    session = timed_sequence(np.zeros(120, dtype=int), np.arange(120) * 100.0, np.arange(120) * 100.0 + 50.0)

    cut = list(stretches(session, 50))

    assert [len(one) for one in cut] == [50, 50]
    assert cut[1].since_ms[:2].tolist() == [0.0, 100.0]
    assert list(stretches(session, None)) == [session]
    assert [case.name for case in cases_of("words", {"1": [session, cut[0]], "2": [session]}, quick=False)] == [
        "words 50",
        "words 100",
        "words all",
    ]
    same = [session, session]
    assert [case.name for case in cases_of("number", {"1": same, "2": same}, quick=False)] == ["number all"]


@pytest.mark.parametrize("is_one_text", [True, False])
def test_every_baseline_tells_a_slow_person_from_a_fast_one(tmp_path: Path, is_one_text: bool) -> None:
    write_people(tmp_path, "words", users=range(8), n_keys=110, same=is_one_text)
    people = list(read_people(tmp_path)["words"].values())

    for choice in [
        *manhattans(is_one_text=is_one_text, quick=False),
        *mixtures(is_one_text=is_one_text, quick=True),
    ]:
        score = choice.method(people[4:])(people[0][:2])
        own, others = score(people[0][2:]), score([one for other in people[1:4] for one in other[2:]])
        assert np.isfinite(own).all()
        assert own.mean() > others.mean(), choice


def test_a_run_keeps_the_contract_and_tells_people_apart(tmp_path: Path) -> None:
    write_people(tmp_path, "words", users=range(8))

    found = check(run("freetext", Asked(data=tmp_path, quick=True), progress=ignore))

    assert found.cases == 2
    rows = {row.name: row for row in found.rows}
    assert set(rows) == {"telltale", "manhattan_scaled", "gmm_ubm"}
    assert [row.name for row in found.variants] == ["telltale_no_background"]
    assert set(rows["telltale"].by_case) == {"words 50", "words all"}
    assert (rows["telltale"].metrics["eer"] or 0.0) < 0.15
    assert (rows["telltale"].metrics["auroc"] or 0.0) > 0.9
    assert 0 < (rows["telltale"].metrics["profile_bytes"] or 0.0) <= 8_000
    assert {found.metric for found in found.comparisons} == {"eer words", "eer all people"}


def test_other_people_are_scored_with_test_and_too_few_are_refused(tmp_path: Path) -> None:
    write_people(tmp_path / "data", "words", users=range(8))
    write_people(tmp_path / "test", "words", users=range(20, 24))
    write_people(tmp_path / "few", "words", users=range(3))

    found = check(run("freetext", Asked(data=tmp_path / "data", test=tmp_path / "test", quick=True), progress=ignore))

    assert found.facts["people verified"] == "4"
    with pytest.raises(NotEnoughDataError, match="words has 3 people"):
        run("freetext", Asked(data=tmp_path / "few"), progress=ignore)
    with pytest.raises(UsageError, match="Name a folder"):
        run("freetext", Asked(), progress=ignore)


@pytest.mark.slow
@pytest.mark.data
def test_on_real_people_ours_errs_less_than_both_baselines_on_every_file(data_folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "freetext",
        "--data",
        str(data_folder / "keystroke_pohmm"),
        "--quick",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = check(json.loads(done.stdout))

    rows = {row.name: row.by_case for row in found.rows}
    ours = rows.pop("telltale")
    for file in ("fixed_text", "free_text", "keypad", "mobile"):
        cases = [case for case in ours if case.startswith(file)]
        own = np.mean([ours[case]["eer"] or 0.0 for case in cases])
        for name, baseline in rows.items():
            assert own < np.mean([baseline[case]["eer"] or 0.0 for case in cases]), (file, name)
