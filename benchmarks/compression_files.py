"""Where the blocks come from: files of a folder, of this machine, and made ones that cannot be packed."""

import lzma
import sysconfig
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from telltale.apps.pakit.collect import files_below, read_blocks
from telltale.apps.pakit.schema import BLOCK_BYTES
from telltale.contract.errors import NotFoundError

File = tuple[str, bytes]  # a name, and what is in it

_NOT_CASES = {"manifest.json", "README.md"}
# Without a folder: files of at least so many blocks, and no more of each.
_OWN_LEAST, _OWN_MOST = 2, 32
_MADE_BYTES = 16 * BLOCK_BYTES
# Of this machine, in each folder: so many files of a suffix, so many blocks of each.
_MACHINE_FOLDERS = ("/usr/lib", "/usr/share", "/usr/bin")
_OF_SUFFIX, _OF_FILE = 4, 4


def folder_files(data: Path) -> Iterator[File]:
    """The files of a folder, unpacked where they are packed with xz. Raises NotFoundError."""
    if not data.is_dir():
        raise NotFoundError("no such folder", where=str(data), mend="Name a folder of files with --data.")
    for path in sorted(data.rglob("*")):
        if not path.is_file() or path.name in _NOT_CASES or path.stat().st_size == 0:
            continue
        packed = path.suffix == ".xz"
        content = lzma.decompress(path.read_bytes()) if packed else path.read_bytes()
        yield (path.with_suffix("") if packed else path).relative_to(data).as_posix(), content


def package_files(*, quick: bool) -> Iterator[File]:
    """Files of the installed packages, of many kinds: at most four of a suffix."""
    root = Path(sysconfig.get_path("platlib"))
    of_suffix: dict[str, int] = {}
    n = 0
    for path in files_below(root):
        taken = of_suffix.get(path.suffix, 0)
        if path.stat().st_size < _OWN_LEAST * BLOCK_BYTES or taken >= _OF_SUFFIX:
            continue
        of_suffix[path.suffix] = taken + 1
        with path.open("rb") as file:
            yield path.relative_to(root).as_posix(), file.read(_OWN_MOST * BLOCK_BYTES)
        n += 1
        if n >= (8 if quick else 40):
            return


def machine_blocks(n_blocks: int, *, with_packages: bool) -> Iterator[tuple[str, list[bytes]]]:
    """Blocks of this machine's files, of many kinds: a few of every suffix in each of some folders, in turn.

    Args:
        n_blocks: at most.
        with_packages: installed Python packages too; not where those are the cases.
    """
    folders = [Path(sysconfig.get_path("stdlib")), *map(Path, _MACHINE_FOLDERS)]
    folders += [Path(sysconfig.get_path("platlib"))] if with_packages else []
    n = 0
    for folder in (folder for folder in folders if folder.is_dir()):
        of_suffix: dict[str, int] = {}
        most = n + (n_blocks - n) // (len(folders) - folders.index(folder))
        for path in files_below(folder):
            taken = of_suffix.get(path.suffix, 0)
            is_package = "site-packages" in path.parts and folder == folders[0]
            if taken >= _OF_SUFFIX or is_package or path.stat().st_size < BLOCK_BYTES // 4:
                continue
            of_suffix[path.suffix] = taken + 1
            blocks = list(read_blocks(path, most=_OF_FILE))[: most - n]
            yield f"machine/{path}", blocks
            n += len(blocks)
            if n >= most:
                break


def made_files(seed: int) -> Iterator[File]:
    """A mebibyte each of random bytes, and of what compressors left: zlib, xz, and a stream marked as JPEG marks its own."""
    rng = np.random.default_rng(seed)
    yield f"made/random-{seed}", rng.bytes(_MADE_BYTES)
    words = [rng.bytes(int(n)).hex().encode() for n in rng.integers(1, 6, 4_096)]
    text = b" ".join(words[place] for place in (rng.zipf(1.2, _MADE_BYTES) % len(words)).tolist())
    yield f"made/zlib-{seed}", zlib.compress(text, 9)[:_MADE_BYTES]
    walk = np.cumsum(rng.integers(-300, 300, _MADE_BYTES), dtype=np.int64).astype("<i4").tobytes()
    yield f"made/xz-{seed}", lzma.compress(walk, preset=0)[:_MADE_BYTES]
    # In a JPEG's entropy-coded bytes every 0xff is followed by 0x00, or a marker.
    yield f"made/jpeg_like-{seed}", rng.bytes(_MADE_BYTES).replace(b"\xff", b"\xff\x00")[:_MADE_BYTES]
