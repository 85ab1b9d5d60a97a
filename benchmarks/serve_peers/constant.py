"""Granian's quickest interface answering fixed bytes: what this machine can do at all."""

import os
from typing import Any

_ANSWER = os.environ["BENCH_ANSWER"].encode()
_HEADERS = [("content-type", "application/json")]


async def app(_scope: Any, protocol: Any) -> None:
    protocol.response_bytes(200, _HEADERS, _ANSWER)
