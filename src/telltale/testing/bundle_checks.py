"""What every bundle of a trained version promises: stored, seeded, whole, and loadable without what trained it."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import polars as pl

from telltale.contract.errors import BundleError
from telltale.models.bundle import MANIFEST, hash_bundle, load_bundle, save_bundle
from telltale.models.manifest import FORMAT
from telltale.models.runtimes import load_runtime
from telltale.testing.processes import in_the_other_process
from telltale.testing.refusals import assert_refused
from telltale.testing.trained_task import TrainedTask, train_sample

RuntimeCheck = Callable[[TrainedTask], None]

# Libraries that fit; a server that only answers must not pay for them.
TRAINING_LIBRARIES: Final = (
    "sklearn",
    "scipy",
    "optuna",
    "onnx",
    "lightgbm",
    "torch",
    "statsforecast",
    "prophet",
    "pandas",
    "matplotlib",
)


def check_stored_answers_are_the_same(subject: TrainedTask) -> None:
    """Loaded again, and saved again and loaded, a version answers the same; the saved files are the same bytes."""
    bundle = load_bundle(subject.directory, expected=subject.files.files)
    answers = subject.runtime.answer_frame(subject.held_out)
    with tempfile.TemporaryDirectory() as name:
        drift = bundle.drift_reference()
        saved = save_bundle(Path(name), bundle.manifest, bundle.parts, bundle.trained_rows, drift=drift)
        copied = load_runtime(Path(name), expected=saved.files)
        assert copied.answer_frame(subject.held_out).equals(answers), "saved again, it answers otherwise"

    assert saved == subject.files, "saved again, the bundle has other hashes"
    assert load_runtime(subject.directory).answer_frame(subject.held_out).equals(answers), "answers differ"


def check_wrong_bundles_are_refused_by_name(subject: TrainedTask) -> None:
    """A file that is missing, changed, cut short, added, or of a newer format raises BundleError, which names it."""
    expected = subject.files.files
    for name in sorted(expected):
        whole = (subject.directory / name).read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        for content in (bytes(flipped), whole[: len(whole) // 2], b"", whole + b" ", None):
            _refuses_bundle(subject, {name: content}, name, expected=expected)
        for content in (whole[: len(whole) // 2], b"", None):
            _refuses_bundle(subject, {name: content}, name.partition(".")[0], expected=None)
    _refuses_bundle(subject, {"model.onnx": b"x", "arrays.safetensors": b"x"}, "arrays", expected=None)
    manifest = json.loads((subject.directory / MANIFEST).read_bytes())
    changes: list[tuple[dict[str, object], str]] = [
        ({"format": FORMAT + 1}, f"format {FORMAT + 1}"),
        ({"plan": 7}, MANIFEST),
    ]
    if subject.task.kind != "forecast":  # which keeps what was said, and no model
        changes.append(({"estimator": "of_next_year"}, "of_next_year"))
    if manifest["plan"] is not None:
        changes.append(({"plan": {**manifest["plan"], "features": ["nowhere"]}}, "nowhere"))
    for change, named in changes:
        _refuses_bundle(subject, {MANIFEST: json.dumps({**manifest, **change}).encode()}, named, expected=None)


def check_self_test_notices_a_model_of_other_features(subject: TrainedTask) -> None:
    """The self-test passes on the version, and raises BundleError where plan and model do not fit each other."""
    subject.runtime.self_test()
    manifest = json.loads((subject.directory / MANIFEST).read_bytes())
    if manifest["plan"] is None:
        return
    manifest["plan"]["features"] = manifest["plan"]["features"][:-1]
    with tempfile.TemporaryDirectory() as name:
        broken = Path(name) / "bundle"
        shutil.copytree(subject.directory, broken)
        (broken / MANIFEST).write_bytes(json.dumps(manifest).encode())

        assert_refused(BundleError, "self-test", load_runtime(broken).self_test)


def check_same_seed_same_bundle_in_another_process(subject: TrainedTask) -> None:
    """Trained in another process with the same seed and rows, the bundle has the same SHA-256."""
    with tempfile.TemporaryDirectory() as name:
        other = in_the_other_process(
            train_sample, subject.app, subject.task, subject.estimator, Path(name) / "bundle", seed=0
        )

    assert other == subject.files.sha256, "the bundle of another process has another hash"


def check_training_another_never_moves_this_one(subject: TrainedTask) -> None:
    """Training again, on other rows and with another seed, leaves a loaded version's answers and its files as they were."""
    runtime = subject.runtime
    before = runtime.answer_frame(subject.held_out)
    with tempfile.TemporaryDirectory() as name:
        train_sample(subject.app, subject.task, subject.estimator, Path(name) / "bundle", seed=1)

    assert runtime.answer_frame(subject.held_out).equals(before), "answers moved"
    assert hash_bundle(subject.directory) == subject.files, "files changed"


def check_answering_imports_no_training_library(subject: TrainedTask) -> None:
    """A process that loads the bundle, tests itself and answers has imported no training library."""
    program = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "import polars as pl\n"
        "from telltale.models.runtimes import load_runtime\n"
        "runtime = load_runtime(Path(sys.argv[1]))\n"
        "runtime.self_test()\n"
        "runtime.answer_frame(pl.read_parquet(sys.argv[2])).write_parquet(sys.argv[3])\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    with tempfile.TemporaryDirectory() as name:
        rows, answers = Path(name) / "rows.parquet", Path(name) / "answers.parquet"
        subject.held_out.write_parquet(rows)
        command = [sys.executable, "-c", program, str(subject.directory), str(rows), str(answers)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        found = pl.read_parquet(answers)

    assert found.equals(subject.runtime.answer_frame(subject.held_out)), "another process answers otherwise"
    imported = sorted(set(TRAINING_LIBRARIES) & set(json.loads(done.stdout)))
    assert not imported, f"answering imported {imported}"


BUNDLE_CHECKS: Final[tuple[RuntimeCheck, ...]] = (
    check_stored_answers_are_the_same,
    check_wrong_bundles_are_refused_by_name,
    check_self_test_notices_a_model_of_other_features,
    check_same_seed_same_bundle_in_another_process,
    check_training_another_never_moves_this_one,
    check_answering_imports_no_training_library,
)


def _refuses_bundle(
    subject: TrainedTask, changes: Mapping[str, bytes | None], named: str, *, expected: Mapping[str, str] | None
) -> None:
    with tempfile.TemporaryDirectory() as name:
        broken = Path(name) / "bundle"
        shutil.copytree(subject.directory, broken)
        for file, content in changes.items():
            if content is None:
                (broken / file).unlink()
            else:
                (broken / file).write_bytes(content)
        assert_refused(BundleError, named, load_runtime, broken, expected=expected)
