"""A typing session as a value, what can be wrong with one, and the five averages of many."""

from collections.abc import Sequence

import msgspec
import polars as pl

from telltale.apps.personhood.averages import LEAST_KEYS, averages_of
from telltale.apps.personhood.schema import AVERAGES, FIVE
from telltale.contract.derivation import Derived
from telltale.telemetry.frames import ENTITY, LABEL, LINE, TIME


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `personhood/session`: when keys went down and up, and of what class each was.

    Args:
        timestamp: when it ended, seconds since 1970.
        presses_ms: when each key went down, since the first press, ascending.
        releases_ms: when it came up, in the same order.
        classes: `KEY_CLASSES`, in the same order; which key it was, nobody knows.
        corrections: how many of them were corrections.
        local_hour: of the typist's clock at the end, 0 to 23.
    """

    user_id: str
    session_id: str
    timestamp: int
    presses_ms: tuple[float, ...]
    releases_ms: tuple[float, ...]
    classes: tuple[str, ...]
    corrections: int
    local_hour: int


def session_fault(
    presses_ms: Sequence[float], releases_ms: Sequence[float], *, classes: Sequence[str], corrections: float
) -> str | None:
    """What makes the parts of a checked session contradict each other, or None. Too few keys are no fault.

    >>> session_fault([0.0, 90.0], [70.0, 80.0], classes=["letter", "digit"], corrections=0)
    'key 2 came up before it went down'
    """
    early = [place for place, (down, up) in enumerate(zip(presses_ms, releases_ms, strict=True), 1) if up < down]
    if early:
        return f"key {early[0]} came up before it went down"
    counted = sum(of == "correction" for of in classes)
    if corrections != counted:
        return f"corrections is {corrections:g}, and {counted} of its keys are corrections"
    return None


def averages_from_sessions(sessions: pl.DataFrame) -> Derived:
    """Rows of `personhood/averages`, one for each session that has ten keys and no fault.

    The error rate is from the corrections that were counted. A session's label goes with it.

    Args:
        sessions: checked rows of `personhood/session`.
    """
    rows, left_out = [], {}
    for row in sessions.iter_rows(named=True):
        fault = session_fault(
            row["presses_ms"], row["releases_ms"], classes=row["classes"], corrections=row["corrections"]
        )
        averages = fault or averages_of(
            row["presses_ms"],
            row["releases_ms"],
            corrections=int(row["corrections"]),
            local_hour=int(row["local_hour"]),
        )
        if averages is None or isinstance(averages, str):
            left_out[row[LINE]] = averages or f"it has {len(row['presses_ms'])} keys; {LEAST_KEYS} are the least"
            continue
        rows.append(
            {
                "user_id": row[ENTITY],
                "session_id": row["session_id"],
                **msgspec.structs.asdict(averages),
                "timestamp": int(row[TIME].timestamp()),
                "is_legitimate": row.get(LABEL),
            }
        )
    return Derived(frame=pl.DataFrame(rows, schema=_ROW), left_out=left_out)


# In the order of the promised record; the averages are whole numbers but for the error rate.
_ROW = pl.Schema(
    {
        "user_id": pl.String,
        "session_id": pl.String,
        **{name: pl.Float64 if name == "error_rate_percent" else pl.Int64 for name in FIVE},
        AVERAGES.time: pl.Int64,
        "is_legitimate": pl.Int8,
    }
)
