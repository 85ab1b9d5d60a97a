"""Checkpoints of a training: weights, optimiser and progress of the last epoch, as safetensors and JSON."""

import hashlib
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Parameter, Parameters
from telltale.models.neural.graph import Weights
from telltale.models.neural.rows import NeuralRows

# Other folders, more epochs or more patience are the same training, further on.
_NOT_PART: Final = frozenset({"checkpoint_dir", "tensorboard_dir", "epochs", "patience"})
_TRAINING: Final = "training.json"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a training is: epochs done, and the best of them by validation loss."""

    epoch: int
    best_epoch: int
    best_loss: float


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A training after an epoch. `optimiser` holds Adam's state by the parameter's number."""

    weights: Weights
    best: Weights
    optimiser: dict[int, dict[str, NDArray[np.float32]]]
    learning_rate: float
    progress: Progress


class _Training(msgspec.Struct, frozen=True, kw_only=True):
    """What training.json says. `config` is every parameter that the weights depend on, and the seed."""

    config: dict[str, Parameter]
    rows_sha256: str
    learning_rate: float
    progress: Progress
    arrays: str  # file name


class CheckpointFolder(msgspec.Struct, frozen=True, kw_only=True):
    """The checkpoints of one training: one configuration on the same rows."""

    path: Path
    config: dict[str, Parameter]
    rows_sha256: str

    def write(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint by a newer one; whenever this is stopped, one of the two is whole."""
        self.path.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, NDArray[np.float32]] = {}
        for kind, weights in (("model", checkpoint.weights), ("best", checkpoint.best)):
            arrays |= {f"{kind}/{name}": value for name, value in weights.items()}
        for number, state in checkpoint.optimiser.items():
            arrays |= {f"optimiser/{number}/{name}": value for name, value in state.items()}
        name = f"epoch-{checkpoint.progress.epoch}.safetensors"
        training = _Training(
            config=self.config,
            rows_sha256=self.rows_sha256,
            learning_rate=checkpoint.learning_rate,
            progress=checkpoint.progress,
            arrays=name,
        )
        _replace(self.path / name, save(arrays))
        _replace(self.path / _TRAINING, msgspec.json.format(msgspec.json.encode(training), indent=1))
        for old in self.path.glob("epoch-*.safetensors"):
            if old.name != name:
                old.unlink()

    def read(self) -> Checkpoint | None:
        """The checkpoint, or None where there is none yet. Raises BundleError where it cannot be read."""
        try:
            training = msgspec.json.decode((self.path / _TRAINING).read_bytes(), type=_Training)
            arrays = load((self.path / training.arrays).read_bytes())
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError, SafetensorError) as error:
            raise BundleError(
                "a checkpoint cannot be read", where=str(self.path), mend="Delete the folder to start anew."
            ) from error
        optimiser: dict[int, dict[str, NDArray[np.float32]]] = {}
        for name, value in arrays.items():
            if name.startswith("optimiser/"):
                _, number, key = name.split("/")
                optimiser.setdefault(int(number), {})[key] = value
        return Checkpoint(
            weights=_below("model/", arrays),
            best=_below("best/", arrays),
            optimiser=optimiser,
            learning_rate=training.learning_rate,
            progress=training.progress,
        )


def open_folder(directory: Path, rows: NeuralRows, parameters: Parameters, *, seed: int) -> CheckpointFolder:
    """The folder below `directory` for this training: other rows or another configuration have another."""
    config = {name: value for name, value in sorted(parameters.items()) if name not in _NOT_PART} | {"seed": seed}
    digest = hashlib.sha256()
    for array in (rows.features, rows.labels, rows.validation_features, rows.validation_labels):
        digest.update(str(array.shape).encode() + array.tobytes())
    rows_sha256 = digest.hexdigest()
    name = hashlib.sha256(rows_sha256.encode() + msgspec.json.encode(config)).hexdigest()[:16]
    return CheckpointFolder(path=directory / name, config=config, rows_sha256=rows_sha256)


def _below(prefix: str, arrays: dict[str, NDArray[np.float32]]) -> Weights:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)
