"""MLServer with the fused ONNX forest in a runtime of one's own, as its guide shows it; runs in an environment of its own."""

import os

import numpy as np
import onnxruntime
from mlserver import MLModel  # type: ignore[import-not-found]  # of another environment
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]
from mlserver.types import InferenceRequest, InferenceResponse  # type: ignore[import-not-found]


class Forest(MLModel):  # type: ignore[misc]  # its base is unknown here
    """Rows of floats in, scores out."""

    async def load(self) -> bool:
        """Open the model."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"] + "/forest.onnx", options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One score per row."""
        rows = self.decode(payload.inputs[0], default_codec=NumpyCodec)
        scores = self._session.run(None, {self._input: rows.astype(np.float32)})[0]
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("score", scores)])
