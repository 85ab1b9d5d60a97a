"""ONNX graphs of networks, written node by node: what is stored needs no training library, and no exporter decides it."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telltale.models.neural.rows import REACH, Scaler

_OPSET: Final = 21
_IR_VERSION: Final = 10

Weights = dict[str, NDArray[np.float32]]


@dataclass
class GraphDraft:
    """A graph being written, node after node, from `features` to `score`; `last` is what the next node reads."""

    name: str
    n_columns: int
    last: str = "features"
    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)

    def add(self, op: str, *weights: NDArray[Any] | str, n_outputs: int = 1, use: int = 0, **attributes: Any) -> None:
        """A node that reads `last` and these weights ("" for one that is left out); its output `use` is the new `last`."""
        from onnx import helper

        number = len(self.nodes)
        inputs = [self.last]
        for place, weight in enumerate(weights):
            inputs.append(weight if isinstance(weight, str) else self._keep(f"{op.lower()}_{number}_{place}", weight))
        outputs = [f"out_{number}" if i == use else "" for i in range(n_outputs)]
        self.nodes.append(helper.make_node(op, inputs, outputs, **attributes))
        self.last = f"out_{number}"

    def standardise(self, scaler: Scaler) -> None:
        """`Scaler.apply` as nodes, on the last axis."""
        self.add("Sub", scaler.centre)
        self.add("Mul", scaler.scale)
        self.add("Clip", np.array(-REACH, dtype=np.float32), np.array(REACH, dtype=np.float32))

    def dense(self, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """A linear layer; `weight` has the shape (outputs, inputs)."""
        self.add("Gemm", np.ascontiguousarray(weight.T), bias)

    def finish(self) -> bytes:
        """The model: `features` of the shape (n, n_columns), `score` of the shape (n, 1) by a sigmoid."""
        return self._finish("Sigmoid", "score", 1)

    def finish_outcomes(self, n_outcomes: int) -> bytes:
        """The model: `features` of the shape (n, n_columns), `outcomes` of the shape (n, n_outcomes) as they are."""
        return self._finish("Identity", "outcomes", n_outcomes)

    def _finish(self, op: str, output: str, n_outputs: int) -> bytes:
        from onnx import TensorProto, helper

        self.nodes.append(helper.make_node(op, [self.last], [output]))
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, self.n_columns])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, n_outputs])],
            self.weights,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            producer_name="telltale",
            ir_version=_IR_VERSION,
        )
        return bytes(model.SerializeToString(deterministic=True))

    def _keep(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(value, name))
        return name
