"""Virtual environments for peers that cannot share ours, made on demand and kept for the next run."""

import os
import subprocess
import venv
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

# What each peer is, as its users install it; ONNX Runtime and NumPy are those of ours.
PINNED: Final = {"mlserver": "mlserver==1.7.1", "bentoml": "bentoml==1.4.39"}
_INSTALL_S: Final = 300.0


class CannotInstallError(Exception):
    """There is no environment for a peer, and why."""


def environment_of(peer: str, progress: Callable[[str], None]) -> Path:
    """The folder of the peer's environment, made where it is not there.

    Args:
        peer: a key of `PINNED`.
        progress: told before it is made.

    Raises:
        CannotInstallError: it could not be made.
    """
    folder = cache_folder() / PINNED[peer].replace("==", "-")
    ready = folder / "ready"
    if ready.is_file():
        return folder
    progress(f"installing {PINNED[peer]} into {folder}")
    try:
        venv.create(folder, with_pip=True, clear=True)
        wanted = [PINNED[peer], *(f"{library}=={version(library)}" for library in ("onnxruntime", "numpy"))]
        told = _install(folder, wanted)
        if told.returncode:
            told = _install(folder, [PINNED[peer], "onnxruntime"])  # it wants other versions than ours
        if told.returncode:
            raise CannotInstallError(f"{peer} could not be installed: {_last_line(told.stderr)}")
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotInstallError(f"{peer} could not be installed: {error}") from error
    ready.touch()
    return folder


def cache_folder() -> Path:
    """Where environments are kept: `TELLTALE_BENCH_CACHE`, or a folder of the user's cache."""
    given = os.environ.get("TELLTALE_BENCH_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "telltale-bench"


def installed_version(folder: Path, library: str) -> str:
    """The version of a library in an environment."""
    command = [
        str(folder / "bin" / "python"),
        "-c",
        f"from importlib.metadata import version; print(version({library!r}))",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _install(folder: Path, wanted: list[str]) -> "subprocess.CompletedProcess[str]":
    command = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *wanted,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_INSTALL_S)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith("ERROR")] or text.strip().splitlines()
    return lines[-1] if lines else "pip said nothing"
