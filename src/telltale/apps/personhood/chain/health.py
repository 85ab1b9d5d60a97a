"""Whether the relay gets its work done, and the alarm where it does not."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from telltale.apps.personhood.chain.journal import Journal
from telltale.contract.errors import TelltaleError
from telltale.monitor.alarms import raise_alarm, resolve_alarm
from telltale.storage.database import Database

_APP: Final = "personhood"


@dataclass(kw_only=True)
class Health:
    """Failures in a row, and the alarm that comes of them.

    Args:
        state: where alarms are kept.
        alarm_after: so many failures in a row raise it.
    """

    state: Database
    alarm_after: int
    n_failures: int = field(default=0, init=False)

    def well(self, journal: Journal) -> None:
        """A pass went through. What the runtime refused stays an alarm until it is taken up again."""
        self.n_failures = 0
        failed = journal.entries("failed")
        if not failed:
            resolve_alarm(self.state, "relay_failing", app=_APP, now=datetime.now(UTC))
            return
        what = f"The runtime refused {len(failed)} scores, the last one: {failed[-1].fault}"
        self._raise(what, "Mend what it says, then start the relay with --again.")

    def failed(self, error: TelltaleError) -> None:
        """One did not."""
        self.n_failures += 1
        if self.n_failures >= self.alarm_after:
            what = f"The relay to the chain failed {self.n_failures} times in a row; scores wait. {error.where}: {error.what}"
            self._raise(what, error.mend)

    def _raise(self, what: str, mend: str) -> None:
        raise_alarm(self.state, "relay_failing", app=_APP, what=what, mend=mend, now=datetime.now(UTC))
