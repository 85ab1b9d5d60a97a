import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.home.backup_homes import N_EVENTS, contents, make_home, put_back, rows, save

from telltale.cli import main
from telltale.contract.errors import ConflictError, NotFoundError, TelltaleError, UsageError
from telltale.home.backup import back_up
from telltale.registry.registry import Registry
from telltale.storage.folder import open_folder
from telltale.testing.registry_fixtures import APP, START, TASK, register


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path / "home")


def test_a_restored_home_is_the_one_that_was_backed_up(home: Path, tmp_path: Path) -> None:
    made = save(home, tmp_path / "backup.tar")
    done = put_back(made.file, tmp_path / "restored")

    assert contents(done.home) == contents(home)
    assert len(rows(done.home / "events.db")["event"]) == N_EVENTS
    assert (made.n_versions, done.n_versions) == (2, 2)
    assert (made.damaged, made.left_out, done.migrated, done.set_aside) == ([], [], [], [])


def test_backup_and_restored_files_are_their_owners_alone(home: Path, tmp_path: Path) -> None:
    made = save(home, tmp_path / "backup.tar")
    done = put_back(made.file, tmp_path / "restored")

    files = [path for path in done.home.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in [made.file, *files]} == {0o600}
    assert stat.S_IMODE(done.home.stat().st_mode) == 0o700


def test_a_backup_changes_nothing_in_the_home_and_leaves_nothing_beside(home: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}

    save(home, tmp_path / "backup.tar")

    assert {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"home", "backup.tar"}


