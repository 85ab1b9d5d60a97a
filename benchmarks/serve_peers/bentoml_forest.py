"""BentoML with the fused ONNX forest, as its guide shows a service; runs in an environment of its own."""

import os

import bentoml  # type: ignore[import-not-found]  # of another environment
import numpy as np
import onnxruntime


@bentoml.service(workers=1, traffic={"timeout": 30})
class Forest:
    """Rows of floats in, scores out."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"] + "/forest.onnx", options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    @bentoml.api  # type: ignore[untyped-decorator]  # of another environment
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """One score per row."""
        scores: np.ndarray = self._session.run(None, {self._input: rows.astype(np.float32)})[0]
        return scores
