"""Files of bundles, damaged in the ways that disks, copies and people do."""

import shutil
from collections.abc import Sequence
from pathlib import Path


def damage(file: Path, how: str, strangers: Sequence[Path] = ()) -> None:
    file.chmod(0o600)
    content = file.read_bytes()
    if how == "gone":
        file.unlink()
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "torn":
        file.write_bytes(content[: len(content) // 2])
    elif how == "noise":
        file.write_bytes(bytes(range(256)) * 4)
    elif how == "foreign":
        shutil.copy(next(path / file.name for path in strangers if (path / file.name).is_file()), file)
    else:
        file.write_bytes(b"{}")
