from datetime import UTC, datetime

import polars as pl
import pytest

from telltale.contract.errors import SchemaError
from telltale.contract.kinds import Verification
from telltale.models.verification.trials import people_of, sequences_of
from telltale.telemetry.frames import ENTITY, LABEL, TIME

ASKED = Verification(
    kinds="what", kind_names=("a", "b"), began="from", ended="to", least_acts=3, least_samples=2, enrolled=4
)
START = datetime(2024, 1, 1, tzinfo=UTC)


def rows_of(*rows: tuple[str, int | None, int]) -> pl.DataFrame:
    """Entity, label and number of acts of each row."""
    began = [[100.0 * act for act in range(n)] for *_, n in rows]
    return pl.DataFrame(
        {
            ENTITY: [entity for entity, *_ in rows],
            TIME: pl.Series([START] * len(rows), dtype=pl.Datetime("us", "UTC")),
            LABEL: pl.Series([label for _, label, _ in rows], dtype=pl.Int8),
            "what": [["ab"[act % 2] for act in range(n)] for *_, n in rows],
            "from": began,
            "to": [[time + 50.0 for time in times] for times in began],
        },
        schema_overrides={"from": pl.List(pl.Float64), "to": pl.List(pl.Float64), "what": pl.List(pl.String)},
    )


def test_the_first_half_is_enrolled_at_most_so_many_and_the_others_are_trials() -> None:
    found = people_of(rows_of(*[("ann", 1, 5)] * 6, *[("bob", 1, 5)] * 20), ASKED)

    assert [(one.entity, one.enrolled_rows, len(one.trials)) for one in found] == [
        ("ann", (0, 1, 2), 3),
        ("bob", (6, 7, 8, 9), 16),
    ]
    assert all(one.is_genuine.all() for one in found)


def test_rows_of_others_are_trials_wherever_they_stand() -> None:
    found = people_of(rows_of(("ann", 0, 5), ("ann", 1, 5), ("ann", None, 5), ("ann", 1, 5), ("ann", 0, 5)), ASKED)[0]

    assert found.enrolled_rows == (1, 2)
    assert found.trial_rows == (0, 3, 4)
    assert found.is_genuine.tolist() == [False, True, False]
    assert len(found.genuine) == 1


def test_short_rows_people_with_few_rows_and_rows_of_nobody_are_left_out() -> None:
    rows = rows_of(("ann", 1, 2), ("ann", 1, 5), ("bob", 1, 5), ("bob", 1, 5), ("", 1, 5), ("", 1, 5))

    found = people_of(rows, ASKED)

    assert [(one.entity, one.enrolled_rows) for one in found] == [("bob", (2, 3))]
    assert sequences_of(rows, ASKED)[0] is None


def test_kinds_are_numbered_as_the_task_names_them() -> None:
    found = sequences_of(rows_of(("ann", 1, 4)), ASKED)[0]

    assert found is not None
    assert found.kinds.tolist() == [0, 1, 0, 1]
    assert found.since_ms.tolist() == [0.0, 100.0, 100.0, 100.0]


def test_lists_of_different_lengths_are_refused_with_their_lengths() -> None:
    broken = rows_of(("ann", 1, 4)).with_columns(pl.Series("to", [[1.0, 2.0]]))

    with pytest.raises(SchemaError, match="4 from, 2 to and 4 what"):
        sequences_of(broken, ASKED)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match="what"):
        people_of(rows_of(("ann", 1, 4)).drop("what"), ASKED)
