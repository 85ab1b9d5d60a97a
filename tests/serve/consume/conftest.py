import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serve.consume.brokers import PROGRAMS, Broker, NatsBroker, RedisBroker, stop


@pytest.fixture(params=["redis", "nats"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """Each broker by turns."""
    program = PROGRAMS[request.param]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: make system")
    folder = tmp_path / "broker"
    folder.mkdir()
    made = RedisBroker(folder) if request.param == "redis" else NatsBroker(folder)
    try:
        yield made
    finally:
        stop(made.process)
