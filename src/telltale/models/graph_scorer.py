"""A scorer that is one ONNX graph: rows in, scores out, on one thread."""

from collections.abc import Callable
from typing import Any, Final, final

import numpy as np

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Features, Parts, Scores

# What a recurrent graph holds between its nodes grows with the rows of a call: a few kilobytes each.
_ROWS_PER_CALL: Final = 4_096


@final
class GraphScorer:
    """An ONNX session with one input, `features`, and one output of the shape (n, 1). Row-wise.

    Args:
        parts: of a bundle; the graph is `model.onnx`.
        where: the estimator, for messages.

    Raises:
        BundleError: there is no graph, or ONNX Runtime cannot read it.
    """

    def __init__(self, parts: Parts, *, where: str) -> None:
        if parts.onnx is None:
            raise BundleError("the bundle has no model.onnx", where=where, mend="Train the version again.")
        self._run = open_session(parts.onnx, where=where).run

    def score(self, features: Features) -> Scores:
        """One score per row, float64."""
        return in_calls(
            lambda rows: self._run(None, {"features": rows})[0][:, 0],
            features,
            rows_per_call=_ROWS_PER_CALL,
        )

    def score_one(self, features: Features) -> float:
        """The score of one row, shape (1, k)."""
        return float(self._run(None, {"features": features})[0][0, 0])


def in_calls(score: Callable[[Features], Scores], features: Features, *, rows_per_call: int) -> Scores:
    """One score per row, float64, from calls of so many rows: what a graph holds between its nodes is bounded by that."""
    scores = np.empty(len(features), dtype=np.float64)
    for start in range(0, len(features), rows_per_call):
        rows = slice(start, start + rows_per_call)
        scores[rows] = score(features[rows])
    return scores


def never_alone(features: Features) -> Features:
    """The rows, a lone one twice: ONNX Runtime adds up the trees of a lone row in another order than those of several."""
    return features.repeat(2, axis=0) if len(features) == 1 else features


def open_session(onnx: bytes, *, where: str) -> Any:
    """An inference session on one thread. Raises BundleError where the bytes are no graph."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that it does not export
        raise BundleError(
            "model.onnx is no graph that ONNX Runtime can read", where=where, mend="Train the version again."
        ) from error
