"""What every bundle of a trained version promises: stored, seeded, whole, and loadable without what trained it."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from telltale.contract.errors import BundleError
from telltale.models.bundle import MANIFEST, hash_bundle, load_bundle, save_bundle
from telltale.models.manifest import FORMAT
from telltale.models.runtime import load_runtime
from telltale.testing.processes import in_another_process
from telltale.testing.refusals import assert_refused
from telltale.testing.samples import windows
from telltale.testing.trained_task import TrainedTask, train_sample

RuntimeCheck = Callable[[TrainedTask], None]

# Libraries that fit; a server that only answers must not pay for them.
TRAINING_LIBRARIES: Final = ("sklearn", "scipy", "optuna", "onnx", "lightgbm", "torch", "statsforecast", "matplotlib")


def check_stored_scores_are_the_same(subject: TrainedTask) -> None:
    """Loaded again, and saved again and loaded, a version scores the same; the saved files are the same bytes."""
    bundle = load_bundle(subject.directory, expected=subject.files.files)
    with tempfile.TemporaryDirectory() as name:
        saved = save_bundle(Path(name), bundle.manifest, bundle.parts, bundle.trained_rows)
        copied = load_runtime(Path(name), expected=saved.files)
        scores = copied.score_frame(subject.held_out)

    assert saved == subject.files, "saved again, the bundle has other hashes"
    assert np.array_equal(scores, subject.runtime.score_frame(subject.held_out)), "scores differ"
    assert np.array_equal(load_runtime(subject.directory).score_frame(subject.held_out), scores), "scores differ"


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
    for change, named in (
        ({"format": FORMAT + 1}, f"format {FORMAT + 1}"),
        ({"estimator": "of_next_year"}, "of_next_year"),
        ({"plan": {**manifest["plan"], "features": ["nowhere"]}}, "nowhere"),
        ({"plan": 7}, MANIFEST),
    ):
        _refuses_bundle(subject, {MANIFEST: json.dumps({**manifest, **change}).encode()}, named, expected=None)


def check_self_test_notices_a_model_of_other_features(subject: TrainedTask) -> None:
    """The self-test passes on the version, and raises BundleError where plan and model do not fit each other."""
    subject.runtime.self_test()
    manifest = json.loads((subject.directory / MANIFEST).read_bytes())
    manifest["plan"]["features"] = manifest["plan"]["features"][:-1]
    with tempfile.TemporaryDirectory() as name:
        broken = Path(name) / "bundle"
        shutil.copytree(subject.directory, broken)
        (broken / MANIFEST).write_bytes(json.dumps(manifest).encode())

        assert_refused(BundleError, "self-test", load_runtime(broken).self_test)


def check_same_seed_same_bundle_in_another_process(subject: TrainedTask) -> None:
    """Trained in another process with the same seed and rows, the bundle has the same SHA-256."""
    with tempfile.TemporaryDirectory() as name:
        other = in_another_process(
            train_sample, subject.app, subject.task, subject.estimator, Path(name) / "bundle", seed=0
        )

    assert other == subject.files.sha256, "the bundle of another process has another hash"


def check_training_another_never_moves_this_one(subject: TrainedTask) -> None:
    """Training again, on other rows and with another seed, leaves a loaded version's answers and its files as they were."""
    runtime = subject.runtime
    before = runtime.score_frame(subject.held_out)
    with tempfile.TemporaryDirectory() as name:
        train_sample(subject.app, subject.task, subject.estimator, Path(name) / "bundle", seed=1)

    assert np.array_equal(runtime.score_frame(subject.held_out), before), "answers moved"
    assert hash_bundle(subject.directory) == subject.files, "files changed"


def check_answering_imports_no_training_library(subject: TrainedTask) -> None:
    """A process that loads the bundle, tests itself and answers has imported no training library."""
    given = windows(subject.runtime, subject.held_out, [50])[0]
    program = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "import msgspec\n"
        "from telltale.contract.answer import Input\n"
        "from telltale.models.runtime import load_runtime\n"
        "runtime = load_runtime(Path(sys.argv[1]))\n"
        "runtime.self_test()\n"
        "answer = runtime.answer([msgspec.json.decode(sys.argv[2], type=Input)], explain=True)[0]\n"
        "loaded = sorted({name.partition('.')[0] for name in sys.modules})\n"
        "print(json.dumps({'score': answer.score, 'loaded': loaded}))\n"
    )
    text = json.dumps({"rows": [list(row) for row in given.rows], "times": list(given.times), "entity": given.entity})
    command = [sys.executable, "-c", program, str(subject.directory), text]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)

    assert found["score"] == subject.runtime.answer([given])[0].score, "another process answers otherwise"
    imported = sorted(set(TRAINING_LIBRARIES) & set(found["loaded"]))
    assert not imported, f"answering imported {imported}"


BUNDLE_CHECKS: Final[tuple[RuntimeCheck, ...]] = (
    check_stored_scores_are_the_same,
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
