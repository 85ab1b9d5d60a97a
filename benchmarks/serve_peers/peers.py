"""What each peer is started with, and how it is asked for one row's score."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from benchmarks.serve_peers.environments import (
    CannotInstallError,
    cache_folder,
    environment_of,
    installed_version,
)
from benchmarks.serve_peers.servers import python_command

_HERE = Path(__file__).parent
_GRANIAN = ("-m", "granian", "--workers", "1", "--no-ws", "--log-level", "error")
_MODEL: Final = "BENCH_MODEL"
_PORTS_EACH: Final = 3


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """A server to be measured.

    Args:
        name: of its row.
        port: where it listens.
        command: that starts it.
        environment: it is started with, besides ours.
        path: that is asked.
        bodies: a file of bodies to ask with, one a line.
        version: of the peer, where it does not stand among our libraries.
    """

    name: str
    port: int
    command: tuple[str, ...]
    environment: Mapping[str, str]
    path: str
    bodies: Path
    version: str = ""


def constant(path: str, bodies: Path, *, port: int) -> Contender:
    """Fixed bytes, as long as our answer."""
    options = (*_GRANIAN, "--interface", "rsgi", "--port", str(port))
    return Contender(
        name="constant",
        port=port,
        command=(*python_command(*options, "benchmarks.serve_peers.constant:app"),),
        environment={"BENCH_ANSWER": "0" * 220},
        path=path,
        bodies=bodies,
    )


def fastapi(scorer: Literal["onnx", "sklearn"], path: str, bodies: Path, folder: Path, *, port: int) -> Contender:
    """FastAPI on uvicorn, and what runs its model."""
    options = ("-m", "uvicorn", "--port", str(port), "--log-level", "error")
    return Contender(
        name=f"fastapi_{scorer}",
        port=port,
        command=(*python_command(*options, "benchmarks.serve_peers.fastapi_model:app"),),
        environment={_MODEL: str(folder), "BENCH_SCORER": scorer},
        path=path,
        bodies=bodies,
    )


def in_own_environments(
    rows: Sequence[Sequence[float]], folder: Path, *, port: int, progress: Callable[[str], None]
) -> tuple[list[Contender], list[str]]:
    """MLServer and BentoML with the same ONNX forest, and why one is missing.

    Args:
        rows: raw columns of the rows to ask about.
        folder: of the peers' model; what the servers need is written there.
        port: the first of those they may use, `2 * 3` of them.
        progress: told of installations.
    """
    found, missing = [], []
    for place, (name, made) in enumerate((("mlserver", _mlserver), ("bentoml", _bentoml))):
        try:
            environment = environment_of(name, progress)
        except CannotInstallError as error:
            missing.append(f"{error}.")
            continue
        found.append(made(environment, rows, folder, port + place * _PORTS_EACH))
    return found, missing


def _mlserver(environment: Path, rows: Sequence[Sequence[float]], folder: Path, port: int) -> Contender:
    at = folder / "mlserver"
    at.mkdir()
    # Its default of one worker process beside the server would cost it a hop and a second core.
    settings = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": port + 1,
        "metrics_port": port + 2,
        "parallel_workers": 0,
        "debug": False,
    }
    (at / "settings.json").write_bytes(msgspec.json.encode(settings))
    model = {"name": "forest", "implementation": "mlserver_forest.Forest"}
    (at / "model-settings.json").write_bytes(msgspec.json.encode(model))
    asked = [{"inputs": [{"name": "rows", "shape": [1, len(row)], "datatype": "FP32", "data": [*row]}]} for row in rows]
    return Contender(
        name="mlserver",
        port=port,
        command=(str(environment / "bin" / "mlserver"), "start", str(at)),
        environment={_MODEL: str(folder), "PYTHONPATH": str(_HERE)},
        path="/v2/models/forest/infer",
        bodies=_written(at / "bodies.ndjson", asked),
        version=installed_version(environment, "mlserver"),
    )


def _bentoml(environment: Path, rows: Sequence[Sequence[float]], folder: Path, port: int) -> Contender:
    at = folder / "bentoml"
    at.mkdir()
    options = ("--host", "127.0.0.1", "--port", str(port))
    return Contender(
        name="bentoml",
        port=port,
        command=(str(environment / "bin" / "bentoml"), "serve", "bentoml_forest:Forest", *options),
        environment={
            _MODEL: str(folder),
            "PYTHONPATH": str(_HERE),
            "BENTOML_DO_NOT_TRACK": "True",
            "BENTOML_HOME": str(cache_folder() / "bentoml-home"),
        },
        path="/predict",
        bodies=_written(at / "bodies.ndjson", [{"rows": [[*row]]} for row in rows]),
        version=installed_version(environment, "bentoml"),
    )


def _written(file: Path, asked: Sequence[object]) -> Path:
    file.write_bytes(b"".join(msgspec.json.encode(body) + b"\n" for body in asked))
    return file
