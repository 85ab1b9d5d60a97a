"""What a polynomial through the rows before does not tell of the last rows of a window: a fixed linear map, and its graph."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.models.row_graph import RowGraph
from telltale.models.subsequence.windows import WindowScale, add_scaled

Floats = NDArray[np.float64]

# Rows that are foretold: of one alone, a change that lasts is seen but once.
FORETOLD: Final = 2
# The usual level counts as so many rows of the window, so that one that was never there does not go unseen.
_ROWS_OF_USUAL_LEVEL: Final = 1.0
_LEAST_ERROR: Final = 0.1  # of the usual error of all columns
_SMALLEST: Final = 1e-3


def foretelling(scale: WindowScale, *, degree: int) -> Floats:
    """The map from a scaled window to the errors of its last rows, shape (sequence * k, rows * k).

    Least squares on the rows before, the constant held towards 0, which is where a column usually is.
    """
    powers = np.vander(np.linspace(-1.0, 1.0, scale.sequence), degree + 1)
    before = powers[:-FORETOLD]
    held = np.zeros((degree + 1, degree + 1))
    held[-1, -1] = _ROWS_OF_USUAL_LEVEL
    told = powers[-FORETOLD:] @ np.linalg.solve(before.T @ before + held, before.T)
    errors = np.hstack([-told, np.eye(FORETOLD)])
    return np.asarray(np.kron(errors.T, np.eye(scale.n_columns)), dtype=np.float64)


def usual_errors(errors: Floats) -> Floats:
    """The mean size of each error, shape (rows * k,), none much smaller than all of them are."""
    usual = np.abs(errors).mean(axis=0)
    return np.asarray(np.maximum(usual, max(_LEAST_ERROR * float(np.sqrt(np.mean(usual**2))), _SMALLEST)))


def write_polynomial_graph(scale: WindowScale, foretold: Floats, usual: Floats) -> bytes:
    """`features` of the shape (n, sequence * k) in, `score` of the shape (n, 1) out: the mean error, in usual ones.

    Late rows count more.
    """
    graph = RowGraph()
    add, keep = graph.add, graph.keep
    shares = scale.shares[-len(usual) :]
    weight = shares / (shares.sum() * usual)
    errors = add("MatMul", [add_scaled(graph, scale), keep("errors_of", foretold * weight)], "errors")
    add("ReduceL1", [errors, keep("last_axis", [1], np.int64)], "score", keepdims=1)
    return graph.written("window_polynomial", n_features=len(scale.centre), outputs={"score": 1})
