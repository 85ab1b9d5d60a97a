from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from telltale.contract.errors import UsageError
from telltale.registry.api_keys import create_key, revoke_key
from telltale.serve.guard.exposure import check_exposure
from telltale.serve.settings import ServeSettings
from telltale.storage.database import open_database

NOW = datetime(2024, 12, 1, tzinfo=UTC)


@pytest.fixture
def alone(tmp_path: Path) -> ServeSettings:
    """No operator key, and a home that was never opened."""
    return ServeSettings(home=str(tmp_path), apps=())


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])  # noqa: S104 - that is the point
def test_a_server_reachable_from_elsewhere_without_a_key_does_not_start(host: str, alone: ServeSettings) -> None:
    with pytest.raises(UsageError, match=r"TELLTALE_OPERATOR_KEY, or make a key .*, or serve on 127.0.0.1"):
        check_exposure(host, alone)
    check_exposure(host, msgspec.structs.replace(alone, operator_key="key"))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
def test_this_machine_alone_needs_no_key(host: str, alone: ServeSettings) -> None:
    check_exposure(host, alone)


def test_a_stored_key_that_may_operate_does_as_well_until_it_is_revoked(alone: ServeSettings) -> None:
    state = open_database(Path(alone.home) / "state.db", schema="state")
    create_key(state, "reader", ["read", "predict", "ingest"], actor="t", now=NOW)
    with pytest.raises(UsageError, match="no operator key"):
        check_exposure("example.org", alone)

    create_key(state, "ops", ["operate"], actor="t", now=NOW)
    check_exposure("example.org", alone)

    revoke_key(state, "ops", now=NOW)
    with pytest.raises(UsageError, match="no operator key"):
        check_exposure("example.org", alone)
    state.close()
