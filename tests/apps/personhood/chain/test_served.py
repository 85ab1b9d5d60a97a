"""The whole way: a real runtime, the relay, and telltale's own server with a trained version."""

import json
from pathlib import Path

import httpx
import pytest
from tests.apps.personhood.chain.chopsticks import Chain
from tests.apps.personhood.chain.relaying import options, pattern, scores
from tests.apps.personhood.chain.scorer import Scorer

from telltale.apps.personhood.chain.codec import pattern_remark
from telltale.apps.personhood.chain.scoring import question
from telltale.cli import main
from telltale.contract.simulation import Simulation
from telltale.home import open_home
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.train.fitted import TrainingChoices

pytestmark = [pytest.mark.slow, pytest.mark.server]


def test_scores_of_the_served_champion_come_onto_the_chain(
    chain: Chain, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_home(home) as opened:
        choices = TrainingChoices(estimator="logistic_regression")
        opened.train("personhood/averages", choices=choices, simulation=Simulation(n_rows=2_000))
        opened.promote("personhood/averages", "1", actor="test", reason="first", override=True)
    monkeypatch.setenv("RELAY_SEED", "//Relay11")
    since = chain.height() + 1
    person, script, impossible = (
        pattern(0, person=11),
        pattern(1, person=11, speed=900),
        pattern(2, person=11, speed=10**6),
    )
    chain.remark(*(pattern_remark(one) for one in (person, script, impossible)))
    settings = ServeSettings(home=str(home), apps=("telltale.apps.personhood:APP",))

    with start_background(settings) as server:
        scorer = Scorer(url=f"{server.url}/predict")
        assert main(options(chain, scorer, since)) == 0
        answers = [
            httpx.post(scorer.url, content=question(one.did, one.pattern_hash, one.features)).json()
            for one in (person, script)
        ]

    assert json.loads(capsys.readouterr().out)["counts"] == {"in_block": 2, "refused": 1}
    found = {score.did: score.value for score in scores(chain, "//Relay11", since)}
    expected = [answer.get("confidence", answer["personhood_score"]) for answer in answers]
    assert [found[person.did], found[script.did]] == expected
    assert found[person.did] > found[script.did]
