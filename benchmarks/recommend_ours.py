"""A version of `storefront/recommend` from a case's rows, as `telltale train` makes one, asked as the shop asks."""

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.recommend_cases import Case, Question
from telltale.apps.storefront import APP
from telltale.contract.query import RankQuery
from telltale.models.rank_runtime import RankRuntime
from telltale.models.runtimes import load_runtime
from telltale.train.fitted import TrainingChoices
from telltale.train.version import TrainingRows, train_version

TASK = APP.task("recommend")
_TOP = 20


@dataclass(frozen=True)
class Lists:
    """What each question was answered with: items new to them, and where it was asked for, any; and how long all took."""

    new: list[tuple[str, ...]]
    any: list[tuple[str, ...]]
    seconds: float


@dataclass(frozen=True)
class Ours:
    """A trained version, at work."""

    runtime: RankRuntime
    train_seconds: float
    bundle_bytes: int
    told: tuple[str, ...]

    def answer(self, case: Case) -> Lists:
        """Each question by itself, as a request would ask it."""
        started = time.perf_counter()
        new = [self._ask(question, again=False) for question in case.questions]
        seconds = time.perf_counter() - started
        return Lists(new, [self._ask(one, again=True) for one in case.questions] if case.again else [], seconds)

    def _ask(self, question: Question, *, again: bool) -> tuple[str, ...]:
        # Rows of one who came after training: as a server adds what is stored of them since.
        had = question.past if question.entity is None else ()
        query = RankQuery(entity=question.entity, had=had, top_k=_TOP, include_seen=again)
        return tuple(ranked.item for ranked in self.runtime.ask([query])[0].items)


def train(case: Case) -> Ours:
    """Trained on all rows of a case with the task's defaults."""
    rows = TrainingRows(kind="file", train=case.frame, held_out=case.frame.clear(), columns=case.columns)
    told: list[str] = []
    with TemporaryDirectory(prefix="telltale-") as scratch:
        started = time.perf_counter()
        trained = train_version(
            APP,
            TASK,
            rows,
            TrainingChoices(),
            directory=Path(scratch) / "version",
            progress=lambda _what, _done, _of: None,
            tell=told.append,
        )
        seconds = time.perf_counter() - started
        runtime = load_runtime(trained.directory)
        assert isinstance(runtime, RankRuntime), "a task of another kind"
        size = sum(path.stat().st_size for path in trained.directory.iterdir())
    return Ours(runtime, seconds, size, tuple(told))
