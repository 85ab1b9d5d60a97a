"""What deploy/compose.yml asks for is what the image, the settings and the files beside it have."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.deploy.containers import REPOSITORY
from tests.deploy.dockerfile import Stage
from tests.deploy.yaml_files import read_yaml

from telltale.home.settings import SETTINGS

FOLDER = REPOSITORY / "deploy"
TEXT = (FOLDER / "compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = read_yaml(FOLDER / "compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("ml-service", "worker")


def _mounts(service: str) -> dict[str, tuple[str, bool]]:
    """What is mounted where, and whether it can be written."""
    found = {}
    for text in SERVICES[service].get("volumes", ()):
        source, target, *options = text.split(":")
        found[target] = source, options != ["ro"]
    return found


def test_every_part_is_there_and_may_be_started_by_itself() -> None:
    assert set(SERVICES) == {"ml-service", "worker", "gateway", "postgres", "prometheus", "alertmanager", "grafana"}
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        assert service["restart"] == "unless-stopped"


def test_the_api_can_be_scaled_since_the_gateway_alone_has_a_port_to_the_outside() -> None:
    outside = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert outside.pop("gateway") == ["8000:8000"]
    assert all(port.startswith("127.0.0.1:") for ports in outside.values() for port in ports)
    assert "container_name" not in TEXT


def test_ports_volumes_and_commands_are_those_of_the_image(stages: list[Stage]) -> None:
    image = stages[-1]
    environment = image.environment()
    homes = set(image.last("VOLUME").words())

    assert homes == {environment["TELLTALE_HOME"], environment["MODEL_DIR"]}
    assert image.last("EXPOSE").rest == environment["PORT"] == SERVICES["ml-service"]["expose"][0]
    assert [SERVICES[name]["command"] for name in OURS] == [["serve"], ["work"]]
    for name in OURS:
        assert SERVICES[name]["image"] == "behavioral-ml:latest"
        assert (FOLDER / SERVICES[name]["build"]["context"] / SERVICES[name]["build"]["dockerfile"]).is_file()
        assert set(_mounts(name)) == homes
        assert {source for source, _ in _mounts(name).values()} <= set(COMPOSE["volumes"])
        assert SERVICES[name]["read_only"]
        assert "/tmp" in SERVICES[name]["tmpfs"]  # noqa: S108
    assert environment["MPLCONFIGDIR"].startswith("/tmp/")  # noqa: S108
    assert not any(writable for _, writable in _mounts("ml-service").values())
    assert all(writable for _, writable in _mounts("worker").values())


def test_a_stop_is_waited_for_longer_than_it_takes() -> None:
    stopping = (REPOSITORY / "src/telltale/serve/server.py").read_text(encoding="utf-8")
    (most,) = re.findall(r"^_STOP_S: Final = ([0-9.]+)$", stopping, re.MULTILINE)

    assert all(float(SERVICES[name]["stop_grace_period"].removesuffix("s")) > float(most) for name in OURS)


def test_settings_of_the_image_and_of_compose_are_known(stages: list[Stage]) -> None:
    known = {setting.variable for setting in SETTINGS} | {"PATH", "MPLCONFIGDIR", "PYTHONUNBUFFERED"}
    given = set(stages[-1].environment()).union(*(SERVICES[name]["environment"] for name in OURS))

    assert given <= known


def test_nothing_starts_without_secrets_and_each_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+)", TEXT))
    example = (FOLDER / "example.env").read_text(encoding="utf-8")

    assert asked == set(re.findall(r"^(\w+)=$", example, re.MULTILINE))
    assert len(re.findall(r"\$\{\w+:\?Set (\w+) in deploy/.env, as deploy/example.env says\}", TEXT)) == TEXT.count(
        "${"
    )


@pytest.mark.parametrize("service", SERVICES)
def test_files_that_are_mounted_are_there(service: str) -> None:
    for source, writable in _mounts(service).values():
        if source.startswith("."):
            assert (FOLDER / source).exists()
            assert not writable
        else:
            assert source in COMPOSE["volumes"]


def test_what_watches_looks_where_the_api_is() -> None:
    prometheus = read_yaml(FOLDER / "prometheus/compose.yml")
    (job,) = prometheus["scrape_configs"]
    (names,) = job["dns_sd_configs"]
    source = read_yaml(FOLDER / "grafana/provisioning/datasources/prometheus.yml")
    provider = read_yaml(FOLDER / "grafana/provisioning/dashboards/telltale.yml")

    assert (job["job_name"], names["names"], str(names["port"])) == ("telltale", ["ml-service"], "8000")
    assert "set $api ml-service:8000;" in (FOLDER / "gateway/nginx.conf").read_text(encoding="utf-8")
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    assert provider["providers"][0]["options"]["path"] in _mounts("grafana")
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) in _mounts("grafana")
    assert (FOLDER / "grafana/dashboards" / home.name).is_file()
    for config, options in (("prometheus", "config.file"), ("alertmanager", "config.file")):
        (named,) = (word for word in SERVICES[config]["command"] if word.startswith(f"--{options}="))
        path = Path(named.partition("=")[2])
        assert (FOLDER / _mounts(config)[str(path.parent)][0] / path.name).is_file()


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("promtool", ["check", "config", "prometheus/compose.yml"]),
        ("amtool", ["check-config", "alertmanager/alertmanager.yml"]),
    ],
)
def test_what_watches_takes_its_files(program: str, arguments: list[str]) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: `make system`")
    done = subprocess.run([program, *arguments], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=30)

    assert done.returncode == 0, done.stdout + done.stderr
