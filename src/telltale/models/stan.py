"""Neighbouring visits: what was looked at in visits like this one, near what both have in common."""

from collections.abc import Mapping, Sequence
from typing import Final, final

import numpy as np

from telltale.contract.errors import BundleError
from telltale.contract.estimator import (
    Choice,
    Floats,
    Interactions,
    Parameter,
    Parameters,
    Parts,
    Tell,
    Traits,
    silent,
)
from telltale.contract.kinds import Kind
from telltale.models.sessions.choice import choose_weighing
from telltale.models.sessions.cutting import Visits, cut_visits
from telltale.models.sessions.index import MOST_ITEMS, VisitIndex
from telltale.models.sessions.returns import newest_places, return_rates
from telltale.models.sessions.weighing import Weighing

# The parameter of each decay, which is also the array that says what was chosen.
_FIELDS: Final = {
    "neighbours": "neighbours",
    "position_decay": "position",
    "age_decay_days": "age_days",
    "distance_decay": "distance",
    "idf": "idf",
}
_ARRAYS: Final = ("visit_items", "visit_starts", "visit_ages_days", "visit_returns", "visit_n_items")
_AS_CHOSEN: Final = -1
# What all that neighbours say sums to, beside the rates of going back: a tenth to a fifth of steps go to what they say. From .03
# to .5 reciprocal ranks differ by a hundredth.
_SHARE: Final = 0.15
_RARE: Final = 0.01


@final
class Stan:
    """Score of an item: how often visits like this one had it, how like they are, how recent, and how near what both have.

    A user's rows are cut into visits where nothing happened for `gap_minutes`; where so less than half of the rows have company,
    or with a gap of 0, all rows of a user are one visit. The newest `max_visits` are kept. What is -1 is chosen on the newest
    visits (`telltale.models.sessions.choice`). One who comes without a visit is answered by their last items.

    The published method says how likely visits are to go where others went. With `returns` 1, how often visits go back to an
    item that they had, by how long ago, is learnt beside it: in some shops that is every fourth step.

    Not for: what a customer likes over months, or what nobody has looked at yet.

    References:
        Garg, Gupta, Malhotra, Vig, Shroff, "Sequence and Time Aware Neighborhood for Session-based Recommendations", SIGIR 2019.
    """

    name = "stan"
    kind: Kind = "rank"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {
        "gap_minutes": 30.0,
        "max_visits": 50_000,
        "neighbours": _AS_CHOSEN,
        "position_decay": float(_AS_CHOSEN),
        "age_decay_days": float(_AS_CHOSEN),
        "distance_decay": float(_AS_CHOSEN),
        "idf": _AS_CHOSEN,
        "returns": 1,
    }
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(
        self,
        rows: Interactions,
        *,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        """The visits kept, and how matches among them count; nothing is random."""
        del seed
        visits = _visits(rows, gap_s=60.0 * float(parameters["gap_minutes"]))
        visits = visits.part(max(0, len(visits) - int(parameters["max_visits"])), len(visits))
        said = {
            field: bool(parameters[name]) if field == "idf" else parameters[name]
            for name, field in _FIELDS.items()
            if float(parameters[name]) != _AS_CHOSEN
        }
        weighing = choose_weighing(visits, said, n_items=rows.n_items, tell=tell)  # type: ignore[arg-type]  # none is text
        rates = return_rates(visits) if int(parameters["returns"]) else np.zeros(0)
        return Parts(
            arrays={
                "visit_items": visits.items.astype(np.int32),
                "visit_starts": visits.starts.astype(np.int64),
                "visit_ages_days": visits.ages_days.astype(np.float64),
                "visit_returns": rates,
                "visit_n_items": np.array([rows.n_items], dtype=np.int64),
                **{name: np.array([getattr(weighing, field)]) for name, field in _FIELDS.items() if field != "idf"},
                "idf": np.array([int(weighing.idf)], dtype=np.int64),
            }
        )

    def load(self, parts: Parts) -> "Neighbours":
        """A ranker from its arrays."""
        arrays = parts.arrays
        missing = sorted({*_ARRAYS, *_FIELDS} - arrays.keys())
        if missing:
            raise BundleError(f"the bundle lacks {missing}", where=self.name, mend="Train the version again.")
        weighing = Weighing(
            neighbours=int(arrays["neighbours"][0]),
            position=float(arrays["position_decay"][0]),
            age_days=float(arrays["age_decay_days"][0]),
            distance=float(arrays["distance_decay"][0]),
            idf=bool(arrays["idf"][0]),
        )
        visits = Visits(arrays["visit_items"].astype(np.int64), arrays["visit_starts"], arrays["visit_ages_days"])
        if len(visits.starts) != len(visits) + 1 or visits.starts[-1] != len(visits.items):
            raise BundleError(
                f"{len(visits)} visits, {len(visits.starts)} starts and {len(visits.items)} items do not fit",
                where=self.name,
                mend="Train the version again.",
            )
        index = VisitIndex(visits, n_items=int(arrays["visit_n_items"][0]))
        return Neighbours(index, weighing, arrays["visit_returns"])


@final
class Neighbours:
    """Visits like the current one, and how often one goes back."""

    def __init__(self, index: VisitIndex, weighing: Weighing, returns: Floats) -> None:
        self._index, self._weighing, self._returns = index, weighing, returns

    def score(self, past: Sequence[int], session: Sequence[int] = ()) -> Floats:
        """A score for every item, shape (n items,), none below 0; all 0 where no visit is like this one."""
        visit = (session or past)[-MOST_ITEMS:]
        scores = self._index.score(visit, self._weighing)
        if not len(self._returns):
            return scores
        backs = newest_places(visit)
        visited, rates = list(backs), self._returns[list(backs.values())]
        # What both have in common stands nearest to itself: a vote for going back, which counts where people do.
        scores[visited] *= rates > _RARE
        total = scores.sum()
        if total > 0:
            scores *= _SHARE / total
        scores[visited] += rates
        return scores


def _visits(rows: Interactions, *, gap_s: float) -> Visits:
    if gap_s > 0:
        visits = cut_visits(rows, gap_s=gap_s, most_items=MOST_ITEMS)
        lengths = np.diff(visits.starts)
        if 2 * lengths[lengths > 1].sum() >= lengths.sum():
            return visits
    return cut_visits(rows, gap_s=np.inf, most_items=MOST_ITEMS)


ESTIMATOR: Final = Stan()
