from collections.abc import Callable
from pathlib import Path

import pytest

from telltale.testing import registry_checks, registry_process_checks
from telltale.testing.registry_checks import REGISTRY_CHECKS
from telltale.testing.registry_fixtures import FolderRegistry, RegistryFactory

Check = Callable[[RegistryFactory], None]


@pytest.mark.parametrize("check", REGISTRY_CHECKS, ids=lambda check: f"FolderRegistry-{check.__name__}")
def test_registry_keeps_its_promise(check: Check, tmp_path: Path) -> None:
    check(FolderRegistry(tmp_path / "home"))


def test_every_check_is_listed_and_states_its_promise() -> None:
    modules = (registry_checks, registry_process_checks)
    written = {name: check for module in modules for name, check in vars(module).items() if name.startswith("check_")}

    assert set(written) == {check.__name__ for check in REGISTRY_CHECKS}
    assert all(check.__doc__ for check in written.values())
