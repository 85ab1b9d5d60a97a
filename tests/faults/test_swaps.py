"""Promotions while requests go on."""

import pytest
from tests.faults.swaps import swap_rounds

from telltale.serve.settings import ServeSettings

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_fifty_swaps_under_load_fail_no_request_and_mix_no_answer(settings: ServeSettings) -> None:
    told = swap_rounds(settings, n_swaps=50, pause_s=0.05)

    assert told.answers > 500
    assert (told.failed, told.mixed) == (0, 0)
    assert min(told.by_version.values()) > 0


def test_swaps_reach_both_of_two_workers(settings: ServeSettings) -> None:
    told = swap_rounds(settings, n_swaps=4, pause_s=0.4, workers=2)

    assert (told.failed, told.mixed) == (0, 0)
    assert min(told.by_version.values()) > 0
