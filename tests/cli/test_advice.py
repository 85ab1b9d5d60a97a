"""What is said after a missed target, of versions that were trained and missed it."""

from pathlib import Path

import pytest

from telltale.cli import main


def after(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["train", *arguments]) == 1
    told = " ".join(capsys.readouterr().out.split())
    return told[told.index("To try:") :]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_short_simulation_is_told_to_be_longer_and_of_its_rare_class(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = after(capsys, "helios/anomaly", "--days", "2", "--anomaly-rate", "0.02", "--estimator", "robust_z")

    assert "- more of the rarer class: 12 of 576 training rows are positive" in told
    assert "- rows like those that it was judged on" not in told  # both are simulated at the same rate
    assert "- more rows: it had 576; --days 14" in told
    assert "- other parameters: --grid-search" in told
    assert "- another model: --estimator isolation_forest" in told
    assert "Next: look where it errs with `telltale evaluate helios/anomaly --version 1 -o evaluation`" in told


def test_a_file_whose_end_is_not_as_its_beginning_is_told_so(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["simulate", "helios/metrics", "--days", "5", "--anomaly-rate", "0.01", "-o", "calm.csv"])
    main(["simulate", "helios/metrics", "--days", "7", "--anomaly-rate", "0.3", "-o", "wild.csv"])
    calm, wild = ((here / name).read_text().splitlines() for name in ("calm.csv", "wild.csv"))
    (here / "both.csv").write_text("\n".join([*calm[: 5 * 288 + 1], *wild[5 * 288 + 1 :]]))

    told = after(capsys, "helios/anomaly", "--data", "both.csv", "--tune", "1", "--estimator", "robust_z")

    assert "- rows like those that it was judged on: " in told
    assert "of the file; --data takes a longer one" in told
    assert "--grid-search" not in told  # its parameters were looked for


def test_rows_asked_for_by_number_are_told_as_a_number(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = after(capsys, "personhood/averages", "--rows", "300", "--estimator", "logistic_regression")

    assert "- more rows: it had 300; --rows 1200" in told
