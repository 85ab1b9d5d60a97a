"""Asserting that something is refused the way errors are promised: by its class, naming the fault, with a mend."""

from collections.abc import Callable
from typing import ParamSpec

from telltale.contract.errors import TelltaleError

P = ParamSpec("P")


def assert_refused(
    by: type[TelltaleError], naming: str, attempt: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Raise AssertionError unless `attempt` raises `by`, whose message contains `naming` and says the mend."""
    refusal: TelltaleError | None = None
    try:
        attempt(*args, **kwargs)
    except by as error:
        refusal = error
    assert refusal is not None, f"no {by.__name__} was raised, which would have named {naming!r}"
    assert naming in str(refusal), f"{refusal} does not name {naming!r}"
    assert refusal.mend, f"{refusal} says no mend"
