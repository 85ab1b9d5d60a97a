"""Parts as bytes, for what is kept in a database: one safetensors document, names and graph inside. Never a pickle."""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Parts

_NAMES: Final = "@names"
_GRAPH: Final = "@onnx"


def pack_parts(parts: Parts) -> bytes:
    """Parts as bytes; the same parts give the same bytes."""
    arrays: dict[str, NDArray[Any]] = {name: np.ascontiguousarray(of) for name, of in sorted(parts.arrays.items())}
    if parts.names:
        arrays[_NAMES] = np.frombuffer(msgspec.json.encode(parts.names, order="deterministic"), dtype=np.uint8)
    if parts.onnx is not None:
        arrays[_GRAPH] = np.frombuffer(parts.onnx, dtype=np.uint8)
    return save(arrays)


def unpack_parts(packed: bytes, *, where: str) -> Parts:
    """Parts from `pack_parts`. Raises BundleError where the bytes are none."""
    try:
        arrays: dict[str, NDArray[Any]] = load(packed)
        names = arrays.pop(_NAMES, None)
        graph = arrays.pop(_GRAPH, None)
        return Parts(
            onnx=None if graph is None else graph.tobytes(),
            arrays=arrays,
            names={} if names is None else msgspec.json.decode(names.tobytes(), type=dict[str, tuple[str, ...]]),
        )
    except (SafetensorError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleError(
            f"what was learned cannot be read ({error})",
            where=where,
            mend="Go back to an earlier number, or train anew.",
        ) from error
