"""`kill -9` of the server and of its worker, under load."""

import os
import signal
import time

import pytest
from tests.faults.clients import ask, children
from tests.faults.homes import FLUSH_S
from tests.faults.kills import kill_rounds

from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

pytestmark = [pytest.mark.server, pytest.mark.slow]
# What a busy machine may take from an answer to the row on disk, beyond the distance between flushes.
_WRITING_S = 1.0
_READY_S = 10.0  # on a machine that does other things too; `make soak` holds it to 3


def test_a_kill_loses_nothing_acknowledged_and_the_server_is_back_within_seconds(settings: ServeSettings) -> None:
    told = kill_rounds(settings, n_rounds=3, seconds=1.0)

    assert told.integrity == "ok"
    assert min(told.events.acknowledged, told.feedback.acknowledged, told.predictions, told.sent_again) > 0
    assert (told.events.lost, told.events.doubled) == (0, 0)
    assert (told.feedback.lost, told.feedback.doubled) == (0, 0)
    assert told.oldest_lost_s <= FLUSH_S + _WRITING_S
    assert [kill.whom for kill in told.kills] == ["server", "worker", "server"]
    assert max(kill.ready_s for kill in told.kills) <= _READY_S
    # Broken connections are told to nobody; whatever was answered was answered well.
    assert set(told.refusals) == {0}


def test_a_worker_whose_server_was_killed_frees_the_port(settings: ServeSettings) -> None:
    with start_background(settings) as server:
        assert len(children(server.pid)) == 1
        os.kill(server.pid, signal.SIGKILL)
        give_up_at = time.monotonic() + 2
        while ask(server.url, "GET", "/healthz").status and time.monotonic() < give_up_at:
            time.sleep(0.02)

        assert ask(server.url, "GET", "/healthz").status == 0
