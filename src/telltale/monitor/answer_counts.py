"""Answers of one version counted in the database: by decision and label, and by score. Memory does not grow with them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.storage.database import Database
from telltale.storage.instants import to_us

# What it decided, and what it said in the shadow of another version. A label is of what was decided for the request: it
# tells whether a shadow was right only of decisions, not of rankings or choices that nobody saw. The plus keeps SQLite to
# the index of time: the one of tasks would lead it through their whole past.
_ANSWERS: Final = """
    SELECT FALSE AS in_shadow, decision AS decided, decision AS own, score FROM prediction
    WHERE +app = ? AND +task = ? AND version = ? AND received_us >= ? AND received_us < ?
    UNION ALL
    SELECT TRUE, p.decision, s.decision, s.score FROM shadow s CROSS JOIN prediction p ON p.id = s.prediction_id
    WHERE s.app = ? AND s.task = ? AND s.version = ? AND s.received_us >= ? AND s.received_us < ?
        AND s.decision IS NOT NULL
"""
_TOTALS: Final = (
    f"SELECT in_shadow, decided, own, count(*) FROM ({_ANSWERS}) AS answers GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"  # noqa: S608 - names are ours
)

# Three joins rather than one with OR, which no index could answer; cross joins, so that SQLite begins with what was said,
# the fewest rows. Of what was said of one, the last counts.
_SAID: Final = "SELECT p.id, p.version, p.decision, p.received_us, f.label, f.at_us, f.id AS place FROM feedback f"
_LABELLED: Final = f"""
WITH said AS (
    {_SAID} CROSS JOIN prediction p ON p.id = f.prediction_id
    WHERE f.app = ? AND f.task = ? AND p.received_us >= ? AND p.received_us < ?
    UNION ALL
    {_SAID} CROSS JOIN prediction p ON p.app = f.app AND p.task = f.task AND p.entity = f.entity
        AND p.at_us BETWEEN f.from_us AND f.to_us
    WHERE f.prediction_id IS NULL AND f.app = ? AND f.task = ? AND p.received_us >= ? AND p.received_us < ?
    UNION ALL
    {_SAID} CROSS JOIN prediction p ON p.app = f.app AND p.task = f.task AND p.at_us BETWEEN f.from_us AND f.to_us
    WHERE f.prediction_id IS NULL AND f.entity IS NULL AND f.app = ? AND f.task = ?
        AND p.received_us >= ? AND p.received_us < ?
), told AS MATERIALIZED (
    SELECT id, version, decision, label, at_us - received_us AS delay_us FROM (
        SELECT said.*, row_number() OVER (PARTITION BY id ORDER BY place DESC) AS nth FROM said) AS ranked WHERE nth = 1
), labelled AS (
    SELECT FALSE AS in_shadow, decision AS decided, decision AS own, label, delay_us FROM told WHERE version = ?
    UNION ALL
    SELECT TRUE, told.decision, s.decision, told.label, told.delay_us
    FROM told CROSS JOIN shadow s ON s.prediction_id = told.id AND s.version = ? WHERE s.decision IS NOT NULL
)
"""  # noqa: S608 - names are ours
_LABELS: Final = f"{_LABELLED} SELECT in_shadow, decided, own, count(*), sum(label) FROM labelled GROUP BY 1, 2, 3"  # noqa: S608 - names are ours
_DELAYS: Final = f"{_LABELLED} SELECT delay_us FROM labelled"  # noqa: S608 - names are ours


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """Whose answers are counted: those of a version to requests received from `since` on, before `until`."""

    app: str
    task: str
    version: int
    since: datetime
    until: datetime


class Stratum(msgspec.Struct, frozen=True, kw_only=True):
    """Answers that are alike in who would look at them: people label what was flagged more often than the rest.

    Args:
        decided: what was decided for the request, by whichever version decided; None where nothing is decided.
        decision: what this version said, which differs from `decided` only where it answered in the shadow.
        n: answers.
        n_labelled: those of them with a label.
        n_positive: those with label 1.
        in_shadow: whether another version decided.
    """

    decided: bool | None
    decision: bool | None
    n: int
    n_labelled: int
    n_positive: int
    in_shadow: bool = False


def count_strata(events: Database, of: Answered) -> list[Stratum]:
    """Every stratum that has answers. Of several labels of a request the last one said counts."""
    labels = {
        (in_shadow, decided, own): (n, n_positive)
        for in_shadow, decided, own, n, n_positive in events.fetch(_LABELS, _labels(of))
    }
    found = []
    for in_shadow, decided, own, n in events.fetch(_TOTALS, _answers(of)):
        n_labelled, n_positive = labels.get((in_shadow, decided, own), (0, 0))
        found.append(
            Stratum(
                decided=None if decided is None else bool(decided),
                decision=None if own is None else bool(own),
                n=n,
                n_labelled=min(n_labelled, n),
                n_positive=n_positive,
                in_shadow=bool(in_shadow),
            )
        )
    return found


def label_delays_s(events: Database, of: Answered) -> NDArray[np.float64]:
    """From the request to the label that counts, in seconds, one per labelled answer."""
    rows = events.fetch(_DELAYS, _labels(of))
    return np.array([delay_us for (delay_us,) in rows], dtype=np.float64) / 1e6


def count_scores(events: Database, of: Answered, edges: Sequence[float]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Answers by bin of their score: with a positive decision, and with a negative one; shapes (len(edges) + 1,).

    Bin i holds scores from `edges[i - 1]`, which it includes, to `edges[i]`.
    """
    place = " ".join(f"WHEN score < ? THEN {i}" for i in range(len(edges)))
    rows = events.fetch(
        f"SELECT own, CASE WHEN FALSE THEN 0 {place} ELSE {len(edges)} END AS bin, count(*) FROM ({_ANSWERS}) AS answers "  # noqa: S608 - names are ours
        "WHERE own IS NOT NULL AND score IS NOT NULL GROUP BY own, bin",
        (*edges, *_answers(of)),
    )
    counts = np.zeros((2, len(edges) + 1), dtype=np.int64)
    for own, bin_, n in rows:
        counts[int(own), bin_] = n
    return counts[1], counts[0]


def _answers(of: Answered) -> tuple[str | int, ...]:
    return (of.app, of.task, of.version, to_us(of.since), to_us(of.until)) * 2


def _labels(of: Answered) -> tuple[str | int, ...]:
    return (*(of.app, of.task, to_us(of.since), to_us(of.until)) * 3, of.version, of.version)
