"""A bundle of each released format, written by that release and committed, must still load and score the same.

Never write these files anew: add a folder for each new format.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from telltale.contract.answer import Input
from telltale.models.bundle import load_bundle
from telltale.models.manifest import FORMAT
from telltale.models.runtimes import score_runtime

BUNDLES = Path(__file__).parent / "bundles"


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_bundle_of_a_released_format_still_answers_the_same(number: int) -> None:
    for folder in sorted((BUNDLES / f"format_{number}").iterdir()):
        answers = json.loads((folder / "answers.json").read_text())
        runtime = score_runtime(folder / "bundle", expected=answers["files"])

        runtime.self_test()

        assert runtime.manifest.format == number
        assert load_bundle(folder / "bundle").trained_rows.dtype == np.uint64
        inputs = [Input(**given) for given in answers["inputs"]]
        scores = [answer.score for answer in runtime.answer(inputs)]
        assert np.allclose(scores, answers["scores"], rtol=1e-6, atol=0)
        assert [answer.decision for answer in runtime.answer(inputs)] == answers["decisions"]


def test_every_format_up_to_ours_has_a_bundle() -> None:
    assert {folder.name for folder in BUNDLES.iterdir()} == {f"format_{n}" for n in range(1, FORMAT + 1)}
