"""Questions that a task's version can answer, made of simulated rows: for the demo, for tests, and for load."""

from typing import Any, Final

import polars as pl
import polars.selectors as cs

from telltale.contract.app import App, Task
from telltale.contract.simulation import Simulation
from telltale.contract.split import LastOfEach
from telltale.telemetry.export import event_columns
from telltale.telemetry.frames import ENTITY, LABEL
from telltale.train.sources import check_simulated

# Under a seed of its own.
TRAFFIC: Final = Simulation(n_rows=288, seed=4_711)
_ACTS: Final = 40  # of a row that is verified: a whole one is long to read
_RECENT: Final = 24  # of what an entity came to, where it is asked what comes next


def enrolled_rows(app: App, task: Task) -> pl.DataFrame:
    """Of a task that verifies, the rows of one entity that are enrolled: all of its own but the last, which is asked about."""
    return _own_rows(check_simulated(app, task.event, Simulation()).frame)[:-1]


def _own_rows(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col(ENTITY) == frame[ENTITY][0], pl.col(LABEL) == 1)


def example_body(app: App, task: Task) -> dict[str, Any]:
    """A body for `predict`: of a known entity where the task answers about entities, else a simulated row."""
    return example_bodies(app, task, 1)[0]


def example_bodies(app: App, task: Task, n: int) -> list[dict[str, Any]]:
    """Several, as different as the rows are; no more than there are rows."""
    schema = app.event(task.event)
    how = Simulation() if isinstance(task.split, LastOfEach) or task.verification is not None else TRAFFIC
    frame = check_simulated(app, task.event, how).frame
    if task.verification is not None:
        own = event_columns(_own_rows(frame).drop(LABEL), schema).with_columns(
            pl.col(schema.time).dt.to_string("iso:strict"), cs.list().list.head(_ACTS)
        )
        return [{name: value for name, value in own.row(-1, named=True).items() if value is not None}]
    if task.similarity is not None or task.succession is not None or task.acting is not None:
        return [_example_query(app, task, frame[at:]) for at in range(min(n, frame.height))]
    if task.ranking is not None or task.forecasting is not None:
        more = {"top_k": 3} if task.ranking is not None else {"horizon": 3}
        names = frame[ENTITY].unique(maintain_order=True)[:n]
        return [{schema.entity or "entity": name, **more} for name in names]
    # What may be missing is left out: most of it is known only afterwards.
    if schema.more_numeric:
        later = task.segmenting.outcomes if task.segmenting is not None else ()
        rows = event_columns(frame.drop(LABEL, strict=False), schema).drop(schema.time, *later)[:n]
        return [{name: value for name, value in row.items() if value is not None} for row in rows.iter_rows(named=True)]
    needed = [column.name for column in schema.columns if column.dtype in {"float", "int"} and not column.nullable]
    return frame.select(needed)[:n].to_dicts()


def _example_query(app: App, task: Task, frame: pl.DataFrame) -> dict[str, Any]:
    """A question made of one row, or of the first rows of an entity."""
    schema, row = app.event(task.event), frame.row(0, named=True)
    query: dict[str, Any] = {}
    if task.similarity is not None:
        query["fingerprints"] = [int(one) for one in row[task.similarity.fingerprints] or ()]
        query |= {name: row[name] for name in task.similarity.figures if row[name] is not None}
    elif task.succession is not None:
        own = frame.filter(pl.col(ENTITY) == row[ENTITY])
        query = {"recent": own[task.succession.item][:_RECENT].to_list(), schema.entity or "entity": row[ENTITY]}
    elif task.acting is not None:
        query["context"] = {name: row[name] for name in task.acting.context if row.get(name) is not None}
        if task.acting.available:
            query["available"] = row[task.acting.available]
    return {task.query_names.get(name, name): value for name, value in query.items()}
