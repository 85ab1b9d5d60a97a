"""How far a window is from the nearest of some places: the ONNX graph of it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.models.row_graph import RowGraph
from telltale.models.subsequence.windows import WindowScale, add_scaled

Floats = NDArray[np.float64]

# Of a shape the mean of the window counts half. With all of it off, a level that was never there has a usual shape: mean
# average precision on a set of labelled series is 0.51 then, 0.58 with half of it off.
LEVEL_OFF: Final = 0.5


def weighed(scaled_windows: Floats, scale: WindowScale, *, level_off: float = 0.0) -> Floats:
    """Where windows lie: entries times the root of what each counts, so that distances are of rows of now; same shape.

    Args:
        scaled_windows: shape (n, sequence * k).
        scale: theirs.
        level_off: the share of its mean in the window that is taken off each column.
    """
    rows = scaled_windows.reshape(len(scaled_windows), scale.sequence, scale.n_columns)
    rows = rows - level_off * rows.mean(axis=1, keepdims=True)
    return np.asarray(rows.reshape(scaled_windows.shape) * np.sqrt(scale.shares))


def write_nearest_graph(
    scale: WindowScale, places: Floats, *, name: str, directions: Floats | None = None, level_off: float = 0.0
) -> bytes:
    """`features` of the shape (n, sequence * k) in, `score` of the shape (n, 1) out: the distance from the nearest place.

    Args:
        scale: of windows.
        places: of `weighed` windows, shape (m, sequence * k); along directions (m, e) where there are any.
        name: of the model.
        directions: orthonormal, shape (sequence * k, e): places lie in the plane of them, windows also off it.
        level_off: as of `weighed`.
    """
    graph = RowGraph()
    add, keep = graph.add, graph.keep
    at = add_scaled(graph, scale)
    if level_off > 0.0:
        # A product and its way back, not ReduceMean: that rounds a row otherwise where others stand beside it.
        same_column = np.tile(np.eye(scale.n_columns), (scale.sequence, 1))
        level = add("MatMul", [at, keep("mean", same_column * (level_off / scale.sequence))], "level")
        at = add("Sub", [at, add("MatMul", [level, keep("back", same_column.T)], "levels")], "from_level")
    at = add("Mul", [at, keep("weight", np.sqrt(scale.shares))], "weighed")
    along = at if directions is None else add("MatMul", [at, keep("directions", directions)], "along")
    # |x - p|^2 is |x|^2 + (|p|^2 - 2 x p); the nearest place has the least of the second part.
    product = add("MatMul", [along, keep("places", -2.0 * places.T)], "product")
    axis = keep("last_axis", [1], np.int64)
    apart = add("Add", [product, keep("lengths", (places**2).sum(axis=1))], "apart")
    least = add("ReduceMin", [apart, axis], "least", keepdims=1)
    square = add("Add", [add("ReduceSumSquare", [at, axis], "length", keepdims=1), least], "square")
    add("Sqrt", [add("Max", [square, keep("zero", 0.0)], "rounded")], "score")
    return graph.written(name, n_features=len(scale.centre), outputs={"score": 1})
