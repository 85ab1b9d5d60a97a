"""What may go wrong between a real runtime and the service, and that no pattern has two scores after it."""

import json
import threading
import time
from pathlib import Path

import pytest
from tests.apps.personhood.chain.chopsticks import Chain, account, running_chain
from tests.apps.personhood.chain.relaying import (
    journal_rows,
    killed_at_sending,
    lost_at_sending,
    options,
    pattern,
    relay_once,
    scores,
)
from tests.apps.personhood.chain.scorer import Scorer

from telltale.apps.personhood.chain.codec import pattern_remark
from telltale.apps.personhood.chain.journal import open_journal
from telltale.cli import main
from telltale.monitor.alarms import active_alarms
from telltale.storage.folder import open_folder

pytestmark = [pytest.mark.slow, pytest.mark.server]


def lasting_alarms(home: Path) -> list[tuple[str, str]]:
    folder = open_folder(home)
    found = [(alarm.name, alarm.what) for alarm in active_alarms(folder.state)]
    folder.close()
    return found


@pytest.mark.parametrize(("point", "seed"), [("before", "//Relay1"), ("after", "//Relay2")])
def test_killed_where_it_sends_it_sends_no_second_one(  # noqa: PLR0917 - fixtures
    point: str, seed: str, chain: Chain, scorer: Scorer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_SEED", seed)
    since = chain.height() + 1
    given = options(chain, scorer, since)
    chain.remark(pattern_remark(pattern(1)))
    killed_at_sending(point, given, home=home, seed=seed)
    signed = journal_rows(home, "state, extrinsic_hash")
    assert [state for state, _ in signed] == ["signed"]
    if point == "after":
        chain.await_height(since + 1)  # what was sent came into a block, and nobody was left to hear of it
    assert len(scores(chain, seed, since)) == int(point == "after")

    assert main(given) == 0

    assert len(scores(chain, seed, since)) == 1
    assert journal_rows(home, "state, extrinsic_hash") == [("in_block", signed[0][1])]
    assert len(scorer.asked) == 1


def test_a_nonce_that_something_else_took_is_replaced(
    chain: Chain, scorer: Scorer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_SEED", "//Relay3")
    since = chain.height() + 1
    given = options(chain, scorer, since)
    chain.remark(pattern_remark(pattern(2)))
    lost_at_sending("before", given)
    chain.remark(b"by somebody else with this account", sender="//Relay3")
    before = journal_rows(home, "nonce, extrinsic_hash")[0]

    assert main(given) == 0

    after = journal_rows(home, "nonce, extrinsic_hash")[0]
    assert after[0] == before[0] + 1
    assert after[1] != before[1]
    sent = [remark for remark in chain.remarks_of("//Relay3", since=since) if remark.startswith(b"telltale/score/1")]
    assert len(sent) == 1


def test_what_was_signed_too_long_ago_is_signed_anew(
    chain: Chain, scorer: Scorer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_SEED", "//Relay4")
    since = chain.height() + 1
    given = options(chain, scorer, since)
    chain.remark(pattern_remark(pattern(3)))
    lost_at_sending("before", given)
    before = journal_rows(home, "nonce, extrinsic_hash")[0]
    chain.build(9)

    assert main(given) == 0

    after = journal_rows(home, "nonce, extrinsic_hash")[0]
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert len(scores(chain, "//Relay4", since)) == 1


def test_a_lost_journal_is_read_back_from_the_chain_and_from_what_is_on_its_way(
    chain: Chain, scorer: Scorer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_SEED", "//Relay5")
    since = chain.height() + 1
    chain.remark(pattern_remark(pattern(4)))
    chain.build_mode("Manual")
    told: list[str] = []
    try:
        lost_at_sending("after", options(chain, scorer, since))
        for file in home.glob("relay.db*"):
            file.unlink()
        done = relay_once(chain, scorer, home, "//Relay5", since, tell=told.append, sleep=lambda _: chain.build())
    finally:
        chain.build_mode("Instant")

    assert done.counts == {"in_block": 1}
    assert told[0].startswith("Other extrinsics of")
    assert len(scores(chain, "//Relay5", since)) == 1
    assert journal_rows(home, "state, extrinsic_hash") == [("in_block", None)]


def test_a_service_that_fails_for_one_holds_no_other_up_and_is_asked_the_same_again(
    chain: Chain, scorer: Scorer, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELAY_SEED", "//Relay6")
    since = chain.height() + 1
    given = options(chain, scorer, since)
    for number in range(3):
        chain.remark(pattern_remark(pattern(number, person=6)))
    scorer.refusals = [(503, "busy")] * 4 + [(422, '{"detail": "such hours there are not"}')]

    assert main([*given, "--alarm-after", "1"]) == 3

    assert "it answered 503" in capsys.readouterr().err
    assert [state for (state,) in journal_rows(home, "state")] == ["found", "refused", "signed"]
    assert "such hours there are not" in journal_rows(home, "fault")[1][0]
    assert [name for name, _ in lasting_alarms(home)] == ["relay_failing"]
    assert len({json.dumps(question, sort_keys=True) for question in scorer.asked[:4]}) == 1

    assert main([*given, "--again"]) == 0

    assert [state for (state,) in journal_rows(home, "state")] == ["in_block"] * 3
    assert len(scores(chain, "//Relay6", since)) == 3
    assert not lasting_alarms(home)


def test_an_account_that_cannot_pay_is_named_and_goes_on_once_it_can(
    chain: Chain, scorer: Scorer, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELAY_SEED", "//Poor")
    since = chain.height() + 1
    given = options(chain, scorer, since)
    chain.remark(pattern_remark(pattern(5)))

    assert main([*given, "--alarm-after", "2"]) == 3

    said = capsys.readouterr().err
    assert f"{account('//Poor').ss58_address}: the account cannot pay the fee" in " ".join(said.split())
    assert "the account cannot pay the fee" in lasting_alarms(home)[0][1]

    chain.fund("//Poor")
    assert main(given) == 0
    assert len(scores(chain, "//Poor", since)) == 1
    assert len(scorer.asked) == 1
    assert not lasting_alarms(home)


def test_a_node_that_dies_and_comes_back_is_waited_for(
    tmp_path: Path, scorer: Scorer, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELAY_SEED", "//Relay7")
    folder = tmp_path / "chain"
    folder.mkdir()
    with running_chain(folder) as chain:
        given = [*options(chain, scorer, 1), "--alarm-after", "20"]
        chain.remark(pattern_remark(pattern(6)))
        assert main(given) == 0
        chain.remark(pattern_remark(pattern(7)))
        height = chain.height()
        time.sleep(2.0)  # this node writes its blocks down a little after it has built them
        chain.kill()
        starter = threading.Timer(2.0, chain.start)
        starter.start()
        assert main(given) == 0
        starter.join()

        assert chain.height() == height + 1
        assert "the node does not answer" in capsys.readouterr().err
        assert len(scores(chain, "//Relay7", 1)) == 2


def test_another_chain_and_another_relay_are_refused(
    chain: Chain, scorer: Scorer, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELAY_SEED", "//Relay8")
    given = options(chain, scorer, chain.height() + 1)
    assert main(given) == 0
    with open_journal(home) as connection:
        assert main(given) == 2
        assert "another relay works with it" in capsys.readouterr().err
        connection.execute("UPDATE cursor SET hash = '0x00'")

    assert main(given) == 2

    assert "is not that now" in capsys.readouterr().err
