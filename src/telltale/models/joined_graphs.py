"""Several ONNX graphs of the same features as one, so that an answer takes one call of the session."""

from collections.abc import Mapping
from typing import Any, Final

OUTPUT: Final = "scores"
_IR_VERSION: Final = 10


def join_graphs(graphs: Mapping[str, bytes]) -> bytes:
    """`features` in; out `scores` of the shape (n, graphs), in the order given.

    Args:
        graphs: by a name that no other has, which goes before the names of its nodes and values. Each takes one input
            `features` of the same width, and gives one output of the shape (n, 1).
    """
    from onnx import ModelProto, TensorProto, compose, helper

    nodes: list[Any] = []
    weights: list[Any] = []
    outputs: list[str] = []
    opsets: dict[str, int] = {}
    features: Any = None
    for name, content in graphs.items():
        model = ModelProto.FromString(content)
        opsets |= {one.domain: max(one.version, opsets.get(one.domain, 0)) for one in model.opset_import}
        graph = compose.add_prefix_graph(model.graph, f"{name}_", rename_inputs=False)
        features = graph.input[0]
        nodes += graph.node
        weights += graph.initializer
        outputs.append(graph.output[0].name)
    nodes.append(helper.make_node("Concat", outputs, [OUTPUT], axis=1))
    joined = helper.make_graph(
        nodes,
        "joined",
        [features],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, len(graphs)])],
        weights,
    )
    made = helper.make_model(
        joined,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in sorted(opsets.items())],
        producer_name="telltale",
        ir_version=_IR_VERSION,
    )
    return bytes(made.SerializeToString(deterministic=True))
