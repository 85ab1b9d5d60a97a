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
from safetensors.numpy import load_file, save

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Parts
from telltale.features.summaries.stream import Reference
from telltale.models.manifest import Manifest, decode_manifest, encode_manifest

MANIFEST, MODEL, ARRAYS, NAMES = "manifest.json", "model.onnx", "arrays.safetensors", "names.json"
_TRAINED_ROWS = "trained_rows"
_DRIFT = "drift_reference"


class BundleFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The SHA-256 of each file, and of the bundle: over the names and hashes in order."""

    sha256: str
    files: dict[str, str]


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A loaded bundle.

    Args:
        manifest: what it says of itself.
        parts: the model.
        trained_rows: sorted 64-bit hashes of the rows the version was fitted on.
        drift: its drift reference as JSON, read when it is asked for: a serving process has no use for it. Empty where
            there is none, as in bundles from before there was one.
    """

    manifest: Manifest
    parts: Parts
    trained_rows: NDArray[np.uint64]
    drift: bytes = b""

    def drift_reference(self) -> Reference | None:
        """What live rows are held against; None where there is none. Raises BundleError where it cannot be read."""
        if not self.drift:
            return None
        try:
            return msgspec.json.decode(self.drift, type=Reference)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BundleError(
                f"the drift reference in {ARRAYS} cannot be read ({error})",
                where=f"{self.manifest.app}/{self.manifest.task}",
                mend="Restore the bundle, or train the version again.",
            ) from error


def save_bundle(
    directory: Path,
    manifest: Manifest,
    parts: Parts,
    trained_rows: NDArray[np.uint64],
    *,
    drift: Reference | None = None,
) -> BundleFiles:
    """Write a bundle into a directory, which is made; files there before are overwritten."""
    directory.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[Any]] = dict(sorted(parts.arrays.items()))
    arrays[_TRAINED_ROWS] = np.sort(trained_rows)
    if drift is not None:
        # Not in the manifest, which people read: some ten thousand whole numbers where time is cut into hours.
        arrays[_DRIFT] = np.frombuffer(msgspec.json.encode(drift), dtype=np.uint8)
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
        mend = "Name a bundle's directory; one that was there is restored from a backup, or the version trained again."
        raise BundleError("there is no manifest.json", where=where or str(directory), mend=mend)
    files = {path.name: _sha256(path) for path in found}
    whole = "".join(f"{name} {digest}\n" for name, digest in sorted(files.items()))
    return BundleFiles(sha256=hashlib.sha256(whole.encode()).hexdigest(), files=files)


def read_manifest(directory: Path, *, where: str) -> Manifest:
    """What a bundle says of itself, without its weights. Raises BundleError where that cannot be read."""
    try:
        content = (directory / MANIFEST).read_bytes()
    except OSError as error:
        raise BundleError(
            f"{MANIFEST} cannot be read", where=where, mend="Restore the bundle from a backup, or retrain it."
        ) from error
    return decode_manifest(content, where=where)


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
        arrays = load_file(directory / ARRAYS)  # read once: an index of a million things is 600 MB
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{ARRAYS} cannot be read", where=told, mend="Restore or retrain it.") from error
    trained_rows = arrays.pop(_TRAINED_ROWS, np.empty(0, dtype=np.uint64))
    drift = arrays.pop(_DRIFT, np.empty(0, dtype=np.uint8)).tobytes()
    onnx = (directory / MODEL).read_bytes() if MODEL in found else None
    names = _names(directory, told) if NAMES in found else {}
    parts = Parts(onnx=onnx, arrays=arrays, names=names)
    return Bundle(manifest=manifest, parts=parts, trained_rows=trained_rows, drift=drift)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _names(directory: Path, where: str) -> dict[str, tuple[str, ...]]:
    try:
        return msgspec.json.decode((directory / NAMES).read_bytes(), type=dict[str, tuple[str, ...]])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{NAMES} cannot be read", where=where, mend="Restore or retrain it.") from error
