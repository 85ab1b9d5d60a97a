"""A small app with one task that acts: which of the doors that are open to knock at, in a context, for a time that comes later."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from telltale.contract.app import App, Task
from telltale.contract.errors import UsageError
from telltale.contract.kinds import Acting, Reward
from telltale.contract.schema import Column, EventSchema
from telltale.contract.simulation import Simulation

DOORS = ("north", "south", "west")
KNOCK = EventSchema(
    name="knock",
    columns=(
        Column(name="took_s", low=0.0, nullable=True),
        Column(name="opened", low=0.0, high=1.0),
        Column(name="rain", low=0.0, high=1.0, nullable=True),
        Column(name="open_doors", dtype="strs", nullable=True),
        Column(name="propensity", low=0.0, high=1.0, nullable=True),
    ),
    entity="door",
    lateness_s=3_600.0,
    forbidden=("diary",),
)
WHERE_TO = Task(
    name="where_to",
    kind="act",
    event="knock",
    estimators=("linear_thompson",),
    targets=(),
    acting=Acting(
        action=("door",),
        available="open_doors",
        context=("rain",),
        reward=Reward(column="took_s", is_cost=True, success="opened", failure=60.0),
    ),
    query_names={"available": "open_doors"},
    minimum_rows=50,
    schedule="",
)


def simulate(event: str, how: Simulation) -> pl.DataFrame:
    """Doors knocked at by chance: each takes its own time to open."""
    if event != KNOCK.name:
        raise UsageError.not_one_of(event, [KNOCK.name], where="event")
    rng = np.random.default_rng(how.seed)
    n, start = how.n_rows or 400, how.start or datetime(2024, 1, 1, tzinfo=UTC)
    door = rng.integers(0, len(DOORS), n)
    return pl.DataFrame(
        {
            "timestamp": [start + timedelta(minutes=minute) for minute in range(n)],
            "door": [DOORS[place] for place in door],
            "took_s": np.exp(rng.normal(0.0, 0.3, n)) * (2.0 + 4.0 * door),
            "opened": np.ones(n),
            "rain": rng.random(n),
            "open_doors": [list(DOORS)] * n,
            "propensity": np.full(n, 1.0 / len(DOORS)),
        }
    )


APP = App(
    name="house",
    title="Which door to knock at?",
    events=(KNOCK,),
    tasks=(WHERE_TO,),
    simulate=simulate,
    start=datetime(2024, 1, 1, tzinfo=UTC),
)
