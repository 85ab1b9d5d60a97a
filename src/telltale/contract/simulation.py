"""How rows are made up: one value for every simulator."""

from datetime import datetime

import msgspec

from telltale.contract.errors import UsageError


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a simulator; None leaves it to the event.

    Args:
        days: how long.
        n_rows: exactly so many rows, the first ones, in place of `days`.
        interval_s: seconds between the rows of one entity, where the event keeps a clock.
        positive_rate: share of rows labelled 1, in [0, 1], where the event has a label.
        n_entities: of how many entities, where the event lets one choose.
        seed: same seed, same rows.
        start: time of the first row, aware; None for the app's.
        kinds: what is labelled 1, of these kinds alone, where the simulator has kinds; () for all of them.
    """

    days: float | None = None
    n_rows: int | None = None
    interval_s: float | None = None
    positive_rate: float | None = None
    n_entities: int | None = None
    seed: int = 0
    start: datetime | None = None
    kinds: tuple[str, ...] = ()

    def check(
        self,
        *,
        where: str,
        highest_rate: float = 1.0,
        has_entities: bool = False,
        known_kinds: tuple[str, ...] = (),
    ) -> None:
        """Raise UsageError for what no simulator can do, and for entities or kinds where there is no choice of them."""
        for kind in self.kinds:
            if kind not in known_kinds:
                raise UsageError.not_one_of(kind, known_kinds, where=f"{where}: kind")
        if self.n_entities is not None and not has_entities:
            raise UsageError("how many entities there are is not to be chosen", where=where, mend="Leave it out.")
        for name, value in (
            ("days", self.days),
            ("rows", self.n_rows),
            ("interval (s)", self.interval_s),
            ("entities", self.n_entities),
        ):
            if value is not None and not value > 0:
                raise UsageError(f"{name} {value:g}", where=where, mend=f"Give {name} > 0.")
        rate = self.positive_rate
        if rate is not None and not 0 <= rate <= highest_rate:
            raise UsageError(f"rate {rate:g}", where=where, mend=f"Give a rate between 0 and {highest_rate:g}.")
