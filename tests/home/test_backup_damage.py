"""Backups that were cut off, changed, made up, or written by a newer release: told, and nothing is changed."""

import gzip
import hashlib
import io
import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.home.backup_homes import contents, make_home, put_back, save

from telltale.contract.errors import ConflictError, TelltaleError, UsageError

Entry = tuple[tarfile.TarInfo, bytes]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    return save(make_home(folder / "home"), folder / "backup.tar").file


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Restores a file that must be refused, over a home and beside it: what is said."""

    def ask(path: Path, kind: type[TelltaleError] = TelltaleError) -> str:
        with pytest.raises(kind) as refusal:
            put_back(path, tmp_path / "place" / "home")
        assert [*(tmp_path / "place").iterdir()] == []
        return str(refusal.value)

    return ask


def test_a_backup_that_was_cut_off_anywhere_is_refused(
    whole: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    content = whole.read_bytes()
    last = max(entry.offset_data + entry.size for entry, _ in _entries(whole))
    for n_bytes in [*random.Random(0).sample(range(10_300, last), 10), last - 1]:
        (tmp_path / "cut.tar").write_bytes(content[:n_bytes])

        assert "the backup is damaged" in refused(tmp_path / "cut.tar")


def test_a_changed_byte_is_found_or_changes_nothing_that_is_kept(whole: Path, tmp_path: Path) -> None:
    content = whole.read_bytes()
    good = contents(put_back(whole, tmp_path / "good").home)
    rng = random.Random(0)
    n_refused = 0
    for number in range(12):
        at = rng.randrange(len(content))
        changed = bytearray(content)
        changed[at] ^= 1 << rng.randrange(8)
        (tmp_path / "changed.tar").write_bytes(changed)
        try:
            done = put_back(tmp_path / "changed.tar", tmp_path / f"home{number}")
        except TelltaleError:
            n_refused += 1
            assert not (tmp_path / f"home{number}").exists()
        else:  # in the padding, or in what is only told
            assert contents(done.home) == good
    assert n_refused >= 9


def test_what_is_no_backup_is_refused(tmp_path: Path, whole: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "text").write_text("name,value\n" * 1_000)
    (tmp_path / "empty").touch()
    _write(tmp_path / "foreign.tar", [_entry("README", b"hello")])
    _write(tmp_path / "other.tar", [_entry("backup.json", b'{"kind":"another","format":1}')])
    (tmp_path / "cut.tar.gz").write_bytes(gzip.compress(whole.read_bytes())[:3_000])

    for name in ("text", "empty", "foreign.tar", "other.tar", "nothing", "."):
        assert "Name a file of `telltale backup`" in refused(tmp_path / name, UsageError)
    assert "damaged" in refused(tmp_path / "cut.tar.gz")


def test_a_backup_that_was_compressed_since_is_read(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "backup.tar.gz").write_bytes(gzip.compress(whole.read_bytes()))

    assert contents(put_back(tmp_path / "backup.tar.gz", tmp_path / "home").home) == contents(
        put_back(whole, tmp_path / "other").home
    )


@pytest.mark.parametrize("name", ["../outside", "home/../../outside", "/outside", "home//x", "."])
def test_no_name_leads_out_of_the_home(name: str, whole: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    entry, content = _entry(name, b"outside")
    entries = _entries(whole)
    described = msgspec.json.decode(entries[0][1])
    described["files"][name] = {"n_bytes": 7, "sha256": hashlib.sha256(content).hexdigest()}
    _write(
        tmp_path / "made-up.tar",
        [_entry("backup.json", msgspec.json.encode(described)), *entries[1:], (entry, content)],
    )

    assert "backup.json cannot be read" in refused(tmp_path / "made-up.tar")
    _write(tmp_path / "unknown.tar", [*entries, (entry, content)])
    assert "is not what backup.json says" in refused(tmp_path / "unknown.tar")
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "place" / "outside").exists()


def test_links_second_copies_and_missing_files_are_refused(
    whole: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    entries = _entries(whole)
    link = tarfile.TarInfo("state.db")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    without = [one for one in entries if one[0].name != "state.db"]
    for number, (made, says) in enumerate(
        [
            ([*without, (link, b"")], "'state.db' is not what"),
            ([*entries, entries[-1]], "is not what"),
            (without, "'state.db' is missing"),
        ]
    ):
        _write(tmp_path / f"{number}.tar", made)
        assert says in refused(tmp_path / f"{number}.tar")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 2}, "reads formats up to 1"),
        ({"revisions": {"state": "9999", "events": "0001"}}, "state at revision 9999"),
        ({"revisions": {"state": "0001", "events": "9999"}}, "events at revision 9999"),
    ],
)
def test_a_backup_of_a_newer_release_is_refused_and_says_which(
    change: dict[str, Any], says: str, whole: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    entries = _entries(whole)
    described = {**msgspec.json.decode(entries[0][1]), "release": "9.9", **change}
    _write(tmp_path / "newer.tar", [_entry("backup.json", msgspec.json.encode(described)), *entries[1:]])

    told = refused(tmp_path / "newer.tar", ConflictError)
    assert says in told
    assert "release" in told


def test_a_registry_that_names_what_the_backup_lacks_is_refused(
    whole: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    entries = _entries(whole)
    described = msgspec.json.decode(entries[0][1])
    lacking = next(name for name in described["files"] if name.startswith("artifacts/"))
    del described["files"][lacking]
    kept = [one for one in entries[1:] if one[0].name != lacking]
    _write(tmp_path / "lacking.tar", [_entry("backup.json", msgspec.json.encode(described)), *kept])

    assert f"the backup lacks {lacking}" in refused(tmp_path / "lacking.tar")


def _entries(path: Path) -> list[Entry]:
    with tarfile.open(path) as archive:
        found = []
        for entry in archive:
            file = archive.extractfile(entry)
            assert file is not None
            found.append((entry, file.read()))
        return found


def _entry(name: str, content: bytes) -> Entry:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    return entry, content


def _write(path: Path, entries: list[Entry]) -> None:
    with tarfile.open(path, "w") as archive:
        for entry, content in entries:
            archive.addfile(entry, io.BytesIO(content))
