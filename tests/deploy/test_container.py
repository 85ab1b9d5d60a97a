"""The image, as far as it can be built without an engine: its steps, user, volumes, port, health check and stop.

Then what deploy/compose.yml and the manifests start of it over one PostgreSQL: a worker that writes, and an API that only reads.
"""

import os
import re
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from tests.deploy.containers import REPOSITORY, Image, Volume, container, execute, first_process, volumes_of
from tests.deploy.dockerfile import Stage
from tests.deploy.watching import PREDICT, ROW, await_ready, free_port, wait_for
from tests.telemetry.postgresql import postgresql_server

KEY = "a-key-for-the-tests"
AUTHORIZED = {"authorization": f"Bearer {KEY}"}


def _ask(url: str) -> httpx.Response:
    return httpx.post(url + PREDICT, json=ROW, headers=AUTHORIZED, timeout=10)


def _finish(image: Image, arguments: Sequence[str], volumes: Sequence[Volume], log: Path) -> int:
    with container(image, arguments, volumes=volumes, log=log) as process:
        return process.wait(timeout=120)


@pytest.mark.slow
@pytest.mark.server
def test_the_image_trains_and_serves_models_it_may_only_read_and_ends_in_peace(
    image: Image, volumes: tuple[Path, Path], tmp_path: Path
) -> None:
    log, port = tmp_path / "log", free_port()
    mounted = volumes_of(*volumes)
    train = ["train", "helios/anomaly", "--estimator", "robust_z", "--days", "7"]
    assert _finish(image, train, mounted, log) in {0, 1}, log.read_text()
    assert _finish(image, ["promote", "helios/anomaly", "--override"], mounted, log) == 0, log.read_text()

    environment = {"PORT": str(port), "TELLTALE_OPERATOR_KEY": KEY, "WORKERS": "2"}
    mounted = volumes_of(*volumes, models_read_only=True)
    _, check = image.stage.health_check()
    with container(image, environment=environment, volumes=mounted, log=log) as process:
        url = f"http://127.0.0.1:{port}"
        await_ready(url, process, log)
        answer, refused = _ask(url), httpx.post(url + PREDICT, json=ROW, timeout=10)
        assert (answer.status_code, answer.json()["version"], refused.status_code) == (200, 1, 401)
        for page in ("/dashboard", "/docs", "/metrics"):
            assert httpx.get(url + page, headers=AUTHORIZED, timeout=30).status_code == 200

        where = execute(image, process, ["python", "-c", "import telltale; print(telltale.__file__)"], environment)
        assert where.stdout.startswith("/opt/telltale/lib/"), where.stderr
        owner = re.search(r"^Uid:\s+(\d+)", Path(f"/proc/{first_process(process)}/status").read_text(), re.MULTILINE)
        assert owner is not None
        assert owner[1] == "10001"
        assert execute(image, process, ["touch", "/var/lib/telltale/new"], environment).returncode == 0
        for forbidden in ("/app/models/new", "/app/new", "/opt/telltale/new"):
            assert execute(image, process, ["touch", forbidden], environment).returncode != 0
        healthy = execute(image, process, check, environment)
        assert healthy.returncode == 0, healthy.stderr
        elsewhere = execute(image, process, check, environment | {"PORT": str(free_port())})
        assert elsewhere.returncode != 0

        began = time.monotonic()
        os.kill(first_process(process), signal.Signals[image.stage.last("STOPSIGNAL").rest])
        assert process.wait(timeout=30) == 0, log.read_text()
        assert time.monotonic() - began < 10


@pytest.mark.slow
@pytest.mark.server
def test_the_image_does_not_start_without_a_key(image: Image, volumes: tuple[Path, Path], tmp_path: Path) -> None:
    log = tmp_path / "log"

    assert _finish(image, ["serve"], volumes_of(*volumes), log) == 2
    assert "Set TELLTALE_OPERATOR_KEY" in log.read_text()


def test_every_file_that_the_image_copies_is_in_the_context(stages: list[Stage]) -> None:
    kept = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [step.words()[:-1] for stage in stages for step in stage.steps if step.word == "COPY"]
    ours = {name for names in copied if not names[0].startswith("--from=") for name in names}

    assert ours == kept
    assert all((REPOSITORY / name).exists() for name in ours)


@pytest.mark.slow
@pytest.mark.server
def test_a_worker_trains_and_every_api_process_takes_up_what_it_may_only_read(
    image: Image, volumes: tuple[Path, Path], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with ExitStack() as stack:
        database = stack.enter_context(postgresql_server())
        common = {"DATABASE_URL": database.replace("+psycopg", ""), "TELLTALE_OPERATOR_KEY": KEY}
        written = volumes_of(*volumes)
        worker = stack.enter_context(container(image, ["work"], environment=common, volumes=written, log=log))
        read = volumes_of(*volumes, home_read_only=True, models_read_only=True)
        urls = []
        for _ in range(2):
            port = free_port()
            given = common | {"PORT": str(port)}
            process = stack.enter_context(container(image, ["serve"], environment=given, volumes=read, log=log))
            urls.append(f"http://127.0.0.1:{port}")
            await_ready(urls[-1], process, log)

        # As `docker compose exec worker telltale …` does it.
        for words in (
            ["train", "helios/anomaly", "--estimator", "robust_z", "--days", "7"],
            ["promote", "helios/anomaly", "--override"],
        ):
            done = execute(image, worker, ["telltale", *words], common)
            assert done.returncode in {0, 1}, done.stdout + done.stderr
        wait_for(lambda: all(_ask(url).status_code == 200 for url in urls), what="the new version serves")
        told = httpx.get(f"{urls[1]}/metrics", timeout=10).text

    assert 'telltale_version_role{app="helios",role="champion",task="anomaly",version="1"} 1.0' in told
    assert [path.name for path in volumes[1].iterdir() if not path.name.startswith(".")] == ["helios"]
