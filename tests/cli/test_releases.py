"""`telltale release` and `telltale compare`."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from telltale.cli import main

TASK = "helios/anomaly"
Command = Callable[..., tuple[int, dict[str, Any]]]
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def two_versions(in_home: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a champion and a second version of helios/anomaly. Not to be changed."""
    home = tmp_path_factory.mktemp("two") / "home"
    for seed in ("0", "1"):
        in_home(home, "train", TASK, "--estimator", "robust_z", "--seed", seed, "--days", "4")
    in_home(home, "promote", TASK, "--version", "1", "--override", "--reason", "first")
    return home


@pytest.fixture
def run(in_home: Command, two_versions: Path, tmp_path: Path) -> Run:
    """Runs a command in a copy of that home; its document."""
    shutil.copytree(two_versions, tmp_path / "home")
    return lambda *arguments: in_home(tmp_path / "home", *arguments)[1]


def test_a_release_by_hand(run: Run) -> None:
    options = ("--ramp", "5,25,50,100", "--every", "1h", "--reason", "new rows", "--override")
    begun = run("release", TASK, "--version", "2", *options)["release"]
    assert (begun["number"], begun["steps"], begun["every_s"]) == (2, [5, 25, 50, 100], 3600.0)

    shown = run("release", TASK)
    assert shown["release"]["id"] == begun["id"]
    assert shown["look"]["action"] == "wait"
    assert shown["look"]["reason"].startswith("the step of 5 % lasts until ")
    compared = run("compare", TASK)["compared"]
    assert compared["comparison"]["answer"]["conclusion"] == "refused"
    assert [one["version"] for one in compared["shadows"]] == [2, 1]

    ended = run("release", TASK, "--stop", "--reason", "not today")["release"]
    assert (ended["state"], ended["outcome"]) == ("stopped", "not today")
    assert run("release", TASK)["ended"] == [ended]


def test_people_are_told_what_is_under_way_and_what_to_do_next(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("versions", TASK)
    monkeypatch.setenv("TELLTALE_HOME", str(tmp_path / "home"))

    def told(*arguments: str) -> str:
        assert main(arguments) == 0
        return capsys.readouterr().out

    assert "No version was ever released" in told("release", TASK)
    assert "helios/anomaly@2: in the shadow, beside version 1." in told("release", TASK, "--version", "2", "--shadow")
    shown = told("release", TASK)
    assert "helios/anomaly@2, in the shadow, beside version 1" in shown
    assert "0 rows are decided by both and labelled; from 50 on there is an answer" in shown
    assert (
        shown.splitlines()[-1]
        == "Next: telltale compare helios/anomaly; telltale release helios/anomaly --stop ends it"
    )
    assert "too early" in told("compare", TASK, "--version", "2", "--version", "1")
    assert "(stopped): ended by hand." in told("release", TASK, "--stop")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("release", TASK, "--version", "2"), "one of --shadow, --ab and --ramp; there is none"),
        (("release", TASK, "--shadow"), "a version and one of"),
        (("release", TASK, "--version", "2", "--shadow", "--ab", "50"), "there is --shadow and --ab"),
        (("release", TASK, "--version", "2", "--ramp", "5,many"), "'5,many' is no ramp"),
        (("release", TASK, "--version", "2", "--ramp", "5,100", "--override"), "how long a step lasts"),
        (("release", TASK, "--version", "1", "--shadow"), "champion already"),
        (("release", TASK, "--stop"), "no release is under way"),
        (("compare", TASK), "no version was ever released"),
        (("compare", TASK, "--version", "1"), "version 1 twice"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(run: Run, arguments: tuple[str, ...], words: str) -> None:
    assert words in run(*arguments)["error"]["what"]
