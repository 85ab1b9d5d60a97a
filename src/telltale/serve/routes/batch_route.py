"""`predict:batch`: many rows in, their answers out as they are known, as NDJSON or as Arrow."""

from collections.abc import AsyncIterator

import msgspec

from telltale.contract.errors import TelltaleError
from telltale.serve.edge import Edge
from telltale.serve.http.call import NDJSON, Call, Handle, Reply
from telltale.serve.http.problems import problem_of
from telltale.serve.live.live_task import Place
from telltale.serve.predict.arrow_batch import ARROW, answer_arrow
from telltale.serve.predict.batch import BatchFault, predict_batch


def batch_route(edge: Edge, place: Place) -> Handle:
    """The route of a task: Arrow where the body says so, else lines."""
    settings = edge.settings

    async def route(call: Call) -> Reply:
        live = place.asked()
        chunks, pace = call.chunks(settings.max_batch_bytes), edge.guard.pace(call)
        if _is_arrow(call):
            parts = await answer_arrow(live, chunks, lambda n: edge.count_unlogged(live.served, n), pace=pace)
            return Reply(content_type=ARROW, parts=parts)
        lines = predict_batch(live, chunks, edge.log, max_line_bytes=settings.max_body_bytes, pace=pace)
        return Reply(content_type=NDJSON, parts=_told_to_the_end(lines))

    return route


def _is_arrow(call: Call) -> bool:
    content_type: str = call.headers.get("content-type") or ""
    return content_type.partition(";")[0].strip().lower() == ARROW


async def _told_to_the_end(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The answer has begun: what ends it early stands on its last line, counted from nowhere."""
    try:
        async for part in lines:
            yield part
    except TelltaleError as error:
        yield msgspec.json.encode(BatchFault(line=0, error=problem_of(error))) + b"\n"
