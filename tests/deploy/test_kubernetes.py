"""The manifests agree with each other, with the image and with what telltale answers. No cluster is at hand."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.deploy.containers import REPOSITORY
from tests.deploy.dockerfile import Stage
from tests.deploy.yaml_files import read_documents, read_yaml

from telltale.home.settings import SETTINGS
from telltale.serve.routes.health_routes import health_routes

FOLDER = REPOSITORY / "deploy" / "kubernetes"
KUSTOMIZATION = read_yaml(FOLDER / "kustomization.yaml")


def _read() -> Iterator[dict[str, Any]]:
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from read_documents(path)


MANIFESTS = {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in _read()}
DEPLOYMENTS = [manifest for (kind, _), manifest in MANIFESTS.items() if kind == "Deployment"]
API = MANIFESTS["Deployment", "ml-service"]["spec"]["template"]
WORKER = MANIFESTS["Deployment", "telltale-worker"]["spec"]["template"]


def _container(pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod["spec"]["containers"]
    return dict(found)


def test_what_is_applied_is_there_and_names_no_namespace() -> None:
    listed = set(KUSTOMIZATION["resources"])
    files = {path.name for path in FOLDER.glob("*.yaml")}

    assert listed == files - {"kustomization.yaml", "secret.example.yaml", "service-monitor.yaml"}
    assert not any("namespace" in manifest["metadata"] for manifest in MANIFESTS.values())
    assert {kind for kind, _ in MANIFESTS} == {
        *("Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "PersistentVolumeClaim"),
        *("ConfigMap", "Secret", "ServiceMonitor"),
    }


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: str(one["metadata"]["name"]))
def test_a_pod_is_the_image_under_its_user_on_a_root_that_can_only_be_read(
    deployment: dict[str, Any], stages: list[Stage]
) -> None:
    spec, image = deployment["spec"]["template"]["spec"], stages[-1]
    environment = image.environment()
    container = _container(deployment["spec"]["template"])
    user, group = image.last("USER").rest.split(":")

    assert spec["securityContext"]["runAsNonRoot"]
    assert [spec["securityContext"][name] for name in ("runAsUser", "runAsGroup", "fsGroup")] == [
        int(user),
        int(group),
        int(group),
    ]
    assert container["image"] == f"{KUSTOMIZATION['images'][0]['name']}:latest"
    assert container["args"][0] in {"serve", "work"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]
    mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert set(mounted) == {environment["TELLTALE_HOME"], environment["MODEL_DIR"], "/tmp"}  # noqa: S108
    assert set(mounted.values()) == {volume["name"] for volume in spec["volumes"]}
    for volume in spec["volumes"]:
        if "persistentVolumeClaim" in volume:
            assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in MANIFESTS
    for source in container["envFrom"]:
        (((kind, named),)) = source.items()
        assert ({"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind], named["name"]) in MANIFESTS


def test_the_api_may_only_read_what_the_worker_writes() -> None:
    read_only = [mount.get("readOnly", False) for mount in _container(API)["volumeMounts"] if mount["name"] != "tmp"]
    written = [mount.get("readOnly", False) for mount in _container(WORKER)["volumeMounts"]]

    assert read_only == [True, True]
    assert not any(written)


def test_every_probe_asks_a_path_and_a_port_that_there_are(stages: list[Stage]) -> None:
    container = _container(API)
    (port,) = container["ports"]
    paths = {path for handler in health_routes(None) for path in handler.paths}  # type: ignore[arg-type]
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")]

    assert str(port["containerPort"]) == stages[-1].environment()["PORT"]
    assert {probe["port"] for probe in probes} == {port["name"]}
    assert {probe["path"] for probe in probes} == {"/healthz", "/readyz"} <= paths
    assert "readyz" not in container["livenessProbe"]["httpGet"]["path"]  # a full disk is mended by no restart
    (service,) = MANIFESTS["Service", "ml-service"]["spec"]["ports"]
    assert (service["port"], service["targetPort"]) == (8000, port["name"])


def test_a_stop_has_the_time_it_needs() -> None:
    stopping = (REPOSITORY / "src/telltale/serve/server.py").read_text(encoding="utf-8")
    (most,) = re.findall(r"^_STOP_S: Final = ([0-9.]+)$", stopping, re.MULTILINE)
    waits = float(_container(API)["lifecycle"]["preStop"]["exec"]["command"][1])

    assert API["spec"]["terminationGracePeriodSeconds"] > waits + float(most)


def test_what_stands_around_the_api_finds_it() -> None:
    labels = API["metadata"]["labels"]
    scaler = MANIFESTS["HorizontalPodAutoscaler", "ml-service"]["spec"]
    monitor = MANIFESTS["ServiceMonitor", "ml-service"]["spec"]

    assert MANIFESTS["Service", "ml-service"]["spec"]["selector"] == labels
    assert MANIFESTS["PodDisruptionBudget", "ml-service"]["spec"]["selector"]["matchLabels"] == labels
    assert ("Deployment", scaler["scaleTargetRef"]["name"]) in MANIFESTS
    assert (
        "replicas" not in MANIFESTS["Deployment", "ml-service"]["spec"]
    )  # the scaler's; else each apply would undo it
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 4)
    assert monitor["selector"]["matchLabels"] == MANIFESTS["Service", "ml-service"]["metadata"]["labels"]
    assert labels[monitor["jobLabel"]] == "telltale"


def test_settings_are_known_and_secrets_are_in_the_secret() -> None:
    known = {setting.variable for setting in SETTINGS}
    settings = MANIFESTS["ConfigMap", "telltale"]["data"]
    secrets = MANIFESTS["Secret", "telltale"]["stringData"]

    assert set(settings) | set(secrets) <= known
    assert all(isinstance(value, str) for value in settings.values())
    assert set(secrets) == {"TELLTALE_OPERATOR_KEY", "DATABASE_URL"}
    assert secrets["TELLTALE_OPERATOR_KEY"] == ""


def test_a_training_is_ended_before_the_kernel_ends_the_worker() -> None:
    limit = _container(WORKER)["resources"]["limits"]["memory"]

    assert limit.endswith("Gi")
    assert int(MANIFESTS["ConfigMap", "telltale"]["data"]["JOB_MAX_MEMORY_MB"]) < int(limit[:-2]) * 1024
