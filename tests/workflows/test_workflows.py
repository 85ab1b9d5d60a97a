import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no annotations of its own

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
NAMES = sorted(path.name for path in FOLDER.iterdir())


def workflow(name: str) -> dict[Any, Any]:
    """A workflow as YAML has it: its key `on` is read as the word for true."""
    read = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(read, dict)
    return read


def steps_of(name: str) -> list[dict[str, Any]]:
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def test_the_weekly_training_is_what_was_promised() -> None:
    weekly = workflow("weekly.yml")
    steps = steps_of("weekly.yml")
    train, evaluate = (
        next(step["run"] for step in steps if step.get("name") == name) for name in ("Train", "Evaluate")
    )
    kept = next(step["with"] for step in steps if "upload-artifact" in step.get("uses", ""))

    assert weekly[True]["schedule"] == [{"cron": "0 0 * * 0"}]
    assert weekly["env"] == {"DAYS": "${{ github.event.inputs.days || '14' }}", "TEST_DAYS": "7"}
    assert any(step.get("with", {}).get("python-version") == "3.11" for step in steps)
    assert '--days "$DAYS" --grid-search' in train
    assert '--test-days "$TEST_DAYS" --save-predictions' in evaluate
    assert kept["name"] == "model-artifacts"
    assert kept["path"].split() == ["models/", "evaluation_results/"]


@pytest.mark.slow
def test_the_commands_of_the_weekly_training_leave_what_is_kept(tmp_path: Path) -> None:
    runs = [step["run"] for step in steps_of("weekly.yml") if "run" in step and step["name"] != "Install"]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("TELLTALE")},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DAYS": "8",  # in place of 14 and 7: the same commands in less time
        "TEST_DAYS": "2",
    }

    for run in runs:
        done = subprocess.run(  # as a runner does
            ["bash", "-eo", "pipefail", "-c", run],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{run}\n{done.stdout}{done.stderr}"

    (kept,) = (
        step["with"]["path"].split() for step in steps_of("weekly.yml") if "upload-artifact" in step.get("uses", "")
    )
    made = {folder: {path.name for path in (tmp_path / folder).iterdir()} for folder in kept}
    assert {"manifest.json", "model.onnx", "training_metrics.json"} <= made["models/"]
    assert {"evaluation.json", "predictions.csv", "roc_curve.png"} <= made["evaluation_results/"]


@pytest.mark.parametrize("name", NAMES)
def test_every_target_of_make_that_a_workflow_asks_for_is_there(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))

    asked = {target for step in steps_of(name) for target in re.findall(r"\bmake ([a-z]+)", step.get("run", ""))}

    assert asked <= targets
    assert asked or name == "weekly.yml"


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_may_read_the_repository_and_ends_in_time(name: str) -> None:
    assert workflow(name)["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 120 for job in workflow(name)["jobs"].values())
    for step in steps_of(name):
        # What somebody typed never becomes part of a script; actions are of the host itself, at a named version.
        assert "${{" not in step.get("run", "")
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/none@v1"))
