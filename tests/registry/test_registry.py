import hashlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from telltale.contract.errors import BundleError, NotFoundError, UnavailableError, UsageError
from telltale.registry.registry import Registry
from telltale.registry.versions import Version
from telltale.storage.folder import open_folder
from telltale.testing.registry_fixtures import APP, START, TASK, promote, register


def register_as(registry: Registry, bundle: Path, *, app: str = "helios", task: str = "anomaly") -> Version:
    """Registers every file of `bundle`."""
    files = {
        path.relative_to(bundle).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in bundle.rglob("*")
        if path.is_file()
    }
    return registry.register(
        app,
        task,
        bundle=bundle,
        sha256="bundle",
        files=files,
        estimator="isolation_forest",
        data_kind="simulated",
        outcome="pass",
        metrics={"recall": 0.9},
        facts={"seed": 7, "columns": ["a", "b"]},
        actor="ada",
        now=START,
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    directory = tmp_path / "bundle"
    (directory / "plots").mkdir(parents=True)
    (directory / "manifest.json").write_text("{}")
    (directory / "plots" / "roc.png").write_bytes(b"png")
    return directory


def test_a_version_says_what_it_was_registered_with(registry: Registry, bundle: Path, tmp_path: Path) -> None:
    version = register_as(registry, bundle)

    assert version.reference == "helios/anomaly@1"
    assert version.label == "20241201_143022"
    assert version.role == "none"
    assert version.created_at == START
    assert version.path == tmp_path / "home" / "artifacts" / "helios" / "anomaly" / "1"
    assert sorted(version.files) == ["manifest.json", "plots/roc.png"]
    assert version.facts == {"seed": 7, "columns": ["a", "b"]}
    assert (version.pinned, version.retired_at, version.removed_at) == (False, None, None)


def test_the_source_of_a_bundle_stays(registry: Registry, bundle: Path) -> None:
    version = register_as(registry, bundle)
    (bundle / "manifest.json").write_text("edited afterwards")

    registry.verify(version)


def test_tasks_are_numbered_and_promoted_apart(registry: Registry, bundle: Path) -> None:
    for app, task in [("helios", "anomaly"), ("helios", "other"), ("eyenet", "anomaly")]:
        assert register_as(registry, bundle, app=app, task=task).number == 1
    registry.promote("helios", "anomaly", 1, actor="ada", reason="", now=START)

    assert [version.reference for version in registry.all_versions()] == [
        "eyenet/anomaly@1",
        "helios/anomaly@1",
        "helios/other@1",
    ]
    assert registry.champion("helios", "other") is None
    assert registry.champion("eyenet", "anomaly") is None


def test_a_label_is_in_utc_whatever_zone_registers(registry: Registry) -> None:
    here = timezone(timedelta(hours=5, minutes=30))

    assert register(registry, now=datetime(2025, 1, 1, 2, 0, 0, tzinfo=here)).label == "20241231_203000"


def test_files_left_by_a_process_that_died_before_its_commit_are_replaced(registry: Registry, tmp_path: Path) -> None:
    orphan = tmp_path / "home" / "artifacts" / APP / TASK / "1"
    orphan.mkdir(parents=True)
    (orphan / "half.onnx").write_bytes(b"half")

    version = register(registry)

    registry.verify(version)
    assert [path.name for path in version.path.iterdir()] == ["manifest.json"]


def test_a_registration_that_fails_leaves_no_row_and_no_files(registry: Registry, bundle: Path, tmp_path: Path) -> None:
    (bundle / "manifest.json").unlink()
    with pytest.raises(BundleError, match=r"'manifest.json'"):
        registry.register(
            APP,
            TASK,
            bundle=bundle,
            sha256="",
            files={"manifest.json": ""},
            estimator="",
            data_kind="file",
            outcome="pass",
            metrics={},
            facts={},
            actor="ada",
            now=START,
        )

    assert registry.versions(APP, TASK) == []
    assert [path for path in (tmp_path / "home" / "artifacts").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["", "..", "a/b", ".incoming", "a b", "é"])
def test_names_that_cannot_be_folders_are_refused(registry: Registry, bundle: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be the name.*letters, digits"):
        register_as(registry, bundle, app=name)


def test_a_task_without_versions_says_how_to_get_one(registry: Registry) -> None:
    with pytest.raises(NotFoundError, match=r"no champion, nor any other.*telltale train check/task"):
        registry.resolve(APP, TASK, "champion")
    with pytest.raises(NotFoundError, match=r"no version 3"):
        registry.get(APP, TASK, 3)
    with pytest.raises(NotFoundError, match=r"no version 3"):
        registry.pin(APP, TASK, 3)


def test_a_missing_number_is_answered_with_those_that_exist(registry: Registry) -> None:
    register(registry)
    register(registry, now=START + timedelta(seconds=1))
    promote(registry, 2)

    with pytest.raises(NotFoundError, match=r"There are: 1 \(20241201_143022\), 2 \(champion, 20241201_143023\)\."):
        registry.promote(APP, TASK, 7, actor="ada", reason="", now=START)


def test_a_locked_registry_is_unavailable_and_reading_goes_on(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(registry)
    monkeypatch.setattr("telltale.storage.sqlite_database.BUSY_TIMEOUT_S", 0.05)
    other = open_folder(tmp_path / "home")
    second = Registry(other.state, other.artifacts)
    folder = open_folder(tmp_path / "home")

    with folder.state.write():
        with pytest.raises(UnavailableError, match="locked"):
            promote(second, 1)
        assert [version.number for version in second.versions(APP, TASK)] == [1]
    promote(second, 1)


def test_a_moment_without_a_zone_is_refused_before_anything_is_written(registry: Registry) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        register(registry, now=datetime.now(UTC).replace(tzinfo=None))

    assert registry.versions(APP, TASK) == []
