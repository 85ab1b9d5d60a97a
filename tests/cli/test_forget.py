"""`telltale forget`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from telltale.cli import main

Command = Callable[..., tuple[int, dict[str, Any]]]
GONE, STAYS = "a-person-who-asks-to-be-forgotten", "another-person"


@pytest.fixture
def home(in_home: Command, tmp_path: Path) -> Path:
    """A home with events of two people, and a row of each that was set aside."""
    rows = [
        {
            "timestamp": f"2024-01-0{day}T10:00:00Z",
            "user_id": who,
            "typing_speed_wpm": 60 if day < 4 else -1,
            "avg_key_hold_time_ms": 100,
            "avg_transition_time_ms": 80,
            "error_rate_percent": 3,
            "activity_hour_preference": 10,
        }
        for who in (GONE, STAYS)
        for day in (1, 2, 3, 4)
    ]
    file = tmp_path / "rows.ndjson"
    file.write_text("\n".join(map(json.dumps, rows)))
    told = in_home(tmp_path / "home", "ingest", "personhood/averages", str(file))[1]
    assert (told["stored"], told["quarantined"]) == (6, 2)
    return tmp_path / "home"


def bytes_of(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(home.glob("*.db*")))


def test_without_yes_it_is_counted_what_would_be_removed(in_home: Command, home: Path) -> None:
    status, told = in_home(home, "forget", "--entity", GONE)

    assert status == 0
    assert not told["is_done"]
    assert (told["removed"]["event"], told["removed"]["quarantine"]) == (3, 1)
    assert GONE.encode() in bytes_of(home)


def test_with_yes_it_is_gone_from_the_files_and_others_stay(in_home: Command, home: Path) -> None:
    status, told = in_home(home, "forget", "--entity", GONE, "--yes")

    assert status == 0
    assert (told["removed"]["event"], told["removed"]["quarantine"], told["remnants"]) == (3, 1, 0)
    assert GONE.encode() not in bytes_of(home)
    assert STAYS.encode() in bytes_of(home)
    assert GONE not in json.dumps(in_home(home, "audit")[1])
    assert in_home(home, "audit")[1]["acts"][0]["action"] == "forget"


def test_of_one_app_alone_the_others_are_left(in_home: Command, home: Path) -> None:
    assert in_home(home, "forget", "--entity", GONE, "--app", "helios", "--yes")[1]["removed"]["event"] == 0
    assert in_home(home, "forget", "--entity", GONE, "--app", "personhood", "--yes")[1]["removed"]["event"] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--entity", ""), "Name whom to forget"),
        (("--entity", "x", "--app", "nosuch"), "'nosuch' is not known"),
        (("--entity", "x", "--vacuum"), "Give --yes with it"),
        ((), "Missing parameter: entity"),
    ],
)
def test_what_cannot_be_meant_is_refused(in_home: Command, home: Path, arguments: tuple[str, ...], words: str) -> None:
    status, told = in_home(home, "forget", *arguments)

    assert status == 2
    assert words in " ".join(told["error"].values())


def test_people_are_told_what_was_removed_and_what_cannot_be(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TELLTALE_HOME", str(home))

    assert main(["forget", "--entity", GONE]) == 0
    tried = capsys.readouterr().out
    assert main(["forget", "--entity", GONE, "--yes"]) == 0
    done = capsys.readouterr().out

    assert "Would be removed" in tried
    assert f"telltale forget --entity {GONE} --yes" in tried
    assert "Removed" in done
    assert "Backups" in done
