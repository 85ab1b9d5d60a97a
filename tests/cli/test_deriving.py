"""`export --from`, `validate` and `--describe`: recorded sessions to a file that a version can be trained on."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from telltale.cli import main


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, " ".join(captured.err.split())


def session(user: str, number: int, *, n_keys: int = 12) -> dict[str, object]:
    presses = [150.0 * i for i in range(n_keys)]
    return {
        "user_id": user,
        "session_id": f"session_{number}",
        "timestamp": 1_700_000_000 + number,
        "presses_ms": presses,
        "releases_ms": [down + 90.0 for down in presses],
        "classes": ["correction", *["letter"] * (n_keys - 1)],
        "corrections": 1,
        "local_hour": 14,
    }


def write(path: str, rows: list[dict[str, object]]) -> None:
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_recorded_sessions_become_averages_labelled_legitimate(capsys: pytest.CaptureFixture[str]) -> None:
    write("sessions.jsonl", [session("alice", 0), session("alice", 1, n_keys=5), session("bob", 2)])

    status, told, _ = run(
        capsys, "export", "personhood/averages", "--from", "sessions.jsonl", "-o", "data/raw/real_data.csv"
    )

    assert status == 0
    assert "2 of 3 rows of personhood/session made into averages, written to data/raw/real_data.csv." in told
    assert "Legitimate: 2 (100.0%)" in told
    assert "Left out: line 2: it has 5 keys; 10 are the least." in told
    assert pl.read_csv("data/raw/real_data.csv").to_dicts() == [
        {
            "user_id": user,
            "session_id": f"session_{number}",
            "typing_speed_wpm": 82,
            "avg_key_hold_time_ms": 90,
            "avg_transition_time_ms": 150,
            "error_rate_percent": 8.33,
            "activity_hour_preference": 14,
            "timestamp": 1_700_000_000 + number,
            "is_legitimate": 1,
        }
        for user, number in (("alice", 0), ("bob", 2))
    ]


def test_impostors_can_be_labelled_by_hand_and_labels_that_are_there_stay(capsys: pytest.CaptureFixture[str]) -> None:
    write("sessions.jsonl", [session("alice", 0), {**session("alice", 1), "is_legitimate": 1}])

    status = run(capsys, "export", "personhood/averages", "--from", "sessions.jsonl", "--label", "0", "-o", "a.csv")[0]

    assert status == 0
    assert pl.read_csv("a.csv")["is_legitimate"].to_list() == [0, 1]


def test_stored_sessions_give_the_same_averages_as_their_file(capsys: pytest.CaptureFixture[str]) -> None:
    write("sessions.jsonl", [session("alice", number) for number in range(3)])
    run(capsys, "ingest", "personhood/session", "sessions.jsonl")

    run(capsys, "export", "personhood/averages", "--from", "sessions.jsonl", "-o", "file.csv")
    status, told, _ = run(
        capsys, "export", "personhood/averages", "--from", "personhood/session", "-o", "store.csv", "--json"
    )

    assert status == 0
    assert json.loads(told)["n"] == 3
    assert Path("store.csv").read_bytes() == Path("file.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["personhood/averages", "--from", "short.jsonl"], "it has 5 keys; 10 are the least"),
        (["personhood/averages", "--from", "gone.jsonl"], "no such file"),
        (["personhood/averages", "--from", "personhood/session"], "no row came of 0"),
        (["helios/metrics", "--from", "short.jsonl"], "is not made from other events"),
        (["personhood/session", "--from", "short.jsonl"], "personhood/averages from personhood/session"),
        (["personhood/averages", "--from", "short.jsonl", "--label", "2"], "0 or 1"),
        (["personhood/averages", "--label", "1"], "add --from FILE"),
        (["personhood/averages", "--from", "short.jsonl", "--since", "2024-01-01"], "Leave --since"),
    ],
)
def test_what_cannot_be_made_is_refused_with_the_mend_and_leaves_no_file(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    write("short.jsonl", [session("alice", 0, n_keys=5)])

    status, _, errors = run(capsys, "export", *arguments, "-o", "out.csv")

    assert status == 2
    assert says in errors
    assert not Path("out.csv").exists()


def test_a_simulated_file_passes_the_check_and_says_its_share_and_figures(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ("--samples", "2000", "--legitimate-ratio", "0.8", "-o", "synthetic.csv", "--describe")
    _, made, _ = run(capsys, "simulate", "personhood/averages", *wanted)
    status, told, _ = run(capsys, "validate", "personhood/averages", "synthetic.csv", "--describe")

    assert status == 0
    assert "Passed: the file is fit to train on." in told
    for text in (made, told):
        assert "Legitimate: 1,600 (80.0%)" in text
        assert [line.split()[:2] for line in text.splitlines() if line.startswith("avg_")] == [
            ["avg_key_hold_time_ms", "2,000"],
            ["avg_transition_time_ms", "2,000"],
        ]


def without(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The value of one row taken away."""
    return frame.with_columns(pl.when(pl.int_range(pl.len()) != 9).then(pl.col(column)).alias(column))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda frame: frame.head(999), "999 good rows; at least 1,000"),
        (lambda frame: frame.with_columns(is_legitimate=1), "is_legitimate is 1 in 100.0% of rows; 50% to 90%"),
        (lambda frame: without(frame, "error_rate_percent"), "1 rows have a value that is missing or wrong"),
        (lambda frame: without(frame, "session_id"), "session_id has no value in 1 of 1,000 rows"),
    ],
    ids=["too few", "nobody else", "a missing value", "a missing name"],
)
def test_a_file_that_breaks_a_rule_is_status_1_and_says_which(
    capsys: pytest.CaptureFixture[str], change: Callable[[pl.DataFrame], pl.DataFrame], says: str
) -> None:
    run(capsys, "simulate", "personhood/averages", "--samples", "1000", "-o", "rows.csv")
    change(pl.read_csv("rows.csv")).write_csv("rows.csv")

    status, told, _ = run(capsys, "validate", "personhood/averages", "rows.csv")

    assert status == 1
    assert [line for line in told.splitlines() if line.startswith("Not fit to train on: ") and says in line]
