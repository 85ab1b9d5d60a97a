"""`telltale relay substrate` before it talks to anyone: what it is given, and whose seed it reads."""

from pathlib import Path

import pytest
from tests.apps.personhood.chain.chopsticks import account, library

from telltale.apps.personhood.chain.signer import read_keypair
from telltale.cli import main
from telltale.contract.errors import UsageError

SEED = "0x" + "5e" * 32
NOBODY = ["relay", "substrate", "--ws", "ws://127.0.0.1:9", "--once", "--alarm-after", "1"]


@pytest.fixture(autouse=True)
def _is_installed() -> None:
    library()


def seed_file(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    file = tmp_path / "relay.seed"
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("//Alice\n", "//Alice"),
        ("bottom drive obey lake curtain smoke basket hold race lonely fit walk//Bob", "//Bob"),
    ],
)
def test_words_and_paths_open_an_account(tmp_path: Path, text: str, name: str) -> None:
    assert read_keypair(seed_file(tmp_path, text), "").public_key == account(name).public_key


def test_a_seed_opens_the_same_account_from_a_file_and_from_the_environment(tmp_path: Path) -> None:
    from_file = read_keypair(seed_file(tmp_path, f"{SEED}\n"), "//Alice")

    assert from_file.public_key == read_keypair(None, SEED).public_key
    assert from_file.public_key != account("//Alice").public_key


def test_a_file_that_others_may_read_is_refused_with_the_mend(tmp_path: Path) -> None:
    file = seed_file(tmp_path, "//Alice", mode=0o640)

    with pytest.raises(UsageError, match=rf"others may read it \(640\)\. chmod 600 {file}"):
        read_keypair(file, "")


@pytest.mark.parametrize("text", ["secret words that are none", SEED[:-1], "0x" + "zz" * 32])
def test_what_opens_no_account_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="what it holds opens no account") as caught:
        read_keypair(seed_file(tmp_path, text), "")

    assert text not in str(caught.value)
    assert caught.value.__suppress_context__


def test_without_an_account_it_says_how_to_give_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(NOBODY) == 2
    assert "Give --seed-file FILE, or set RELAY_SEED." in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--ws", "http://127.0.0.1:9"], "'http://127.0.0.1:9' is no address of a node"),
        (["--url", "localhost:8000"], "--url: that is not an address to ask"),
        (["--every", "0"], "--every: 0 is less than 1"),
        (["--binding", "storage"], "'storage' is not known. Known: pallet, remark."),
        (["--call-fields", "did,score"], "'did,score' names 2 parameters. Name three."),
        (["--fields", "typing_speed_wpm:u32"], "are not the five of a session"),
    ],
)
def test_wrong_options_are_told_before_anything_is_done(
    given: list[str], said: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELAY_SEED", SEED)

    assert main([*NOBODY, *given]) == 2

    assert said in " ".join(capsys.readouterr().err.split())


def test_a_node_that_is_not_there_is_said_and_no_secret_is(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELAY_SEED", SEED)

    assert main(NOBODY) == 3

    printed = capsys.readouterr()
    assert "ws://127.0.0.1:9: the node does not answer" in " ".join(printed.err.split())
    assert "5e5e" not in printed.out + printed.err
    assert not any(b"5e5e" in file.read_bytes() or b"\x5e" * 32 in file.read_bytes() for file in home.glob("*.db*"))
