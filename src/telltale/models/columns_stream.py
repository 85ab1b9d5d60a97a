"""Many columns as they go: what a plane of what is usual leaves of each row, and of each row less its slow level."""

from collections.abc import Mapping, Sequence
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError, NotEnoughDataError
from telltale.contract.estimator import Choice, Floats, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.contract.stream import StreamRows
from telltale.models.series.columns import LEAST_ROWS, Scale, fit_columns, fit_table, longest_gap_s
from telltale.models.series.columns_model import ColumnsModel
from telltale.models.series.columns_plane import FittedPlane
from telltale.models.series.columns_recent import RecentRows
from telltale.models.series.columns_state import ColumnsState, unpacked

_NAME: Final = "columns_stream"
_ENTITIES, _STATES, _TABLE, _GAP = "entities", "states", "table", "longest_gap_s"
_PLANES: Final = ("rows", "drift")
_OF_PLANE: Final = ("centre", "factor", "directions", "weight", "spread")
# A state is 31 numbers a column and three. Of more entities those with the most rows are kept; others are scaled as strangers are.
_MOST_ENTITIES: Final = 10_000


@final
class ColumnsStreamEstimator:
    """Score: decades of rarity, 1 where a tenth of usual rows score higher, 3 for one in a thousand.

    Principal components of values, short means and short deviations tell what columns do together; what they leave of a
    row, over what they usually leave, is how far off it is. The same is done for rows less their slow level, for what
    drifts, at half the weight, and what lasts adds up (a cumulative sum). Columns of two values count as one together.
    Fitted on rows without labels; rows labelled 1 are left out.

    Not for: a column alone (`series_stream`); a time of day that matters more than what columns say of each other.

    References:
        Jackson & Mudholkar, "Control Procedures for Residuals Associated With Principal Component Analysis", Technometrics
        21 (1979); Page, "Continuous inspection schemes", Biometrika 41 (1954).
    """

    name = _NAME
    kind: Kind = "score"
    traits = Traits(tells_rarity=True, adapts=True, columns="several")
    defaults: Mapping[str, Parameter] = {}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(
        self,
        series: Sequence[StreamRows],
        *,
        labels: Sequence[NDArray[np.int8]] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        """Fit planes on all rows together, each entity in its own scale where it has fifty; nothing is random.

        Raises:
            NotEnoughDataError: fewer than fifty rows that are not labelled 1.
        """
        del parameters, seed
        usual = [one.rows if labels is None else one.rows[labels[place] != 1] for place, one in enumerate(series)]
        n_usual = sum(map(len, usual))
        if n_usual < LEAST_ROWS:
            raise NotEnoughDataError(
                f"{n_usual} usual rows", where=self.name, mend=f"Give at least {LEAST_ROWS} that are not labelled 1."
            )
        known = sorted(range(len(series)), key=lambda place: (-len(series[place].rows), series[place].entity))
        if len(known) > _MOST_ENTITIES:
            tell(f"Of {len(known)} entities the {_MOST_ENTITIES} with the most rows have a scale of their own.")
            known = known[:_MOST_ENTITIES]
        fitted, table = fit_columns(usual), fit_table(usual)
        gap_s = longest_gap_s([one.times_s for one in series])
        model = ColumnsModel(fitted.planes, table, gap_s)
        states = [ColumnsState(model, RecentRows(fitted.stranger.middle, fitted.stranger.unit)).pack()]
        states += [_state_after(model, fitted.scales[place], series[place]) for place in known]
        return Parts(
            arrays={_STATES: np.array(states), _TABLE: table, _GAP: np.array([gap_s]), **_arrays(fitted.planes)},
            names={_ENTITIES: tuple(series[place].entity for place in known)},
        )

    def load(self, parts: Parts) -> "ColumnsScorer":
        """From stored arrays alone. Raises BundleError."""
        return ColumnsScorer(parts)


@final
class ColumnsScorer:
    """Planes, a table, and the states after training: of a stranger first, then of each entity. Raises BundleError."""

    def __init__(self, parts: Parts) -> None:
        needed = {_STATES, _TABLE, _GAP, *(f"{plane}_{what}" for plane in _PLANES for what in _OF_PLANE)}
        if not needed <= parts.arrays.keys() or _ENTITIES not in parts.names:
            missing = sorted(needed - parts.arrays.keys()) or [_ENTITIES]
            raise BundleError(f"the bundle lacks {', '.join(missing)}", where=_NAME, mend="Train the version again.")
        entities, self._states = parts.names[_ENTITIES], parts.arrays[_STATES]
        rows, drift = (_plane(parts, name) for name in _PLANES)
        self._model = ColumnsModel((rows, drift), parts.arrays[_TABLE], float(parts.arrays[_GAP][0]))
        if len(self._states) != len(entities) + 1:
            raise BundleError("entities and states do not match", where=_NAME, mend="Train the version again.")
        self._of = {entity: place for place, entity in enumerate(entities, start=1)}

    def fresh(self) -> ColumnsState:
        """Of an entity of which no row has been seen."""
        return self.unpack(self._states[0])

    def start(self, entity: str) -> ColumnsState:
        """As it stood after the last row of that entity that was fitted on; fresh where none was kept."""
        return self.unpack(self._states[self._of.get(entity, 0)])

    def unpack(self, packed: Floats) -> ColumnsState:
        """A state again. Raises BundleError where it is none of this model's."""
        return unpacked(self._model, packed)


def _state_after(model: ColumnsModel, scale: Scale, rows: StreamRows) -> Floats:
    """What is remembered after these rows, packed."""
    state = ColumnsState(model, RecentRows(scale.middle, scale.unit))
    state.score(rows.rows, rows.times_s)
    return state.pack()


def _arrays(planes: tuple[FittedPlane, FittedPlane]) -> dict[str, Floats]:
    return {
        f"{name}_{what}": np.array([plane.middle, plane.unit]) if what == "spread" else getattr(plane, what)
        for name, plane in zip(_PLANES, planes, strict=True)
        for what in _OF_PLANE
    }


def _plane(parts: Parts, name: str) -> FittedPlane:
    centre, factor, directions, weight, spread = (parts.arrays[f"{name}_{what}"] for what in _OF_PLANE)
    middle, unit = spread.tolist()
    return FittedPlane(centre=centre, factor=factor, directions=directions, weight=weight, middle=middle, unit=unit)


ESTIMATOR: Final = ColumnsStreamEstimator()
