"""The ONNX graph that tells how far off the plane a row is."""

import numpy as np

from telltale.models.residual.plane import FURTHEST, Plane
from telltale.models.row_graph import RowGraph
from telltale.models.subsequence.windows import lateness


def write_graph(plane: Plane, *, sequence: int = 1) -> bytes:
    """`features` of the shape (n, k) in, `score` of the shape (n, 1) out.

    The score is the mean absolute error of the columns, each in units of its usual one: about 0.8 for normal rows, were errors
    Gaussian. Of so many rows side by side, oldest first, late ones count more.
    """
    graph = RowGraph()
    add, keep = graph.add, graph.keep
    middle = add("Sub", ["features", keep("centre", plane.centre)], "middle")
    far = add("Mul", [middle, keep("factor", plane.factor)], "far")
    z = add("Clip", [far, keep("lowest", -FURTHEST), keep("highest", FURTHEST)], "z")
    # The mean is in the weights: ReduceMean rounds a row otherwise where others stand beside it, ReduceL1 does not.
    weight = plane.weight * lateness(sequence).repeat(len(plane.weight) // sequence) / len(plane.weight)
    error = add("Mul", [z, keep("weight", weight)], "weighed")
    if plane.directions.shape[1]:
        along = add("MatMul", [z, keep("directions", plane.directions)], "along")
        told = add("MatMul", [along, keep("back", plane.directions.T * weight)], "told")
        error = add("Sub", [error, told], "error")
    add("ReduceL1", [error, keep("last_axis", [1], np.int64)], "score", keepdims=1)
    return graph.written("window_residual", n_features=len(plane.centre), outputs={"score": 1})
