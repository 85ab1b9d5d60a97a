"""The ONNX graph that tells how far off the plane a row is."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telltale.models.residual.plane import FURTHEST, Plane

_OPSET: Final = {"": 21, "ai.onnx.ml": 3}
_IR_VERSION: Final = 10


def write_graph(plane: Plane) -> bytes:
    """`features` of the shape (n, k) in, `score` of the shape (n, 1) out.

    The score is the mean absolute error of the columns, each in units of its usual one: about 0.8 for normal rows, were errors
    Gaussian.
    """
    from onnx import TensorProto, helper, numpy_helper

    weights: list[Any] = []
    nodes: list[Any] = []

    def keep(name: str, value: NDArray[Any] | float | list[int], dtype: Any = np.float32) -> str:
        weights.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def add(op: str, inputs: list[str], out: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, inputs, [out], **attributes))
        return out

    middle = add("Sub", ["features", keep("centre", plane.centre)], "middle")
    far = add("Mul", [middle, keep("factor", plane.factor)], "far")
    z = add("Clip", [far, keep("lowest", -FURTHEST), keep("highest", FURTHEST)], "z")
    # The mean is in the weights: ReduceMean rounds a row otherwise where others stand beside it, ReduceL1 does not.
    weight = plane.weight / len(plane.weight)
    error = add("Mul", [z, keep("weight", weight)], "weighed")
    if plane.directions.shape[1]:
        along = add("MatMul", [z, keep("directions", plane.directions)], "along")
        told = add("MatMul", [along, keep("back", plane.directions.T * weight)], "told")
        error = add("Sub", [error, told], "error")
    add("ReduceL1", [error, keep("last_axis", [1], np.int64)], "score", keepdims=1)
    graph = helper.make_graph(
        nodes,
        "window_residual",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(plane.centre)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
        weights,
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSET.items()]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="telltale", ir_version=_IR_VERSION)
    return bytes(model.SerializeToString(deterministic=True))
