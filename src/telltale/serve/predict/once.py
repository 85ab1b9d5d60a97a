"""Questions that are answered once: a turn's are looked up, decided and written together, and told when they are on disk."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from time import time
from types import coroutine
from typing import Any, Final, NamedTuple

import msgspec

from telltale.contract.errors import ConflictError
from telltale.contract.route import AnsweredOnce, Asked
from telltale.monitor.confidences import ConfidenceKey, ConfidenceWrite, KeptAnswer, find_answers
from telltale.serve.live.live_task import Place
from telltale.serve.predict.answering import count_failure
from telltale.serve.predict.decide import decide_many
from telltale.storage.database import Database

# Writes of one turn, in one transaction; the future says that they are on disk.
Submit = Callable[[Sequence[ConfidenceWrite]], "Future[None]"]

_MOST: Final = 64  # questions of a turn: so many are decided before the event loop gets its turn again
_encode = msgspec.json.Encoder().encode


class _Question(NamedTuple):
    key: ConfidenceKey
    asked: Asked
    body: Any


class Once:
    """The questions of one route.

    The same question that comes again while its first answer is being written waits for that; one that another process
    answers first gets that answer. A lone question waits for nobody: its turn ends as soon as the loop has no other request
    at hand, and its write begins when the one before it ends.

    Args:
        place: where the task is served.
        how: to ask, and what to tell.
        events: where answers are kept.
        submit: has them written.
    """

    def __init__(self, place: Place, how: AnsweredOnce, *, events: Database, submit: Submit) -> None:
        self._place = place
        self._how = how
        self._events = events
        self._submit = submit
        self._open: _Turn | None = None
        self._under_way: dict[ConfidenceKey, tuple[_Turn, int]] = {}

    async def answer(self, body: Any) -> bytes:
        """What is sent for a decoded body.

        Raises:
            ConflictError: the name of the question belongs to another question.
            UnavailableError: no version serves, or the disk takes nothing; asked again, it may be answered.
            SchemaError: what is asked does not fit the task's columns.
        """
        asked = self._how.ask(body)
        key = ConfidenceKey(self._place.app, self._place.task, asked.entity, asked.pattern)
        turn = self._open
        if turn is None:
            turn = self._open = _Turn()
        own = len(turn.questions)
        turn.questions.append(_Question(key, asked, body))
        if own + 1 == _MOST:
            self._open = None
        await _yield()
        if turn.holders is None:
            # The first to be called begins for all; who comes from now on is of the next turn.
            if self._open is turn:
                self._open = None
            self._begin(turn)
        assert turn.holders is not None
        holder, place = turn.holders[own]
        found = holder.answers[place]
        if found is None:
            await holder.written.wait()
            found = holder.answers[place]
            assert found is not None, "what was written is known"
        if isinstance(found, Exception):
            raise found
        if found.digest != asked.digest:
            raise _other_question(asked)
        return found.body

    def _begin(self, turn: "_Turn") -> None:
        """Look up, decide, and have written; afterwards each question has its answer, or waits for a turn to be written."""
        questions = turn.questions
        turn.answers = [None] * len(questions)
        turn.holders = [(turn, place) for place in range(len(questions))]
        try:
            kept = find_answers(self._events, [question.key for question in questions])
        except Exception as error:  # noqa: BLE001 - told to each sender
            turn.answers = [error] * len(questions)
            return
        fresh: list[int] = []
        for place, question in enumerate(questions):
            turn.answers[place] = kept[place]
            if kept[place] is not None:
                continue
            first = self._under_way.get(question.key)
            if first is None:
                self._under_way[question.key] = (turn, place)
                fresh.append(place)
            else:
                turn.holders[place] = first
        writes = self._decide(turn, fresh) if fresh else {}
        if not writes:
            self._settle(turn, fresh, writes, None)
            return
        loop = asyncio.get_running_loop()
        try:
            future = self._submit([*writes.values()])
        except Exception as error:  # noqa: BLE001 - told to each sender
            self._settle(turn, fresh, writes, error)
            return

        def written(done: "Future[None]") -> None:
            # Nobody waits any more where the loop has ended.
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._settle, turn, fresh, writes, done.exception())

        future.add_done_callback(written)

    def _decide(self, turn: "_Turn", fresh: Sequence[int]) -> dict[int, ConfidenceWrite]:
        """What is to be written, by its place; of others, what is wrong stands in the turn's answers."""
        received_s = time()
        writes: dict[int, ConfidenceWrite] = {}
        asked = [turn.questions[place] for place in fresh]
        try:
            live = self._place.asked(len(fresh))
            decided = decide_many(live, [_encode(question.asked.row) for question in asked])
            for place, question, answer in zip(fresh, asked, decided, strict=True):
                if isinstance(answer, Exception):
                    turn.answers[place] = answer
                    continue
                told = self._how.tell(question.asked, question.body, answer)
                writes[place] = ConfidenceWrite(
                    question.key,
                    digest=question.asked.digest,
                    confidence=told.confidence,
                    sent=_encode(told),
                    at_us=int(received_s * 1e6),
                )
        except Exception as error:  # noqa: BLE001 - told to each sender
            if self._place.live is not None:
                count_failure(self._place.live, error, received_s, n=len(fresh))
            for place in fresh:
                turn.answers[place] = error
            return {}
        return writes

    def _settle(
        self, turn: "_Turn", fresh: Sequence[int], writes: dict[int, ConfidenceWrite], fault: BaseException | None
    ) -> None:
        """What was written is told, and what was not is asked anew by whoever asks next."""
        for place in fresh:
            self._under_way.pop(turn.questions[place].key, None)
        for place, write in writes.items():
            if fault is not None:
                turn.answers[place] = fault if isinstance(fault, Exception) else ConflictError("the server is stopping")
            else:
                turn.answers[place] = write.known or KeptAnswer(write.digest, msgspec.Raw(write.sent))
        turn.written.set()


class _Turn:
    """Questions of one turn; for each its answer, and which turn's answer that is."""

    __slots__ = ("answers", "holders", "questions", "written")

    def __init__(self) -> None:
        self.questions: list[_Question] = []
        self.answers: list[KeptAnswer | Exception | None] = []
        self.holders: list[tuple[_Turn, int]] | None = None
        self.written = asyncio.Event()


def _other_question(asked: Asked) -> ConflictError:
    return ConflictError(
        f"the pattern {asked.pattern} of {asked.entity} was answered for other values",
        where="request body",
        mend="Send the values that it was first sent with, or the pattern of these values.",
    )


@coroutine
def _yield() -> Generator[None, None, None]:
    yield
