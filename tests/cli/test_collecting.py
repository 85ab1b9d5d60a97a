"""`collect`: what each source takes, and where rows go; the sources themselves are tested with their apps."""

import json
import socket
from pathlib import Path

import pytest

from telltale.cli import main


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing"], "Known: access_log, blocks, host, keystrokes"),
        (["keystrokes"], "telltale collect keystrokes --user-id ID"),
        (["keystrokes", "--user-id", " "], "the user id is blank"),
        (["keystrokes", "file.txt", "--user-id", "alice"], "Leave the path out"),
        (["keystrokes", "--user-id", "alice", "--rows", "3"], "Leave --rows out"),
        (["host", "--user-id", "alice"], "says itself whose its rows are"),
        (["host", "file.txt"], "Leave the path out"),
        (["blocks"], "telltale collect blocks PATH"),
        (["host", "--ping", "127.0.0.1"], "host has no option --ping. Its options: none of its own."),
        (["network", "--ping", "nowhere.invalid"], "is no host that is known here"),
        (["host", "--rows", "1", "-o", "/proc/nowhere/rows.ndjson"], "the file cannot be written"),
    ],
)
def test_what_a_source_does_not_take_or_needs_is_status_2_with_the_mend(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], says: str
) -> None:
    status = main(["collect", *arguments])

    assert status == 2
    assert says in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_rows_are_appended_to_a_file_in_a_new_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("psutil", reason="the extra [collect] is not installed")
    for n in (1, 2):
        assert main(["collect", "host", "--interval", "0.05", "--rows", str(n), "-o", "new/host.ndjson"]) == 0

    told = capsys.readouterr().out
    assert len((tmp_path / "new" / "host.ndjson").read_text().splitlines()) == 3
    assert "1 row recorded in new/host.ndjson." in told
    assert "2 rows recorded in new/host.ndjson." in told


def test_an_option_that_an_app_declares_reaches_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("psutil", reason="the extra [collect] is not installed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        ping = f"127.0.0.1:{server.getsockname()[1]}"
        assert main(["collect", "network", "--interval", "0.1", "--rows", "1", "--ping", ping]) == 0

    assert json.loads(capsys.readouterr().out)["latency"] > 0
