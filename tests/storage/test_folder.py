import stat
from pathlib import Path

import pytest

from telltale.contract.errors import UsageError
from telltale.storage.folder import open_folder

pytestmark = pytest.mark.sqlite


def test_a_new_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "deep" / "home")

    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert sorted(path.name for path in folder.path.iterdir() if not path.name.endswith(("-wal", "-shm"))) == [
        "artifacts",
        "events.db",
        "state.db",
    ]


def test_a_home_is_found_again_after_the_working_directory_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = open_folder(Path("home"))
    monkeypatch.chdir("/")

    assert folder.path == tmp_path / "home"
    assert folder.state.fetch("SELECT count(*) FROM version") == [(0,)]


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")

    with pytest.raises(UsageError, match=r"cannot be made.*TELLTALE_HOME"):
        open_folder(tmp_path / "home")