def test_the_commands_say_what_they_did(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TELLTALE_HOME", str(home))
    file = tmp_path / "backup.tar"

    assert main(["backup", str(file), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["n_bytes"], made["n_versions"], made["revisions"]) == (
        file.stat().st_size,
        2,
        {"state": "0004", "events": "0007"},
    )
    monkeypatch.setenv("TELLTALE_HOME", str(tmp_path / "restored"))
    assert main(["restore", str(file)]) == 0
    assert "Next: telltale up" in capsys.readouterr().out
    assert main(["restore", str(file)]) == ConflictError.exit_status
    assert "--replace" in capsys.readouterr().err
    assert main(["restore", str(file), "--replace", "--json"]) == 0
    (aside,) = json.loads(capsys.readouterr().out)["set_aside"]
    assert contents(Path(aside)) == contents(home)


def test_a_file_that_is_there_or_in_the_home_is_not_written(home: Path, tmp_path: Path) -> None:
    (tmp_path / "backup.tar").write_text("kept")

    with pytest.raises(ConflictError, match="Name a new file"):
        save(home, tmp_path / "backup.tar")
    with pytest.raises(UsageError, match="Name one elsewhere"):
        save(home, home / "backup.tar")
    with pytest.raises(UsageError, match="Make it, or name another"):
        save(home, tmp_path / "nowhere" / "backup.tar")
    with pytest.raises(NotFoundError, match="TELLTALE_HOME"):
        save(tmp_path / "nowhere", tmp_path / "other.tar")
    assert (tmp_path / "backup.tar").read_text() == "kept"


def test_a_damaged_version_is_told_and_all_else_is_kept(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiled = home / "artifacts" / APP / TASK / "1" / "manifest.json"
    spoiled.write_bytes(b"spoiled")
    monkeypatch.setenv("TELLTALE_HOME", str(home))

    assert main(["backup", str(tmp_path / "backup.tar"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["damaged"] == [f"artifacts/{APP}/{TASK}/1/manifest.json"]
    done = put_back(tmp_path / "backup.tar", tmp_path / "restored")
    assert (done.n_versions, len(done.damaged)) == (1, 1)
    assert not (done.home / spoiled.relative_to(home)).exists()
    assert (done.home / "artifacts" / APP / TASK / "2" / "manifest.json").is_file()


def test_files_that_retention_removed_are_not_missed(home: Path, tmp_path: Path) -> None:
    folder = open_folder(home)
    registry = Registry(folder.state, folder.artifacts)
    register(registry, content=b"{}")
    assert [one.number for one in registry.sweep(APP, TASK, keep=1, now=START)] == [1]
    folder.close()

    made = save(home, tmp_path / "backup.tar")

    assert (made.damaged, made.n_versions) == ([], 2)
    assert contents(put_back(made.file, tmp_path / "restored").home) == contents(home)


def test_events_name_no_version_that_the_copied_state_does_not_know(home: Path, tmp_path: Path) -> None:
    folder = open_folder(home)
    registry = Registry(folder.state, folder.artifacts)

    def serve_a_new_version(what: str, *_: int) -> None:
        if what == "state.db" and len(registry.versions(APP, TASK)) == 2:
            register(registry)
            with folder.events.write() as connection:
                connection.exec_driver_sql(
                    'INSERT INTO prediction (id, app, task, at_us, "values", version, role, latency_us, received_us) '
                    "VALUES ('p', 'check', 'task', 0, '{}', 3, 'champion', 1, 0)"
                )

    back_up(home, tmp_path / "backup.tar", progress=serve_a_new_version)
    folder.close()

    done = put_back(tmp_path / "backup.tar", tmp_path / "restored")
    known = {row[2] for row in rows(done.home / "state.db")["version"]}
    assert {row[9] for row in rows(done.home / "events.db")["prediction"]} <= known


def test_a_version_that_retention_removes_meanwhile_is_not_called_damaged(home: Path, tmp_path: Path) -> None:
    folder = open_folder(home)
    registry = Registry(folder.state, folder.artifacts)

    def sweep(what: str, *_: int) -> None:
        if what == "state.db":
            registry.sweep(APP, TASK, keep=1, now=START)

    made = back_up(home, tmp_path / "backup.tar", progress=sweep)
    folder.close()

    assert (made.damaged, made.n_versions) == ([], 1)
    assert put_back(made.file, tmp_path / "restored").n_versions == 1


def test_homes_inside_and_links_are_left_out_and_told(home: Path, tmp_path: Path) -> None:
    make_home(home / "demo")
    (home / "linked").symlink_to(tmp_path)
    (home / "collected" / "named").symlink_to(tmp_path / "anywhere")
    os.mkfifo(home / "pipe")

    made = save(home, tmp_path / "backup.tar")

    assert made.left_out == ["demo", "linked", "pipe", "collected/named"]
    done = put_back(made.file, tmp_path / "restored")
    assert {path.name for path in done.home.iterdir()} == {
        "artifacts",
        "collected",
        "events.db",
        "relay.db",
        "state.db",
    }


def test_versions_kept_under_another_name_in_the_home_come_back_there(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", artifacts=tmp_path / "home" / "deep" / "models")
    made = save(home, tmp_path / "backup.tar", artifacts=home / "deep" / "models")
    expected = contents(home)
    shutil.rmtree(home)

    put_back(made.file, home, artifacts=home / "deep" / "models")

    assert contents(home) == expected


def test_versions_kept_elsewhere_come_back_where_they_are_to_be(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", artifacts=tmp_path / "models")
    made = save(home, tmp_path / "backup.tar", artifacts=tmp_path / "models")

    inside = put_back(made.file, tmp_path / "inside")
    apart = put_back(made.file, tmp_path / "apart", artifacts=tmp_path / "more" / "models")

    for done, artifacts in ((inside, None), (apart, tmp_path / "more" / "models")):
        folder = open_folder(done.home, artifacts=artifacts)
        registry = Registry(folder.state, folder.artifacts)
        for version in registry.versions(APP, TASK):
            registry.verify(version)
        folder.close()
    assert not (apart.home / "artifacts").exists()
    with pytest.raises(ConflictError, match="something is there already"):
        put_back(made.file, tmp_path / "third", artifacts=tmp_path / "more" / "models")
    assert not (tmp_path / "third").exists()


def test_a_home_that_a_process_uses_is_not_replaced(home: Path, tmp_path: Path) -> None:
    made = save(home, tmp_path / "backup.tar")
    program = (
        "import sys; from pathlib import Path; from telltale.storage.folder import open_folder\n"
        "folder = open_folder(Path(sys.argv[1])); folder.state.fetch('SELECT 1 FROM version')\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as user:
        assert user.stdout is not None
        assert user.stdin is not None
        assert user.stdout.readline() == b"open\n"
        with pytest.raises(ConflictError, match=r"a process has state\.db open.*Stop `telltale serve`"):
            put_back(made.file, home, replace=True)
        user.stdin.close()

    assert {path.name for path in tmp_path.iterdir()} == {"home", "backup.tar"}
    assert put_back(made.file, home, replace=True).set_aside == [tmp_path / "home.before-20261130T041200Z"]


def test_a_damaged_home_is_replaced_and_kept_aside(home: Path, tmp_path: Path) -> None:
    made = save(home, tmp_path / "backup.tar")
    expected = contents(home)
    (home / "state.db").write_bytes(b"no database any more" * 1_000)

    done = put_back(made.file, home, replace=True)

    assert contents(home) == expected
    assert (done.set_aside[0] / "state.db").read_bytes().startswith(b"no database")


def test_a_damaged_database_is_not_backed_up(home: Path, tmp_path: Path) -> None:
    with (home / "events.db").open("r+b") as file:
        file.seek(-4096, os.SEEK_END)
        file.write(bytes(4096))

    with pytest.raises(TelltaleError, match=r"events\.db: the database is damaged: .* Page"):
        save(home, tmp_path / "backup.tar")

    assert {path.name for path in tmp_path.iterdir()} == {"home"}


def test_a_home_of_a_newer_release_is_not_backed_up_by_this_one(home: Path, tmp_path: Path) -> None:
    folder = open_folder(home)
    with folder.state.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    folder.close()

    with pytest.raises(ConflictError, match="with the release of telltale-loop that wrote it"):
        save(home, tmp_path / "backup.tar")


def test_what_a_killed_backup_left_is_removed_by_the_next_and_no_half_file_stays(home: Path, tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from telltale.home.backup import back_up\n"
        "def stop(*_):\n    print('begun', flush=True); time.sleep(60)\n"
        "back_up(Path(sys.argv[1]), Path(sys.argv[2]), progress=stop)"
    )
    command = [sys.executable, "-c", program, str(home), str(tmp_path / "killed.tar")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"begun\n"
        beside = save(home, tmp_path / "beside.tar")  # while that one works, its folder is let alone
        assert len([*tmp_path.glob(".telltale-backup-*")]) == 1
        killed.kill()

    assert not (tmp_path / "killed.tar").exists()
    save(home, tmp_path / "next.tar")
    assert {path.name for path in tmp_path.iterdir()} == {"home", "next.tar", beside.file.name}


def test_a_killed_restore_changes_nothing_and_what_it_left_is_removed_by_the_next(home: Path, tmp_path: Path) -> None:
    made = save(home, tmp_path / "backup.tar")
    expected = contents(home)
    program = (
        "import sys, time; from datetime import UTC, datetime; from pathlib import Path\n"
        "from telltale.home.restore import restore\n"
        "def stop(*_):\n    print('begun', flush=True); time.sleep(60)\n"
        "restore(Path(sys.argv[1]), Path(sys.argv[2]), replace=True, now=datetime.now(UTC), progress=stop)"
    )
    command = [sys.executable, "-c", program, str(made.file), str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"begun\n"
        killed.kill()

    assert contents(home) == expected
    (aside,) = put_back(made.file, home, replace=True).set_aside
    assert {path.name for path in tmp_path.iterdir()} == {"home", "backup.tar", aside.name}
