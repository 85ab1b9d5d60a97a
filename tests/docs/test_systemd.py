import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, parts_of


def test_systemd_takes_the_unit_that_is_written_down(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed: the package systemd")
    (block,) = (block for block in parts_of(ROOT / "docs" / "operate.md")[1] if block.kind == "ini")
    unit = tmp_path / "telltale.service"
    # What is there only once it is installed: the user, and the command.
    text = "\n".join(block.lines).replace("User=telltale", "User=root")
    unit.write_text(text.replace("/srv/telltale/venv/bin/telltale", f"{Path(sys.executable).parent / 'telltale'}"))

    done = subprocess.run([program, "verify", unit], capture_output=True, text=True, check=False, timeout=30)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")
