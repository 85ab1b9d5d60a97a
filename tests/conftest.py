import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from tests.new_databases import fill

from telltale.home.settings import SETTINGS
from telltale.storage import sqlite_database

# Where servers are looked at by the clock or by their memory: these want the machine to themselves.
_ALONE = tuple(Path(__file__).parent / folder for folder in ("benchmarks", "faults", "monitor", "retrain", "serve"))
_REQUIRE_ALL = os.environ.get("TELLTALE_REQUIRE_ALL") == "1"


def pytest_configure() -> None:
    """Tests run as many at a time as there are cores: threads of each beside that wait for each other, a hundred times as long."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that no other may run beside."""
    for item in items:
        if "server" in item.keywords and any(item.path.is_relative_to(folder) for folder in _ALONE):
            item.add_marker(pytest.mark.alone)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Thousands of collected tests and their modules stay until the end: the garbage collector need not look at them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _new_databases_are_filled_from_text() -> Iterator[None]:
    """The migrations run once, not for every test that opens a home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite_database, "upgrade", fill)
        yield


@pytest.fixture(scope="session", autouse=True)
def _tracebacks_are_plain() -> None:
    """Where no log is set up, a traceback would be drawn in colours with all that is around it: a fifth of a second each."""
    renderer = structlog.get_config()["processors"][-1]
    renderer.exception_formatter = structlog.dev.plain_traceback


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the person who runs the tests must not reach them."""
    for setting in SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets; tests that need it are skipped where it is not."""
    named = os.environ.get("TELLTALE_DATA", "")
    if not named or not Path(named).is_dir():
        pytest.skip("TELLTALE_DATA names no folder of data sets")
    return Path(named).resolve()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where nothing may be left out, a skip is a failure, except of tests that need a graphics card."""
    report = yield
    if _REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail") and "gpu" not in item.keywords:
        report.outcome = "failed"
        report.longrepr = f"skipped, and nothing may be: {report.longrepr}"
    return report
