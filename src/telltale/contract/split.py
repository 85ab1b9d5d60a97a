"""Which rows a version is judged on, kept out of its training."""

import msgspec


class LastShare(msgspec.Struct, frozen=True, kw_only=True):
    """The last `share` of the rows in time, with a gap before them in neither part, so that no window reaches over.

    The gap is `gap_rows` of each entity, but no more than a tenth of its rows before the cut: where entities have few rows
    each, a whole gap would leave nothing to train on.
    """

    share: float = 0.2
    gap_rows: int = 12


class ByEntity(msgspec.Struct, frozen=True, kw_only=True):
    """Every row of about `share` of the entities: a person, a file, an object is on one side only."""

    share: float = 0.25


class LastOfEach(msgspec.Struct, frozen=True, kw_only=True):
    """The last `n_rows` of every entity that has more than `least_rows` besides them.

    The version that is registered is then fitted once more on all rows: a forecast starts where its rows end, and a
    shopper's latest purchase counts. What was judged is the procedure on the rows before. A simulator of such an event
    continues: with more days, the same seed begins with the same rows.
    """

    n_rows: int = 1
    least_rows: int = 1


Split = LastShare | ByEntity | LastOfEach
