"""Flow records: one connection, or one reading of counters, in a row; is it an attack?

The event takes any numeric columns, and text ones by the usual names. A row says all there is: none before it is looked at.
"""

from typing import Final

import numpy as np
import polars as pl

from telltale.contract.app import Task
from telltale.contract.plan import Deviation, Explained, Log, Lookup, Plan, Seasonal, Step
from telltale.contract.schema import Column, EventSchema
from telltale.contract.verdict import Target
from telltale.features.expected import clock
from telltale.features.levels import robust_spread
from telltale.features.steps import inputs
from telltale.telemetry.frames import LABEL

FLOW: Final = EventSchema(
    name="flow",
    columns=(
        Column(name="protocol", dtype="str", nullable=True),
        Column(name="service", dtype="str", nullable=True),
        Column(name="state", dtype="str", nullable=True),
        Column(name="flow_id", dtype="str", nullable=True),
    ),
    # Of the flows of one device at one moment each is another where it has an id.
    key=("flow_id",),
    time="timestamp",
    time_aliases=("time", "ts"),
    entity="device_id",
    label="is_attack",
    label_aliases=("label",),
    more_numeric=True,
    lateness_s=3_600.0,
)

# A text of fewer normal rows than this share is told from others by nothing but being rare.
_LEAST_SHARE: Final = 0.001
_MOST_TEXTS: Final = 60
# Below one of whatever a column counts, all values are nearly alike; above, they are told apart by their ratio.
_LOG_SCALE: Final = 1.0
_LEAST_SPREAD: Final = 0.05


def derive_flow_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    """Signed logarithms of the numbers; of each text column an indicator for every usual text, and one for others that normal rows have.

    Which texts are usual, and the levels that reasons are told against, are of the rows not labelled attacks.
    """
    normal = frame.filter(pl.col(LABEL).fill_null(0) == 0) if LABEL in frame.columns else frame
    steps: list[Step] = []
    features: list[str] = []
    explained: list[Explained] = []
    for column in columns:
        if column == "flow_id":  # says which row it is, and nothing of it
            continue
        if frame[column].dtype == pl.String:
            lookups = _indicators(normal[column])
            steps += lookups
            features += [lookup.out for lookup in lookups]
        else:
            logarithm = Log(out=f"{column}:log", column=column, scale=_LOG_SCALE)
            told, how = _explained(normal[column], logarithm)
            steps += [logarithm, *told]
            features.append(logarithm.out)
            explained += how
    interval_s, _ = clock(frame)
    read = {name for step in steps for name in inputs(step)}
    return Plan(
        # A text column that no normal row has a value in says nothing, and rows need not carry it.
        columns=tuple(column for column in columns if column in read),
        steps=tuple(steps),
        features=tuple(features),
        explained=tuple(explained),
        history=0,
        interval_s=interval_s,
        sequence=sequence,
    )


def _indicators(values: pl.Series) -> list[Lookup]:
    """A step for each usual text of a column, 1 where the row has it, and one for all others, where normal rows have others."""
    name, n = values.name, max(len(values), 1)
    counts = values.drop_nulls().value_counts().sort("count", name, descending=[True, False])
    usual = {text: count for text, count in counts.iter_rows() if count >= _LEAST_SHARE * n}
    usual = dict(list(usual.items())[:_MOST_TEXTS])
    steps = [Lookup(out=f"{name}={text}", column=name, table={text: 1.0}, otherwise=0.0) for text in usual]
    if usual and sum(usual.values()) < len(values):
        steps.append(Lookup(out=f"{name}:unusual", column=name, table=dict.fromkeys(usual, 0.0), otherwise=1.0))
    return steps


def _explained(values: pl.Series, logarithm: Log) -> tuple[list[Step], list[Explained]]:
    """Steps that say how far a number is from where normal rows have it, and how that is told; none for signed numbers."""
    logs = np.log1p(np.abs(values.to_numpy().astype(np.float64)) / logarithm.scale)
    low = values.min()
    if low is None or float(low) < 0:  # type: ignore[arg-type]  # a number: the column is one of numbers
        return [], []
    name = values.name
    level, spread, distance = f"{name}:level", f"{name}:spread", f"{name}:distance"
    middle = float(np.median(logs))
    around = robust_spread(np.abs(logs - middle), floor=_LEAST_SPREAD)
    steps: list[Step] = [
        Seasonal(out=level, period_s=0.0, smooth=False, tables={"": (middle,)}),
        Seasonal(out=spread, period_s=0.0, smooth=False, tables={"": (around,)}),
        Deviation(out=distance, column=logarithm.out, level=level, spread=spread),
    ]
    told = Explained(distance=distance, metric=name, level=level, spread=spread, log_scale=logarithm.scale)
    return steps, [told]


FLOWS: Final = Task(
    name="flows",
    kind="score",
    event="flow",
    derive_plan=derive_flow_plan,
    estimators=("novelty_trees", "novelty", "isolation_forest"),
    targets=(
        Target(metric="auroc", op=">=", limit=0.95),
        Target(metric="recall", op=">=", limit=0.85),
        Target(metric="false_positive_rate", op="<=", limit=0.1),
    ),
    minimum_rows=2_000,
    false_alarms_per_day=20.0,
    thresholds={"novelty_trees": 0.5},
    schedule="45 3 * * 0",  # weekly
)
