"""Every message that docs/troubleshooting.md explains is one that a command really gives: each is brought about here."""

import contextlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.docs.pages import ROOT
from tests.faults.disk import small_disk
from tests.telemetry.backend.server import backend_of, fault, interactions, json_reply

from telltale.cli import main
from telltale.telemetry.retries import ONCE

pytestmark = pytest.mark.slow

PAGE: Final = ROOT / "docs" / "troubleshooting.md"
TASK: Final = "helios/anomaly"
TRAIN: Final = ("train", TASK, "--estimator", "robust_z")
Run = Callable[..., None]


def messages() -> list[str]:
    """What stands first in the rows of the tables, as it is quoted."""
    return re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def pattern(message: str) -> str:
    return ".+?".join(re.escape(part.strip()).replace(r"\ ", " ") for part in re.split(r"\s*…\s*", message))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """All that commands print in the cases of the page, on lines of their own."""
    here = tmp_path_factory.mktemp("troubled")
    printed: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setattr("telltale.home.pulls.PATIENCE", ONCE)

        def run(*arguments: str, **settings: str) -> None:
            out, err = io.StringIO(), io.StringIO()
            with pytest.MonkeyPatch.context() as inner:
                for variable, value in settings.items():
                    inner.setenv(variable, value)
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                    status = main(arguments)
            assert status in {0, 1, 2, 3}
            assert "Traceback" not in err.getvalue()
            printed.append(" ".join((out.getvalue() + "\n" + err.getvalue()).split()))

        for case in (_models, _targets, _rows, _limits, _starting, _installed):
            case(here, run)
        printed += _full_disk()
    return "\n".join(printed)


@pytest.mark.parametrize("message", messages())
def test_the_message_is_one_that_is_given(told: str, message: str) -> None:
    assert re.search(pattern(message), told), message


def _models(here: Path, run: Run) -> None:
    run("evaluate", TASK)
    run(*TRAIN, "--days", "2")
    run("drift", TASK)
    run("evaluate", TASK, "--version", "9")
    run("promote", TASK)
    (here / "empty").mkdir()
    run("evaluate", TASK, MODEL_PATH="empty")
    version = here / ".telltale" / "artifacts" / "helios" / "anomaly" / "1"
    newer = shutil.copytree(version, here / "newer")
    manifest = json.loads((newer / "manifest.json").read_text())
    (newer / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    run("evaluate", TASK, "--version", "newer")
    (newer / "manifest.json").write_text("{")
    run("evaluate", TASK, "--version", "newer")
    with (version / "arrays.safetensors").open("ab") as file:
        file.write(b"0")
    run("show", TASK)
    (version / "arrays.safetensors").unlink()
    run("show", TASK)


def _targets(here: Path, run: Run) -> None:
    run("simulate", "helios/metrics", "--days", "5", "--anomaly-rate", "0.01", "-o", "calm.csv")
    run("simulate", "helios/metrics", "--days", "7", "--anomaly-rate", "0.3", "-o", "wild.csv")
    calm, wild = ((here / name).read_text().splitlines() for name in ("calm.csv", "wild.csv"))
    (here / "both.csv").write_text("\n".join([*calm[: 5 * 288 + 1], *wild[5 * 288 + 1 :]]))
    run(*TRAIN, "--data", "both.csv")
    run("evaluate", TASK, "--data", "both.csv")
    (here / "unlabelled.csv").write_text("\n".join(",".join(line.split(",")[:6]) for line in calm))
    run(*TRAIN, "--data", "unlabelled.csv")


def _rows(here: Path, run: Run) -> None:
    calm = (here / "calm.csv").read_text().splitlines()
    (here / "few.csv").write_text("\n".join(calm[:5]))
    (here / "lacking.csv").write_text("timestamp,event_count\n2024-01-01,5\n")
    (here / "timeless.csv").write_text("\n".join([calm[0], "soon" + calm[1][calm[1].index(",") :]]))
    for name in ("few.csv", "lacking.csv", "timeless.csv"):
        run(*TRAIN, "--data", name)
    replies = [json_reply(interactions(5))]
    with backend_of(lambda _: replies[0]) as backend:
        run("ingest", "storefront/interaction", f"{backend.url}/events")
        replies[0] = fault(503)
        run("ingest", "storefront/interaction", f"{backend.url}/events")


def _limits(here: Path, run: Run) -> None:
    run("simulate", "helios/metrics", "--rows", "1000000000000000", "-o", "huge.csv")
    run("ingest", "helios/metrics", "calm.csv")
    run("schedule", "run", TASK, JOB_MAX_MEMORY_MB="20")
    run("schedule", "run", TASK, JOB_MAX_SECONDS="1")
    run(*TRAIN, "--days", "2", "-o", "/proc/nowhere")


def _starting(here: Path, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run("serve", "--port", str(taken.getsockname()[1]))
    run("serve", "--host", "0.0.0.0")  # noqa: S104 - it refuses
    run("serve", PORT="80a")
    run("settings", SCALER_PATH="scaler.pkl", TELLTALE_HOEM="/srv")
    (here / "telltale.toml").write_text("PROT = 1\n")
    run("settings")
    (here / "telltale.toml").unlink()


def _installed(_here: Path, run: Run) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has the card whose absence is told of")
    run("train", "personhood/averages", "--rows", "300", "--device", "cuda")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torch", None)  # what an import finds where it is not installed
        run("train", "eyenet/anomaly", "--estimator", "lstm", "--days", "1")


def _full_disk() -> Iterator[str]:
    try:
        with small_disk("8m") as disk:
            environment = os.environ | {"TELLTALE_HOME": str(disk.path / "home")}

            def run(*arguments: str) -> str:
                command = [*disk.through, sys.executable, "-m", "telltale", *arguments]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
                return " ".join(done.stderr.split())

            run("jobs")
            disk.fill()
            yield run("simulate", "helios/metrics", "-o", str(disk.path / "rows.csv"))
            yield run("jobs")
    except OSError as error:
        pytest.skip(str(error))
