import random
from collections.abc import Callable

import pytest

from telltale.contract.errors import NotFoundError, UnavailableError
from telltale.telemetry.retries import Patience, ask_again


def failing(n: int, *, retry_after_s: float | None = None) -> Callable[[], str]:
    left = [n]

    def ask() -> str:
        if left[0]:
            left[0] -= 1
            raise UnavailableError("down", retry_after_s=retry_after_s)
        return "rows"

    return ask


def asked_with(ask: Callable[[], str], patience: Patience) -> tuple[str | None, list[float]]:
    """What came of it (None: the fault), and the pauses."""
    pauses: list[float] = []
    try:
        return ask_again(ask, patience, rng=random.Random(3), sleep=pauses.append), pauses
    except UnavailableError:
        return None, pauses


def test_pauses_double_and_are_drawn_between_their_half_and_their_whole() -> None:
    found, pauses = asked_with(failing(4), Patience(attempts=6, first_pause_s=1.0, most_pause_s=4.0))

    assert found == "rows"
    assert all(whole / 2 <= pause <= whole for pause, whole in zip(pauses, (1, 2, 4, 4), strict=True))
    assert pauses != asked_with(failing(4), Patience(attempts=6, first_pause_s=1.1, most_pause_s=4.0))[1]


def test_the_last_fault_is_told_once_every_attempt_failed() -> None:
    found, pauses = asked_with(failing(9), Patience(attempts=3))

    assert (found, len(pauses)) == (None, 2)


def test_a_server_that_says_when_is_asked_no_sooner() -> None:
    _, pauses = asked_with(failing(1, retry_after_s=17.0), Patience())

    assert pauses == [17.0]


def test_a_wait_beyond_all_patience_is_not_begun() -> None:
    assert asked_with(failing(1, retry_after_s=500.0), Patience(most_wait_s=120.0)) == (None, [])


def test_what_asking_again_cannot_mend_is_not_asked_again() -> None:
    n = [0]

    def ask() -> str:
        n[0] += 1
        raise NotFoundError("nothing there")

    with pytest.raises(NotFoundError):
        ask_again(ask, Patience(), rng=random.Random(0))
    assert n == [1]
