"""An ONNX graph written node by node: `features` of the shape (n, k) in, every row worked on by itself."""

from collections.abc import Mapping
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

FEATURES: Final = "features"
_OPSET: Final = {"": 21, "ai.onnx.ml": 3}
_IR_VERSION: Final = 10


@final
class RowGraph:
    """Weights and nodes as they come; `beside` takes in another graph of the same features."""

    def __init__(self) -> None:
        self._weights: list[Any] = []
        self._nodes: list[Any] = []
        self._outputs: list[Any] = []

    def keep(self, name: str, value: NDArray[Any] | float | list[int], dtype: Any = np.float32) -> str:
        """Put a weight in; its name."""
        from onnx import numpy_helper

        self._weights.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def add(self, op: str, inputs: list[str], out: str, **attributes: Any) -> str:
        """Put a node in; the name of what it gives."""
        from onnx import helper

        self._nodes.append(helper.make_node(op, inputs, [out], **attributes))
        return out

    def beside(self, graph: bytes) -> None:
        """Take in the nodes and outputs of another graph."""
        from onnx import ModelProto

        other = ModelProto.FromString(graph).graph
        self._nodes += other.node
        self._outputs += other.output

    def written(self, name: str, *, n_features: int, outputs: Mapping[str, int]) -> bytes:
        """The model; `outputs` has the width of each of this graph's own, which come first."""
        from onnx import TensorProto, helper

        own = [helper.make_tensor_value_info(out, TensorProto.FLOAT, [None, width]) for out, width in outputs.items()]
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, [None, n_features])],
            [*own, *self._outputs],
            self._weights,
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSET.items()]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="telltale", ir_version=_IR_VERSION)
        return bytes(model.SerializeToString(deterministic=True))
