"""`personhood/averages` from files to figures, by the command line alone: what its users were promised."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from matplotlib.image import imread
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from telltale.cli import main

pytestmark = pytest.mark.slow

TRAIN = ("train", "personhood/averages", "--data", "production_q1_2024.csv", "--batch-size", "256")
PICTURES = {"roc_curve.png", "confusion_matrix.png", "threshold_analysis.png", "score_distribution.png"}
EPOCH = re.compile(
    r"Epoch \[(\d+)/(\d+)\] \(\d+\.\d\d s\)  train loss \d\.\d{4}  val loss (\d\.\d{4})  val accuracy \d+\.\d\d %  "
    r"val F1 \d\.\d{4}  FAR \d+\.\d\d %  FRR \d+\.\d\d %  learning rate 0\.00\d{4}(  ✓ saved best model \(loss (.*)\))?"
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a command said and how it ended."""

    status: int
    lines: list[str]

    def document(self) -> dict[str, object]:
        """Of `--json`."""
        found: dict[str, object] = json.loads("\n".join(self.lines))
        return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quarter of production rows, and a hold-out of other people."""
    made = tmp_path_factory.mktemp("averages")
    for name, rows, seed in (("production_q1_2024.csv", "6000", "1"), ("holdout_test.csv", "3000", "2")):
        assert main(("simulate", "personhood/averages", "--rows", rows, "--seed", seed, "-o", str(made / name))) == 0
    return made


@pytest.fixture(autouse=True)
def _in_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "250")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Run:
    capsys.readouterr()
    status = main(arguments)
    captured = capsys.readouterr()
    return Run(status=status, lines=(captured.out + ("" if "--json" in arguments else captured.err)).splitlines())


def test_a_training_tells_each_epoch_as_promised_and_leaves_a_version_that_can_be_judged(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    trained = run(
        capsys, *TRAIN, "--epochs", "6", "--learning-rate", "0.001", "--augment", "--device", "cpu", "-o", "models/v2"
    )

    epochs = [found for line in trained.lines if (found := EPOCH.match(line))]
    assert [int(found[1]) for found in epochs] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ] * 2  # without a part for the threshold, then on all
    assert {found[2] for found in epochs} == {"6"}
    best = 9.0
    for found in epochs[6:]:
        loss = float(found[3])
        assert (found[4] is not None) == (loss < best)
        assert found[5] in {None, found[3]}
        best = min(best, loss)
    assert {path.name for path in (folder / "models/v2").iterdir()} >= {"model.onnx", "manifest.json"}

    evaluated = run(
        capsys, "evaluate", "personhood/averages", "--version", "models/v2", "--data", "holdout_test.csv",
        "-o", "evaluation_results", "--json",
    )  # fmt: skip
    told = evaluated.document()
    assert told["n"] == 3_000
    for name in PICTURES | {"det_curve.png"}:
        assert imread(folder / "evaluation_results" / name).shape[1] == 921
    assert json.loads((folder / "evaluation_results/evaluation.json").read_bytes())["metrics"] == told["metrics"]


def test_five_averages_do_not_reach_the_targets_on_people_and_the_gate_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    trained = run(capsys, *TRAIN, "--epochs", "20", "-o", "models/v3", "--json")
    arguments = ("evaluate", "personhood/averages", "--version", "models/v3", "--data", "holdout_test.csv", "--json")

    evaluated = run(capsys, *arguments)

    metrics = evaluated.document()["metrics"]
    assert isinstance(metrics, dict)
    assert trained.status == evaluated.status == 1
    assert trained.document()["verdict"] == evaluated.document()["verdict"] == "fail"
    # A program is told from a person, a person not from another: half of the impostors are people.
    assert 0.65 < metrics["auroc"] < 0.90
    assert metrics["far"] > 0.10
    assert metrics["eer_global"] == metrics["eer"] > metrics["eer_per_person"] > 0.10
    assert metrics["zero_miss_false_alarm_rate"] > 0.9


def test_a_training_that_was_stopped_goes_on_to_the_same_bundle_and_the_same_curve(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    kept = ("--resume", "models/checkpoints", "--tensorboard", "runs")

    whole = run(capsys, *TRAIN, "--epochs", "5", "--json").document()
    run(capsys, *TRAIN, "--epochs", "2", *kept)
    resumed = run(capsys, *TRAIN, "--epochs", "5", *kept, "--json").document()
    again = run(capsys, *TRAIN, "--epochs", "5", *kept)

    assert resumed["bundle_sha256"] == whole["bundle_sha256"]
    assert resumed["metrics"] == whole["metrics"]
    assert sum(line.startswith("Going on after epoch 5 of models/checkpoints/") for line in again.lines) == 2
    for directory in (folder / "runs").iterdir():
        points = EventAccumulator(str(directory)).Reload().Scalars("Loss/val")
        assert [point.step for point in points] == [1, 2, 3, 4, 5]


def test_rows_that_were_trained_on_are_no_hold_out(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    run(capsys, *TRAIN, "--epochs", "1", "-o", "models/v4")
    rows = pl.read_csv(folder / "production_q1_2024.csv")
    rows.head(2_000).write_csv(folder / "seen.csv")

    evaluated = run(capsys, "evaluate", "personhood/averages", "--version", "models/v4", "--data", "seen.csv")

    assert evaluated.status == 1
    assert any("trained on" in line for line in evaluated.lines)


def test_a_card_that_is_not_there_is_wrong_use_with_the_mend(capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a graphics card")
    refused = run(capsys, *TRAIN, "--epochs", "1", "--device", "cuda")

    assert refused.status == 2
    assert "--device cpu" in " ".join(refused.lines)
