"""How the threads of a worker share a core."""

import os
import sys
from pathlib import Path

import pytest

from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings


@pytest.mark.server
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this way of scheduling")
def test_the_threads_that_serve_do_not_interrupt_each_other(settings: ServeSettings) -> None:
    with start_background(settings) as server:
        (worker,) = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        names = {thread.name: (thread / "comm").read_text() for thread in Path(f"/proc/{worker}/task").iterdir()}
        serving = [thread for thread, name in names.items() if thread == worker or name.startswith("tokio")]
        policies = [os.sched_getscheduler(int(thread)) for thread in serving]

    assert len(policies) >= 2
    assert set(policies) == {os.SCHED_BATCH}
