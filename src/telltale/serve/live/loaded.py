"""A version that is loaded, and what it takes to serve with it."""

from collections.abc import Callable
from time import time
from typing import Any

import msgspec

from telltale.contract.answer import LearningRuntime, QueryRuntime
from telltale.contract.app import Task
from telltale.contract.estimator import Parts
from telltale.contract.schema import EventSchema
from telltale.models.choose_runtime import ChooseRuntime
from telltale.models.rank_runtime import RankRuntime
from telltale.models.runtimes import LoadedRuntime
from telltale.models.score_runtime import ScoreRuntime
from telltale.models.segment_runtime import SegmentRuntime
from telltale.models.stream_runtime import StreamRuntime
from telltale.models.verify_runtime import FindProfile, VerifyRuntime
from telltale.monitor.prediction_log import Record, ServedVersion
from telltale.registry.followed_streams import FollowedStreams
from telltale.registry.profiles import find_profile
from telltale.registry.versions import Role, Version
from telltale.serve.live.live_task import Failed, Live, LiveQueries, LiveTask
from telltale.serve.live.stored_items import FindItems, items_since
from telltale.serve.live.stored_windows import StoredWindows
from telltale.serve.predict.answers import shape_of
from telltale.serve.predict.bodies import BodyReader
from telltale.serve.predict.query_bodies import QueryReader, words_of
from telltale.serve.predict.sample_bodies import SampleReader
from telltale.storage.database import Database


class Sinks(msgspec.Struct, frozen=True, kw_only=True):
    """What the answers of every version go through.

    Args:
        events: where windows are read from.
        append: keeps a record for the prediction log.
        failed: counts requests that the server failed.
        new_id: names a prediction.
        clock: the time of receipt (epoch seconds).
    """

    events: Database
    append: Callable[[Record], None]
    failed: Failed
    new_id: Callable[[], str]
    clock: Callable[[], float] = time


class Loaded(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A version in memory, tested.

    Args:
        number: of the version.
        runtime: the model.
        live: ready for requests, with nothing beside it.
        trained: the model as it was trained, of a version that goes on learning; else None.
        step: the number of what it has learned since; 0 for nothing.
    """

    number: int
    runtime: LoadedRuntime
    live: Live
    trained: LearningRuntime | None = None
    step: int = 0

    def in_role(self, role: Role) -> "Loaded":
        """The same in another role: a version that becomes champion is not loaded again."""
        if self.live.served.role == role:
            return self
        served = msgspec.structs.replace(self.live.served, role=role)
        return msgspec.structs.replace(self, live=msgspec.structs.replace(self.live, served=served))

    def having(self, parts: Parts | None, step: int) -> "Loaded":
        """The same with what was learned, or with nothing. Raises BundleError where that is not of this version."""
        assert self.trained is not None, "it does not learn"
        runtime: Any = self.trained if parts is None else self.trained.with_learned(parts)
        return msgspec.structs.replace(
            self, runtime=runtime, live=msgspec.structs.replace(self.live, runtime=runtime), step=step
        )


def live_of(task: Task, version: Version, runtime: LoadedRuntime, sinks: Sinks) -> Live:
    """A loaded version, ready for requests."""
    served = ServedVersion(
        app=version.app,
        task=version.task,
        version=version.number,
        role=version.role,
        columns=runtime.columns,
    )
    schema, shape = runtime.manifest.event, shape_of(version.app, task)
    if isinstance(runtime, VerifyRuntime):
        runtime.find_profile = _profiles(sinks.events, version.app, version.task)
    if isinstance(runtime, StreamRuntime):
        whose = version.app, version.task, version.number
        runtime.stored = FollowedStreams(sinks.events, whose, schema.name, runtime)
    if not isinstance(runtime, ScoreRuntime | ChooseRuntime | SegmentRuntime):
        return LiveQueries(
            served=served,
            runtime=runtime,
            reader=_reader(schema, task, runtime),
            append=sinks.append,
            new_id=sinks.new_id,
            shape=shape,
            failed=sinks.failed,
            items_since=_items_since(sinks.events, version, runtime),
            clock=sinks.clock,
        )
    plan = runtime.manifest.plan
    assert plan is not None  # without one it would not have loaded
    return LiveTask(
        served=served,
        runtime=runtime,
        event=schema,
        nullable=plan.nullable,
        reader=BodyReader(schema, runtime.columns, nullable=plan.nullable),
        windows=StoredWindows(
            sinks.events,
            version.app,
            schema.name,
            columns=runtime.columns,
            nullable=plan.nullable,
            n_rows=runtime.whole_history + 1,
            reads=lambda entity: runtime.history_of(entity) + 1,
        ),
        interval_s=plan.interval_s,
        append=sinks.append,
        new_id=sinks.new_id,
        shape=shape,
        failed=sinks.failed,
        clock=sinks.clock,
    )


def _reader(schema: EventSchema, task: Task, runtime: QueryRuntime) -> QueryReader | SampleReader:
    if isinstance(runtime, VerifyRuntime):
        return SampleReader(schema, runtime.verification)
    return QueryReader(schema, runtime.query, words_of(task, schema))


def _items_since(events: Database, version: Version, runtime: QueryRuntime) -> FindItems | None:
    """Of a version that orders items: those that an entity came to since its rows were read, and in other events ever."""
    if not isinstance(runtime, RankRuntime):
        return None
    ranking, own = runtime.manifest.ranking, runtime.manifest.event.name
    assert ranking is not None  # without it it would not have loaded
    upto_id = version.facts.get("fitted_upto_id")
    after_ids = {**dict.fromkeys(ranking.had_too, 0), own: upto_id if isinstance(upto_id, int) else 0}
    finds = [
        items_since(events, version.app, event, column=ranking.item, after_id=after_id)
        for event, after_id in after_ids.items()
    ]
    return lambda entity: tuple(item for find in finds for item in find(entity))


def _profiles(events: Database, app: str, task: str) -> FindProfile:
    def find(entity: str) -> bytes | None:
        found = find_profile(events, app, task, entity)
        return None if found is None else found.body

    return find
