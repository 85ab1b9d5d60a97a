"""What a broker does for a consumer, whichever it is."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from telltale.contract.errors import UnavailableError, UsageError


class Delivery(NamedTuple):
    """A message as it was handed to us. A named tuple: there are tens of thousands a second.

    Args:
        id: names it to the broker.
        body: a JSON object, or its fields, each as text.
        is_again: as far as the broker knows, it was handed out before, and may have been worked on.
    """

    id: bytes
    body: bytes | Mapping[bytes, bytes]
    is_again: bool = False


class Told(NamedTuple):
    """Something to tell: a name that stays the same when it is told twice, and what is told, as JSON."""

    name: str
    body: bytes


class Broker(Protocol):
    """A stream of a broker, for one consumer of a group. `take` and `settle` may be called by two threads.

    All methods raise UnavailableError while the broker is away, after which they may be called again with the same.
    """

    @property
    def is_over(self) -> bool:
        """Whether no more messages will ever come."""
        ...

    def take(self, most: int, *, wait_s: float) -> list[Delivery]:
        """Messages that nobody has settled, handed out to us alone.

        Args:
            most: so many at most.
            wait_s: for the first.
        """
        ...

    def settle(self, deliveries: Sequence[Delivery], *, scores: Sequence[Told], alarms: Sequence[Told]) -> list[bytes]:
        """Tell what is to be told, and acknowledge the messages that it is of.

        Returns:
            The ids of those that could not be, since others of them were settled by somebody else meanwhile: nothing was told,
            and these are to be worked on again.
        """
        ...

    def tell_alarm(self, told: Told) -> None:
        """Tell of an alarm that no message is the reason of."""
        ...

    def number(self, delivery: Delivery) -> str:
        """What the broker's own tools find the message by in the stream; the same each time it is handed out."""
        ...

    def close(self) -> None:
        """Let go of the connections; closing twice is fine."""
        ...


def away(where: str, error: object) -> UnavailableError:
    """The broker is away."""
    return UnavailableError(
        f"the broker cannot be reached ({error})",
        where=where,
        mend="See that it runs and lets us in; it is tried again by itself.",
    )


def driver_missing(where: str, name: str) -> UsageError:
    """The package that speaks with it is not there."""
    return UsageError(
        f"the driver of {name} is not installed", where=where, mend='pip install "telltale-loop[streams]" brings it.'
    )
