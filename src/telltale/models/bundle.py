"""The bundle: a directory with `manifest.json`, and `model.onnx`, `arrays.safetensors`, `names.json`; never a pickle.

The SHA-256 of every file is kept in the registry and checked at load, so that a changed file is refused by name.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Parts
from telltale.models.manifest import Manifest, decode_manifest, encode_manifest

MANIFEST, MODEL, ARRAYS, NAMES = "manifest.json", "model.onnx", "arrays.safetensors", "names.json"
_TRAINED_ROWS = "trained_rows"


class BundleFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The SHA-256 of each file, and of the bundle: over the names and hashes in order."""

    sha256: str
    files: dict[str, str]


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A loaded bundle. `trained_rows` are the sorted 64-bit hashes of the rows the version was fitted on."""

    manifest: Manifest
    parts: Parts
    trained_rows: NDArray[np.uint64]


def save_bundle(directory: Path, manifest: Manifest, parts: Parts, trained_rows: NDArray[np.uint64]) -> BundleFiles:
    """Write a bundle into a directory, which is made; files there before are overwritten."""
    directory.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[Any]] = dict(sorted(parts.arrays.items()))
    arrays[_TRAINED_ROWS] = np.sort(trained_rows)
    (directory / MANIFEST).write_bytes(encode_manifest(manifest))
    (directory / ARRAYS).write_bytes(save(arrays))
    names = msgspec.json.encode(parts.names, order="deterministic") if parts.names else None
    for name, content in ((MODEL, parts.onnx), (NAMES, names)):
        if content is None:
            (directory / name).unlink(missing_ok=True)  # of the bundle that was here before
        else:
            (directory / name).write_bytes(content)
    return hash_bundle(directory)


def hash_bundle(directory: Path, *, where: str = "") -> BundleFiles:
    """The hashes of the files that are there. Raises BundleError where there is no bundle."""
    found = [directory / name for name in (ARRAYS, MANIFEST, MODEL, NAMES) if (directory / name).is_file()]
    if directory / MANIFEST not in found:
        raise BundleError("there is no manifest.json", where=where or str(directory), mend="Name a bundle's directory.")
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
    whole = "".join(f"{name} {digest}\n" for name, digest in sorted(files.items()))
    return BundleFiles(sha256=hashlib.sha256(whole.encode()).hexdigest(), files=files)


def load_bundle(directory: Path, *, expected: Mapping[str, str] | None = None, where: str = "") -> Bundle:
    """Read a bundle.

    Args:
        directory: where it is.
        expected: the SHA-256 of each file, from the registry; None to take the files as they are.
        where: what errors call it; the directory by default, which is nobody's business beyond this machine.

    Raises:
        BundleError: a file is missing, changed, broken or of a newer format; the message names it.
    """
    told = where or str(directory)
    found = hash_bundle(directory, where=told).files
    if expected is not None:
        for name in sorted(expected.keys() | found.keys()):
            if found.get(name) != expected.get(name):
                fault = "is missing" if name not in found else "is not what was registered"
                raise BundleError(
                    f"{name} {fault}",
                    where=told,
                    mend="Restore the file from a backup, or roll back to another version and train again.",
                )
    manifest = decode_manifest((directory / MANIFEST).read_bytes(), where=told)
    try:
        arrays = load((directory / ARRAYS).read_bytes())
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{ARRAYS} cannot be read", where=told, mend="Restore or retrain it.") from error
    trained_rows = arrays.pop(_TRAINED_ROWS, np.empty(0, dtype=np.uint64))
    onnx = (directory / MODEL).read_bytes() if MODEL in found else None
    names = _names(directory, told) if NAMES in found else {}
    return Bundle(manifest=manifest, parts=Parts(onnx=onnx, arrays=arrays, names=names), trained_rows=trained_rows)


def _names(directory: Path, where: str) -> dict[str, tuple[str, ...]]:
    try:
        return msgspec.json.decode((directory / NAMES).read_bytes(), type=dict[str, tuple[str, ...]])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{NAMES} cannot be read", where=where, mend="Restore or retrain it.") from error
