"""FastAPI as its guide shows it: a pydantic model in, a dictionary out, an isolation forest on the raw columns.

`onnx` runs the forest as ours does (one fused graph, one thread), so that the difference is the server's and the
checks'; `sklearn` runs the fitted object.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, Field, create_model

_FOLDER = Path(os.environ["BENCH_MODEL"])


class Limits(msgspec.Struct):
    """A column and its bounds."""

    name: str
    low: float | None
    high: float | None


_LIMITS = msgspec.json.decode((_FOLDER / "columns.json").read_bytes(), type=list[Limits])


def _sklearn_scorer() -> Callable[[Any], float]:
    import joblib  # type: ignore[import-untyped]  # it has no annotations

    forest = joblib.load(_FOLDER / "forest.joblib")
    return lambda row: -float(forest.score_samples(row)[0])


def _onnx_scorer() -> Callable[[Any], float]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(_FOLDER / "forest.onnx", options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda row: float(np.ravel(session.run(None, {name: row})[0])[0])


def make(score: Callable[[Any], float]) -> FastAPI:
    fields: dict[str, Any] = {limit.name: (float, Field(ge=limit.low, le=limit.high)) for limit in _LIMITS}
    body: type[BaseModel] = create_model(
        "Body", timestamp=(str | float | None, None), entity=(str | None, None), **fields
    )
    names = [limit.name for limit in _LIMITS]
    application = FastAPI()

    @application.post("/{path:path}")
    async def predict(path: str, row: body) -> dict[str, Any]:  # type: ignore[valid-type]  # noqa: ARG001 - any path
        found = score(np.array([[getattr(row, name) for name in names]], dtype=np.float32))
        return {"score": found, "decision": found >= 0.5, "threshold": 0.5, "version": 1}

    return application


app = make(_onnx_scorer() if os.environ["BENCH_SCORER"] == "onnx" else _sklearn_scorer())
