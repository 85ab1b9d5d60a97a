"""The relay against a real FRAME runtime: patterns and scores as remarks."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.apps.personhood.chain.chopsticks import Chain
from tests.apps.personhood.chain.relaying import journal_rows, options, pattern, scores
from tests.apps.personhood.chain.scorer import Scorer

from telltale.apps.personhood.chain.codec import Pattern, Score, decode_features, pattern_remark, score_remark
from telltale.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.server]


def pattern_of_the_docs(chain: Chain) -> Pattern:
    """The pattern that the lines in docs/chain.md leave on the chain."""
    page = (Path(__file__).parents[4] / "docs/chain.md").read_text(encoding="utf-8")
    lines = page.partition("```python\n")[2].partition("```")[0].replace("ws://127.0.0.1:9944", chain.url)
    scope: dict[str, Any] = {}
    exec(lines, scope)  # noqa: S102 - our own page
    left: Pattern = scope["pattern"]
    return left


def test_patterns_in_scores_out_signed_and_once(
    chain: Chain, scorer: Scorer, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELAY_SEED", "//Relay0")
    since = chain.height() + 1
    given = options(chain, scorer, since)
    asked = [pattern_of_the_docs(chain), pattern(1), pattern(2)]
    # Two and the first again in one extrinsic, and among them what is no pattern, and what somebody else calls a score.
    forged = Score(did=asked[2].did, pattern_hash=asked[2].pattern_hash, value=1)
    texts = (b"telltale/pattern/1 and no more", score_remark(forged), *map(pattern_remark, (asked[2], asked[0])))
    chain.remark(pattern_remark(asked[1]), *texts)

    assert main(given) == 0

    done = json.loads(capsys.readouterr().out.splitlines()[-1])  # the lines of the docs print one too
    assert done["counts"] == {"in_block": 3, "malformed": 1}
    fault = next(fault for state, fault in journal_rows(home, "state, fault") if state == "malformed")
    assert fault.startswith("pattern: there are 12 bytes after the mark, not 52. Write telltale/pattern/1,")
    expected = [
        Score(did=one.did, pattern_hash=one.pattern_hash, value=scorer.score(decode_features(one.features)))
        for one in asked
    ]
    assert scores(chain, "//Relay0", since) == expected
    assert [question["did"] for question in scorer.asked] == [f"0x{one.did.hex()}" for one in asked]
    # Nothing new, and the same ones again: nothing is asked or sent.
    chain.remark(pattern_remark(asked[1]))
    assert main(given) == 0
    assert scores(chain, "//Relay0", since) == expected
    assert len(scorer.asked) == 3
