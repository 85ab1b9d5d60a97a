"""The ONNX graph that squashes a row and says how unlikely each mixture finds it.

Every row is worked on by itself: a matrix product of ONNX Runtime rounds a row the same whatever stands beside it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from telltale.models.outliers.mixture import Mixture
from telltale.models.outliers.squash import BEYOND, CORE, FURTHEST, Scale
from telltale.models.row_graph import RowGraph

OUTPUT: Final = "unlikeliness"


def write_graph(scale: Scale, mixtures: Sequence[Mixture], *, trees: bytes | None = None) -> bytes:
    """`features` of the shape (n, k) in; out `unlikeliness`, the negative log density, shape (n, mixtures).

    Args:
        scale: how columns are standardised.
        mixtures: of squashed rows.
        trees: another graph of the same `features`, whose nodes and outputs are taken in beside.
    """
    graph = RowGraph()
    add, keep = graph.add, graph.keep
    squashed = add_squash(graph, scale)
    axis = keep("last_axis", [2], np.int64)
    parts = []
    for place, mixture in enumerate(mixtures):
        n_components, k, _ = mixture.whiten.shape
        whiten = np.concatenate(list(mixture.whiten), axis=1)
        white = add("MatMul", [squashed, keep(f"whiten_{place}", whiten)], f"white_{place}")
        moved = add("Sub", [white, keep(f"offset_{place}", mixture.offset.reshape(-1))], f"moved_{place}")
        split = add("Reshape", [moved, keep(f"shape_{place}", [-1, n_components, k], np.int64)], f"split_{place}")
        square = add("ReduceSumSquare", [split, axis], f"square_{place}", keepdims=0)
        half = add("Mul", [square, keep(f"half_{place}", -0.5)], f"half_square_{place}")
        density = add("Add", [half, keep(f"constant_{place}", mixture.constant)], f"density_{place}")
        parts.append(add("ReduceLogSumExp", [density, keep(f"of_{place}", [1], np.int64)], f"log_{place}", keepdims=1))
    together = add("Concat", parts, "log_densities", axis=1)
    add("Neg", [together], OUTPUT)
    if trees is not None:
        graph.beside(trees)
    return graph.written("novelty", n_features=len(scale.centre), outputs={OUTPUT: len(mixtures)})


def add_squash(graph: RowGraph, scale: Scale) -> str:
    """`squash` as nodes; the name of what they give."""
    add, keep = graph.add, graph.keep
    held = add("Clip", ["features", keep("lowest", -FURTHEST), keep("highest", FURTHEST)], "held")
    middle = add("Sub", [held, keep("centre", scale.centre)], "middle")
    z = add("Mul", [middle, keep("factor", scale.factor)], "z")
    size = add("Abs", [z], "size")
    core = add("Min", [size, keep("core", CORE)], "within")
    over = add("Sub", [size, core], "over")
    grown = add("Add", [add("Mul", [over, keep("steep", 1.0 / BEYOND)], "steeper"), keep("one", 1.0)], "grown")
    drawn = add("Mul", [add("Log", [grown], "logarithm"), keep("beyond", BEYOND)], "drawn")
    whole = add("Add", [core, drawn], "whole")
    return add("Mul", [whole, add("Sign", [z], "sign")], "squashed")
