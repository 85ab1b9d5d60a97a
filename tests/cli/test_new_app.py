import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import telltale
from telltale.cli import main
from telltale.home.apps import installed_apps

REPOSITORY = Path(__file__).parents[2]
KERNEL = Path(telltale.__file__).parent
APP = "depot"
LONGEST = "a" + 29 * "b"
ROW = {"timestamp": "2024-03-05T14:00:00Z", "queue": "mail", "queue_length": 41, "wait_s": 130, "failures": 2}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its path, what Python keeps compiled left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def run(*command: str, within: Path, environment: Mapping[str, str] | None = None) -> str:
    """A command's standard output; it must end with status 0."""
    done = subprocess.run(
        command, cwd=within, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_new_app_touches_one_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    kernel = contents(KERNEL)

    assert main(["new", APP, "--path", "apps/more"]) == 0

    assert {"/".join(Path(name).parts[:3]) for name in contents(tmp_path)} == {"mine.txt", "apps/more/telltale-depot"}
    assert contents(KERNEL) == kernel
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == "Next: pip install -e apps/more/telltale-depot, then telltale train depot/trouble"
    )


def test_json_lists_the_files_that_are_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", APP, "--event", "jobs", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert sorted(told.pop("files")) == sorted(contents(tmp_path / "telltale-depot"))
    assert told == {"app": "depot", "task": "depot/trouble", "event": "depot/jobs", "folder": "telltale-depot"}


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["Depot"], "lower-case word"),
        (["my-app"], "lower-case word"),
        (["7th"], "lower-case word"),
        ([""], "lower-case word"),
        (["../up"], "lower-case word"),
        ([LONGEST + "b"], "at most 30"),
        ([APP, "--event", "Jobs"], "lower-case word"),
        (["helios"], "Choose another name; installed: .*helios"),
        (["loop"], "Choose another name"),
        (["versions"], "Taken: .*versions"),
        ([APP, "--path", "file.txt"], "Give another"),
        ([APP, "--path", "/proc"], "Give another --path"),
    ],
)
def test_a_name_or_place_that_cannot_be_is_refused_with_the_mend(
    arguments: list[str], mend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file.txt").write_text("mine")

    assert main(["new", *arguments, "--json"]) == 2

    error = json.loads(capsys.readouterr().out)["error"]
    assert error["title"] == "Wrong use"
    assert re.search(mend, error["mend"])
    assert contents(tmp_path) == {"file.txt": b"mine"}


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", APP]) == 0
    (tmp_path / "telltale-depot" / "README.md").write_text("mine")
    before = contents(tmp_path)

    assert main(["new", APP]) == 2

    assert "is there already. Give another name or --path" in " ".join(capsys.readouterr().err.split())
    assert contents(tmp_path) == before


def test_half_an_app_is_not_left_behind(tmp_path: Path) -> None:
    # No file may become larger than a kilobyte: the first ones can be written, a later one cannot.
    limited = f"ulimit -f 1; exec {sys.executable} -m telltale new {APP}"
    done = subprocess.run(["bash", "-c", limited], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "cannot be written (File too large). Give another --path" in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a", APP, LONGEST])
def test_a_new_app_keeps_the_style_of_the_house(name: str, tmp_path: Path) -> None:
    assert main(["new", name, "--event", name]) == 0
    house = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    ignored = ",".join([*house["ignore"], "INP001"])

    ruff = (sys.executable, "-m", "ruff")
    convention = 'lint.pydocstyle.convention="google"'
    folder = tmp_path / f"telltale-{name}"
    run(*ruff, "format", "--check", "--no-cache", ".", within=folder)
    run(
        *ruff, "check", "--no-cache", "--select", "ALL", "--ignore", ignored, "--config", convention, ".", within=folder
    )


def test_the_guide_and_the_readme_name_every_file(tmp_path: Path) -> None:
    assert main(["new", APP]) == 0

    written = contents(tmp_path / "telltale-depot")
    guide = (REPOSITORY / "docs" / "new-app.md").read_text()
    assert [name for name in written if f"`{name}`" not in guide] == []
    python = [name for name in written if name.endswith(".py")]
    assert [name for name in python if f"`{name}`" not in written["README.md"].decode()] == []


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A new app's folder, and the environment in which it is installed: for those who have it, and nobody else.

    setuptools writes what it would install into the package's own folder, which is then put on the path.
    """
    folder = tmp_path_factory.mktemp("new")
    assert main(["new", APP, "--path", str(folder)]) == 0
    package = folder / "telltale-depot"
    run(sys.executable, "-c", "import setuptools; setuptools.setup()", "-q", "egg_info", within=package)
    return package, {"PYTHONPATH": str(package / "src"), "TELLTALE_HOME": str(folder / "home")}


@pytest.mark.slow
def test_a_new_app_is_typed(installed: tuple[Path, dict[str, str]]) -> None:
    package, environment = installed

    run(sys.executable, "-m", "mypy", "--strict", "src", "tests", within=package, environment=environment)


@pytest.mark.slow
def test_a_new_app_passes_its_own_tests(installed: tuple[Path, dict[str, str]]) -> None:
    package, environment = installed

    told = run(sys.executable, "-m", "pytest", "-q", "-W", "error", "-rA", within=package, environment=environment)

    assert "check_plan_is_fitted_on_normal_rows" in told
    assert "check_serve_equals_train" in told
    assert not re.search(r"\d (failed|skipped|xfailed|deselected)", told)


@pytest.mark.slow
@pytest.mark.server
def test_a_new_app_goes_from_training_to_served(installed: tuple[Path, dict[str, str]]) -> None:
    package, environment = installed

    def telltale_json(*arguments: str) -> Any:
        command = (sys.executable, "-m", "telltale", *arguments, "--json")
        return json.loads(run(*command, within=package, environment=environment))

    trained = telltale_json("train", f"{APP}/trouble")
    assert (trained["data_kind"], trained["verdict"]) == ("simulated", "pass")
    telltale_json("promote", f"{APP}/trouble", "--version", "1")

    with served(package, environment) as url:
        usual, stuck = (post(f"{url}/v1/{APP}/trouble/predict", ROW | {"wait_s": wait_s}) for wait_s in (130, 1_300))

    assert (usual["is_trouble"], stuck["is_trouble"]) == (False, True)
    assert (stuck["version"], stuck["role"]) == (1, "champion")
    assert [reason["metric"] for reason in stuck["reasons"]] == ["wait_s"]
    assert APP not in installed_apps()  # here it is not installed


@contextmanager
def served(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """`telltale serve` on a free port, ready to answer; it has ended when the block has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-m", "telltale", "serve", "--port", str(port))
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            give_up_at = time.monotonic() + 60
            while not is_ready(url):
                assert server.poll() is None, "the server has ended"
                assert time.monotonic() < give_up_at, "the server is not ready"
                time.sleep(0.1)
            yield url
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)
        finally:
            server.kill()


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5):  # noqa: S310 - our own address
            return True
    except OSError:  # refused, or ready for nobody yet
        return False


def post(url: str, body: Mapping[str, object]) -> Any:
    request = urllib.request.Request(url, data=json.dumps(body).encode(), method="POST")  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
        return json.loads(answer.read())
