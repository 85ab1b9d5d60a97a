"""Is a file as a whole fit to train on?"""

from telltale.contract.schema import EventSchema
from telltale.telemetry.frames import ENTITY, LABEL
from telltale.telemetry.validate import Checked


def unmet_demands(schema: EventSchema, checked: Checked) -> list[str]:
    """What a file lacks of its event's demands, a sentence each; none where it is fit or nothing is asked.

    Values that are missing quarantine their rows, which is a demand of its own. So is what is there in some rows only: a
    label, an entity, or a column that may be left out.
    """
    demands = schema.demands
    if demands is None:
        return []
    unmet = []
    if checked.quarantined:
        unmet.append(f"{len(checked.quarantined):,} rows have a value that is missing or wrong")
    n = checked.frame.height
    if n < demands.least_rows:
        unmet.append(f"{n:,} good rows; at least {demands.least_rows:,} are asked")
    unmet += [f"{name} has no value in {n_missing:,} of {n:,} rows" for name, n_missing in _gaps(schema, checked)]
    if demands.label_share is not None:
        low, high = demands.label_share
        labels = checked.frame[LABEL].drop_nulls() if LABEL in checked.frame.columns else None
        if labels is None or labels.is_empty():
            unmet.append(f"no row has {schema.label}; a share of {low:.0%} to {high:.0%} is asked")
        elif not low <= (share := int(labels.sum()) / len(labels)) <= high:
            unmet.append(f"{schema.label} is 1 in {share:.1%} of rows; {low:.0%} to {high:.0%} is asked")
    return unmet


def _gaps(schema: EventSchema, checked: Checked) -> list[tuple[str, int]]:
    """Columns that some rows have a value in and some have not, with how many."""
    frame = checked.frame
    missing = {name: frame[name].null_count() for name in checked.columns}
    if LABEL in frame.columns and schema.label is not None:
        missing[schema.label] = frame[LABEL].null_count()
    if schema.entity is not None:
        missing[schema.entity] = int((frame[ENTITY] == "").sum())
    return [(name, n) for name, n in missing.items() if 0 < n < frame.height]
