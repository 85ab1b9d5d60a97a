import json
import subprocess
import sys
from pathlib import Path

import pytest

from telltale.cli import main
from telltale.home.apps import installed_apps


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object]]:
    status, out, _ = run(capsys, *arguments, "--json")
    document: dict[str, object] = json.loads(out)
    return status, document


@pytest.mark.slow
def test_the_loop_by_hand(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, trained = run_json(capsys, "train", "helios/anomaly", "-o", "models", "--save-data")
    assert status == 0
    assert trained["data_kind"] == "simulated"
    assert trained["n_train"] == 2016
    assert len(trained["features"]) == 12  # type: ignore[arg-type]
    assert {"app", "task", "version", "metrics", "targets", "verdict", "bundle_sha256", "seconds"} <= trained.keys()
    assert {path.name for path in (tmp_path / "models").iterdir()} == {
        "manifest.json",
        "model.onnx",
        "arrays.safetensors",
        "training_metrics.json",
        "model_config.json",
        "training_data.csv",
    }

    status, evaluated = run_json(
        capsys, "evaluate", "helios/anomaly", "--version", "models", "-o", "evaluation", "--save-predictions"
    )
    assert status == 0
    assert evaluated["n"] == 864
    assert {path.name for path in (tmp_path / "evaluation").iterdir()} == {
        "confusion_matrix.png",
        "roc_curve.png",
        "precision_recall_curve.png",
        "score_distribution.png",
        "feature_importance.png",
        "threshold_sweep.png",
        "predictions.csv",
        "evaluation.json",
        "report.html",
    }

    assert run(capsys, "promote", "helios/anomaly", "--version", "1")[0] == 0
    assert run_json(capsys, "train", "helios", "--seed", "1")[1]["version"] == 2
    assert run(capsys, "promote", "helios/anomaly", "--version", "2")[0] == 0
    assert run(capsys, "rollback", "helios/anomaly", "--reason", "a test")[0] == 0
    _, listed = run_json(capsys, "versions", "helios/anomaly")
    roles = {version["number"]: version["role"] for version in listed["versions"]}  # type: ignore[attr-defined]
    assert roles == {1: "champion", 2: "none"}
    _, told = run_json(capsys, "history", "helios/anomaly")
    assert told["moves"][-1]["reason"] == "a test"  # type: ignore[index]


@pytest.mark.slow
def test_rows_that_were_trained_on_are_refused_with_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "simulate", "helios/metrics", "-o", "rows.csv", "--days", "14")
    assert main(["train", "helios/anomaly", "--data", "rows.csv", "--json"]) == 0
    capsys.readouterr()

    status, out, err = run(capsys, "evaluate", "helios/anomaly", "--data", "rows.csv", "--json")

    assert status == 1
    assert "were trained on" in json.loads(out)["error"]["what"]
    assert "before or after the training data" in " ".join(err.split())


