import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telltale.contract.errors import BundleError, ConflictError, UsageError
from telltale.storage.artifacts import Artifacts


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    directory = tmp_path / "bundle"
    (directory / "plots").mkdir(parents=True)
    (directory / "manifest.json").write_bytes(b"{}")
    (directory / "plots" / "roc.png").write_bytes(b"png")
    return directory


def files_of(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def test_an_adopted_directory_is_a_copy_of_its_own(artifacts: Artifacts, bundle: Path) -> None:
    adopted = artifacts.adopt(bundle, "app/task/1")
    (bundle / "manifest.json").write_bytes(b"changed later")

    assert adopted == artifacts.path("app/task/1")
    assert files_of(adopted) == ["manifest.json", "plots/roc.png"]
    assert (adopted / "manifest.json").read_bytes() == b"{}"
    assert artifacts.total_bytes() == 5


def test_only_named_files_are_taken(artifacts: Artifacts, bundle: Path) -> None:
    assert files_of(artifacts.adopt(bundle, "one", names=["manifest.json"])) == ["manifest.json"]


def test_a_taken_name_is_refused_and_keeps_what_it_has(artifacts: Artifacts, bundle: Path) -> None:
    artifacts.adopt(bundle, "one")
    (bundle / "manifest.json").write_bytes(b"new")

    with pytest.raises(ConflictError, match="something is there already"):
        artifacts.adopt(bundle, "one")

    assert (artifacts.path("one") / "manifest.json").read_bytes() == b"{}"
    assert list((artifacts.root / ".incoming").iterdir()) == []


@pytest.mark.parametrize("relative", ["../out", "/etc", "a/../../b", "", ".", "a\\b", "a\0b"])
def test_a_path_never_leaves_the_folder(artifacts: Artifacts, bundle: Path, relative: str) -> None:
    with pytest.raises(UsageError, match=r"not a path inside the folder.*'/'"):
        artifacts.adopt(bundle, relative)


def test_names_never_leave_the_bundle(artifacts: Artifacts, bundle: Path) -> None:
    with pytest.raises(UsageError, match="not a path inside"):
        artifacts.adopt(bundle, "one", names=["../bundle/manifest.json"])


@pytest.mark.parametrize("all_names", [True, False])
def test_links_are_not_followed(artifacts: Artifacts, bundle: Path, tmp_path: Path, all_names: bool) -> None:
    (tmp_path / "secret").write_text("secret")
    (bundle / "model.onnx").symlink_to(tmp_path / "secret")

    with pytest.raises(BundleError, match=r"'model.onnx' is not a plain file"):
        artifacts.adopt(bundle, "one", names=None if all_names else ["model.onnx"])

    assert list((artifacts.root / ".incoming").iterdir()) == []


def test_what_is_missing_is_named(artifacts: Artifacts, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"'model.onnx' is not a plain file"):
        artifacts.adopt(bundle, "one", names=["manifest.json", "model.onnx"])
    with pytest.raises(BundleError, match="does not exist"):
        artifacts.adopt(tmp_path / "nowhere", "one")

    assert not artifacts.path("one").exists()


def test_removal_leaves_nothing_and_tells_whether_there_was_something(artifacts: Artifacts, bundle: Path) -> None:
    artifacts.adopt(bundle, "app/task/1")

    assert artifacts.remove("app/task/1")
    assert not artifacts.remove("app/task/1")
    assert not artifacts.path("app/task/1").exists()
    assert artifacts.total_bytes() == 0


def test_leftovers_of_killed_processes_go_and_fresh_ones_stay(artifacts: Artifacts, bundle: Path) -> None:
    old, fresh = artifacts.stage(bundle), artifacts.stage(bundle)
    yesterday = datetime.now(UTC) - timedelta(days=2)
    os.utime(old, (yesterday.timestamp(), yesterday.timestamp()))

    assert artifacts.clear_leftovers(before=datetime.now(UTC) - timedelta(days=1)) == 1
    assert (old.exists(), fresh.exists()) == (False, True)
