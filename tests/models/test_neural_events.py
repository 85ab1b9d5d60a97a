"""What TensorBoard reads is what was told: its own reader opens the files."""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from telltale.contract.estimator import Parameter
from telltale.models.lstm import ESTIMATOR as LSTM
from telltale.models.mlp import ESTIMATOR as MLP
from telltale.models.neural.events import EventFile

TAGS = {"Loss/train", "Loss/val", "Accuracy/train", "Accuracy/val", "F1/val", "FAR/val", "FRR/val", "Learning rate"}

NONE_GIVEN: Mapping[str, Parameter] = {}


def read(directory: Path) -> EventAccumulator:
    return EventAccumulator(str(directory)).Reload()


def trained(
    directory: Path, *, epochs: int, estimator: Any = MLP, given: Mapping[str, Parameter] = NONE_GIVEN
) -> list[str]:
    rng = np.random.default_rng(1)
    labels = (rng.random(300) < 0.4).astype(np.int8)
    features = (rng.normal(size=(300, 4)) + labels[:, None]).astype(np.float32)
    said: list[str] = []
    parameters = {**estimator.defaults, "hidden": 8, "epochs": epochs, "tensorboard_dir": str(directory), **given}
    estimator.fit(features, labels=labels, parameters=parameters, seed=0, tell=said.append)
    return said


def test_tensorboard_reads_each_epochs_figures_as_they_were_told(tmp_path: Path) -> None:
    said = trained(tmp_path, epochs=5, given={"batch_size": 32, "learning_rate": 0.01})

    (run,) = tmp_path.iterdir()
    found = read(run)
    assert set(found.Tags()["scalars"]) == TAGS
    for tag, told, percent in (
        ("Loss/train", "train loss ", 1),
        ("Loss/val", "val loss ", 1),
        ("Accuracy/val", "val accuracy ", 100),
        ("F1/val", "val F1 ", 1),
        ("FAR/val", "FAR ", 100),
        ("FRR/val", "FRR ", 100),
        ("Learning rate", "learning rate ", 1),
    ):
        points = found.Scalars(tag)
        assert [point.step for point in points] == [1, 2, 3, 4, 5]
        figures = [float(line.split(told)[1].split()[0]) for line in said[:-1]]
        assert [percent * point.value for point in points] == pytest.approx(figures, abs=6e-5 * percent)
    accuracy = [point.value for point in found.Scalars("Accuracy/train")]
    assert all(0 < value < 1 for value in accuracy)
    assert accuracy[-1] > accuracy[0]


def test_a_resumed_training_goes_on_in_the_same_curve(tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"

    trained(whole, epochs=6)
    kept: dict[str, Parameter] = {"checkpoint_dir": str(tmp_path / "kept")}
    trained(stopped, epochs=4, given=kept)
    trained(stopped, epochs=6, given=kept)

    (expected,), (run,) = whole.iterdir(), stopped.iterdir()
    assert run.name == expected.name
    assert len(list(run.iterdir())) == 2
    for tag in TAGS:
        points = read(run).Scalars(tag)
        assert [(point.step, point.value) for point in points] == [
            (point.step, point.value) for point in read(expected).Scalars(tag)
        ]


def test_a_training_begun_again_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    trained(tmp_path, epochs=5)
    trained(tmp_path, epochs=3)

    (run,) = tmp_path.iterdir()
    assert [point.step for point in read(run).Scalars("Loss/val")] == [1, 2, 3]


def test_no_file_is_written_where_none_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    trained(Path(), epochs=1, given={"tensorboard_dir": ""})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("estimator", [MLP, LSTM], ids=lambda estimator: estimator.name)
def test_noise_is_added_to_training_rows_alone_and_only_where_it_is_asked_for(estimator: Any, tmp_path: Path) -> None:
    # Weights stand still, so that only noise can move a loss by more than the order of its sum.
    still: dict[str, Parameter] = {"learning_rate": 1e-30, "rows_per_epoch": 0}
    still |= {"sequence": 2} if estimator is LSTM else {}

    def moves(which: str, augment: int) -> float:
        directory = tmp_path / str(augment)
        trained(directory, epochs=4, estimator=estimator, given={**still, "augment": augment})
        (run,) = directory.iterdir()
        return float(np.ptp([point.value for point in read(run).Scalars(f"Loss/{which}")]))

    assert moves("val", 1) == moves("val", 0) == 0.0
    assert moves("train", 1) > 1e-5
    assert moves("train", 0) < 1e-6


@pytest.mark.parametrize("step", [0, 1, 127, 128, 300, 2**40])
def test_any_step_and_value_comes_back(tmp_path: Path, step: int) -> None:
    times = iter((1_700_000_000.0, 1_700_000_001.5, 1_700_000_002.5))
    file = EventFile.create(tmp_path, step=step, clock=lambda: next(times))

    file.write({"a": 1.25, "Größe/b": -1e30}, step=step)

    found = read(tmp_path)
    assert found.Tags()["scalars"] == ["a", "Größe/b"]
    (point,) = found.Scalars("a")
    assert (point.step, point.value, point.wall_time) == (step, 1.25, 1_700_000_001.5)
    assert found.Scalars("Größe/b")[0].value == np.float32(-1e30)


def test_a_record_that_a_stop_has_cut_hides_none_of_those_before(tmp_path: Path) -> None:
    file = EventFile.create(tmp_path, step=1)
    for step in (1, 2):
        file.write({"loss": float(step)}, step=step)
    file.path.write_bytes(file.path.read_bytes()[:-5])

    assert [point.step for point in read(tmp_path).Scalars("loss")] == [1]


def test_records_are_framed_by_their_length_and_two_checksums(tmp_path: Path) -> None:
    file = EventFile.create(tmp_path, step=1)
    file.write({"loss": 0.5}, step=1)

    lengths = list(_lengths(file.path.read_bytes()))

    assert len(lengths) == 3  # version, start of the session, one step


def _lengths(content: bytes) -> Iterator[int]:
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield length
        content = content[8 + 4 + length + 4 :]
