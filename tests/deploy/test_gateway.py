"""nginx as deploy/compose.yml has it, before one API process, then four, then fewer: nobody who asks notices."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from tests.deploy.names import serving_names
from tests.deploy.watching import FOLDER, PREDICT, ROW, free_port, is_up, wait_for
from tests.deploy.yaml_files import read_yaml

from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

GATEWAY = read_yaml(FOLDER / "compose.yml")["services"]["gateway"]


@contextmanager
def gateway(*, names: str, api_port: int) -> Iterator[str]:
    """nginx by compose's command and under its user, with ports and folders of this test in its file."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed: `make system`")
    port = free_port()
    text = (FOLDER / "gateway/nginx.conf").read_text(encoding="utf-8")
    # Not below pytest's folder, which is root's alone.
    with tempfile.TemporaryDirectory(prefix="telltale-gateway-") as folder:
        changes = {
            "127.0.0.11 ": f"{names} ",
            "ml-service:8000": f"ml-service:{api_port}",
            "listen 8000": f"listen 127.0.0.1:{port}",
            " /tmp/": f" {folder}/",
        }
        for before, after in changes.items():
            assert before in text
            text = text.replace(before, after)
        config = Path(folder) / "nginx.conf"
        config.write_text(text, encoding="utf-8")
        command = [word.replace("/etc/telltale/nginx.conf", str(config)) for word in GATEWAY["command"]]
        if os.geteuid() == 0:
            user, group = map(int, GATEWAY["user"].split(":"))
            os.chown(folder, user, group)
            config.chmod(0o644)
            command = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *command]
        log = (Path(folder) / "log").open("w+")
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
            log.seek(0)
            assert process.poll() is None, log.read()
        finally:
            process.terminate()
            process.wait(timeout=20)
            log.close()


@pytest.mark.slow
@pytest.mark.server
def test_processes_come_and_go_behind_the_gateway_and_no_request_fails(home_with_champion: Path) -> None:
    settings = ServeSettings(home=str(home_with_champion), apps=("telltale.apps.helios:APP",))
    port, stop = free_port(), threading.Event()
    statuses: Counter[int] = Counter()
    lately: Counter[str] = Counter()

    def ask(url: str) -> None:
        with httpx.Client(timeout=10) as client:
            while not stop.is_set():
                answer = client.post(url + PREDICT, json=ROW)
                statuses[answer.status_code] += 1
                # An id begins with what is of one process.
                lately[answer.json().get("prediction_id", "").partition("-")[0]] += 1
                time.sleep(0.01)

    with ExitStack() as stack:
        names = stack.enter_context(serving_names("ml-service"))
        first = stack.enter_context(ExitStack())
        first.enter_context(start_background(settings, host="127.0.0.2", port=port))
        names.addresses.append("127.0.0.2")
        url = stack.enter_context(gateway(names=names.where, api_port=port))
        wait_for(lambda: is_up(f"{url}/readyz"), what="the gateway")
        asking = [threading.Thread(target=ask, args=(url,)) for _ in range(2)]
        for thread in asking:
            stack.callback(thread.join)
            thread.start()
        stack.callback(stop.set)

        for place in (3, 4, 5):
            stack.enter_context(start_background(settings, host=f"127.0.0.{place}", port=port))
            names.addresses.append(f"127.0.0.{place}")
        wait_for(lambda: len(lately) == 4, what="all four asked")
        # As compose does it: the process gets its signal while its name is still given out.
        first.close()
        names.addresses.remove("127.0.0.2")
        lately.clear()
        time.sleep(1.0)

        lines = "\n".join(json.dumps(ROW) for _ in range(5_000))
        batch = httpx.post(f"{url}{PREDICT}:batch", content=lines, timeout=30).text.splitlines()
        stop.set()

    assert set(statuses) == {200}
    assert len(lately) == 3
    assert len(batch) == 5_000
