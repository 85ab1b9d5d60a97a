"""A PostgreSQL server of a test's own, with a password, on loopback."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.faults.kills import free_port

PASSWORD = "kept-to-itself"  # noqa: S105 - of a server that ends with the test


def _program(name: str) -> str:
    found = shutil.which(name) or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), ""
    )
    if not found:
        pytest.skip("PostgreSQL's server is not installed")
    return found


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Its address, with user and password in it."""
    initdb, postgres = _program("initdb"), _program("postgres")
    folder = Path(tempfile.mkdtemp(prefix="telltale-postgresql-"))
    through: tuple[str, ...] = ()
    if os.geteuid() == 0:  # as whom it refuses to run
        shutil.chown(folder, "nobody", "nogroup")
        through = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    secret, port = folder / "password", free_port()
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    options = ("-A", "scram-sha-256", "-U", "shopkeeper", "--no-sync", "-E", "UTF8", "--locale=C")
    command = (*through, initdb, "-D", str(folder / "data"), f"--pwfile={secret}", *options)
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    command = (*through, postgres, "-D", str(folder / "data"), "-k", str(folder), "-p", str(port), "-c", "fsync=off")
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        address = f"postgresql+psycopg://shopkeeper:{PASSWORD}@127.0.0.1:{port}/postgres"
        _await(address)
        yield address
    finally:
        server.send_signal(signal.SIGINT)  # whoever is still connected is cut off
        server.wait(timeout=30)
        shutil.rmtree(folder)


def _await(address: str) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import OperationalError

    engine = create_engine(address)
    give_up_at = time.monotonic() + 30
    while True:
        try:
            with engine.connect():
                break
        except OperationalError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
    engine.dispose()