def test_good_rows_go_on_and_bad_ones_are_told_with_line_and_reason(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run(capsys, "simulate", "helios/metrics", "-o", "rows.csv", "--days", "1")
    lines = (tmp_path / "rows.csv").read_text().splitlines()
    lines[5] = lines[5].replace(lines[5].split(",")[2], "1.5", 1)
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")

    status, checked = run_json(capsys, "validate", "helios/metrics", "rows.csv")
    _, ingested = run_json(capsys, "ingest", "helios/metrics", "rows.csv")
    _, again = run_json(capsys, "ingest", "helios/metrics", "rows.csv")

    assert status == 1
    assert (checked["accepted"], checked["quarantined"]) == (287, 1)
    assert checked["reasons"][0]["line"] == 6  # type: ignore[index]
    assert "error_rate" in checked["reasons"][0]["reason"]  # type: ignore[index]
    assert (ingested["stored"], again["stored"], again["already_stored"]) == (287, 0, 287)


@pytest.mark.slow
def test_rows_set_aside_are_counted_where_a_file_is_trained_or_judged_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, seed in (("rows.csv", "0"), ("later.csv", "1")):
        run(capsys, "simulate", "helios/metrics", "-o", name, "--days", "14", "--seed", seed)
        with (tmp_path / name).open("a") as file:
            file.write("2030-01-01T00:00:00Z,1,2.5,1,1,1,0,\n")

    _, told, _ = run(capsys, "train", "helios/anomaly", "--data", "rows.csv")
    _, evaluated = run_json(capsys, "evaluate", "helios/anomaly", "--data", "later.csv")

    assert "Rows quarantined: 1; `telltale validate helios/metrics rows.csv` says why." in told
    assert evaluated["n_quarantined"] == 1


@pytest.mark.slow
def test_stored_events_are_trained_on_once_there_are_enough(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(capsys, "simulate", "helios/metrics", "-o", "rows.parquet", "--days", "8")
    run(capsys, "ingest", "helios/metrics", "rows.parquet")

    status, out, _ = run(capsys, "train", "helios/anomaly")

    assert status in (0, 1)
    assert out.splitlines()[0].endswith("stored events.")
    run(capsys, "export", "helios/metrics", "-o", "again.csv")
    assert len((tmp_path / "again.csv").read_text().splitlines()) == 8 * 288 + 1


@pytest.mark.slow
def test_feedback_from_a_file_labels_stored_events_for_training(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run(capsys, "simulate", "helios/metrics", "-o", "rows.csv", "--days", "8")
    lines = [line.rsplit(",", 2)[0] for line in (tmp_path / "rows.csv").read_text().splitlines()]
    (tmp_path / "unlabelled.csv").write_text("\n".join(lines) + "\n")
    assert "is_anomaly" not in lines[0]
    run(capsys, "ingest", "helios/metrics", "unlabelled.csv")
    span = "helios,anomaly,2024-01-01T00:00:00Z,2024-01-20T00:00:00Z,0"
    (tmp_path / "said.csv").write_text(f"app,task,from,to,label\n{span}\nhelios,nothing,2024-01-01,2024-01-02,1\n")

    status, told = run_json(capsys, "feedback", "said.csv")
    _, trained = run_json(capsys, "train", "helios/anomaly")

    assert (status, told["accepted"]) == (1, 1)
    assert told["refused"][0]["line"] == 3  # type: ignore[index]
    assert trained["data_kind"] == "store"
    assert trained["n_held_out"] > 0  # type: ignore[operator]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "nothing/anomaly"], "Known: eyenet, helios"),
        (["train", "helios/nothing"], "Known: anomaly"),
        (
            ["train", "helios/anomaly", "--estimator", "magic"],
            "Known: columns_stream, isolation_forest, one_class_svm, patch_memory,",
        ),
        (["train", "helios/anomaly", "--data", "missing.csv"], "missing.csv"),
        (["train", "helios/anomaly", "--days", "-1"], "days > 0"),
        (["train", "helios/anomaly", "--data", "x.csv", "--days", "7"], "exclude each other"),
        (["train", "helios/anomaly", "--save-data"], "-o DIR"),
        (["evaluate", "helios/anomaly"], "helios/anomaly"),
        (["promote", "helios/anomaly", "--version", "7"], "helios/anomaly"),
        (["rollback", "helios/anomaly"], "helios/anomaly"),
        (["collect", "nothing"], "Known: access_log, blocks, host"),
        (["schedule", "set", "helios/anomaly", "often"], "0 3 * * 0"),
        (["no-such-command"], "No such command"),
    ],
)
def test_wrong_use_ends_with_status_2_and_the_mend(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    status, _, err = run(capsys, *arguments)

    assert status == 2
    assert says in " ".join(err.split())


@pytest.mark.slow
def test_a_failed_gate_is_status_1_and_is_not_promoted_without_override(capsys: pytest.CaptureFixture[str]) -> None:
    status, trained = run_json(capsys, "train", "helios/anomaly", "--contamination", "0.3")
    assert (status, trained["verdict"]) == (1, "fail")

    assert run(capsys, "promote", "helios/anomaly", "--version", "1")[0] == 1
    assert run(capsys, "promote", "helios/anomaly", "--version", "1", "--override", "--reason", "a test")[0] == 0


def test_schedules_can_be_listed_paused_resumed_and_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "schedule", "pause", "helios/anomaly")[0] == 0
    assert "paused" in run(capsys, "schedule", "list")[1]
    assert run(capsys, "schedule", "resume", "helios/anomaly")[0] == 0
    assert run(capsys, "schedule", "set", "helios/anomaly", "0 3 * * 0")[0] == 0

    _, listed = run_json(capsys, "schedule", "list")

    found = {item["schedule"]["app"]: item for item in listed["schedules"]}  # type: ignore[attr-defined]
    assert found["helios"]["schedule"]["cron"] == "0 3 * * 0"
    assert found["helios"]["next_at"] is not None


def test_settings_come_from_the_command_line_then_the_environment_then_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from telltale.home.settings import read_settings

    (tmp_path / "telltale.toml").write_text('PORT = 1\nHOST = "a"\nWORKERS = 3\n')
    (tmp_path / ".env").write_text("# comment\nexport PORT=2\nHOST='b'\n")
    monkeypatch.setenv("PORT", "4")

    settings = read_settings(tmp_path)

    assert (settings["PORT"], settings["HOST"], settings["WORKERS"]) == ("4", "b", "3")


def test_help_needs_no_training_library() -> None:
    program = (
        "import sys; from telltale.cli import main; main(['--help']); "
        "print(sorted({'sklearn', 'optuna', 'matplotlib', 'onnx', 'litestar', 'alembic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.server
def test_demo_finds_what_was_planted_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    status, shown = run_json(capsys, "demo", "--port", "0")

    assert status == 0
    assert float(str(shown["seconds"])) <= 180
    for app in installed_apps().values():
        for task in app.tasks:
            assert f"{app.name}/{task.name} served" in shown, f"{app.name}/{task.name} was not shown"
    traffic: dict[str, int] = shown["helios/anomaly served"]  # type: ignore[assignment]
    assert traffic["rows"] == 288
    assert traffic["caught"] >= 0.85 * traffic["positive"]
    assert traffic["false_alarms"] <= 3
    attacks: dict[str, int] = shown["storefront/requests served"]  # type: ignore[assignment]
    assert attacks["caught"] >= 0.5 * attacks["positive"]
