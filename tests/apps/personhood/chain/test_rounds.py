"""The relay as it runs for days: it looks every ten blocks, and settles what it sent meanwhile."""

from collections.abc import Callable
from pathlib import Path
from typing import final

import pytest
from tests.apps.personhood.chain.chopsticks import Chain, account
from tests.apps.personhood.chain.relaying import pattern, scores
from tests.apps.personhood.chain.scorer import Scorer

from telltale.apps.personhood.chain.binding import Call
from telltale.apps.personhood.chain.codec import Score, pattern_remark
from telltale.apps.personhood.chain.health import Health
from telltale.apps.personhood.chain.journal import open_journal
from telltale.apps.personhood.chain.relay import Relay, run_relay
from telltale.apps.personhood.chain.remark import RemarkBinding
from telltale.monitor.alarms import active_alarms
from telltale.storage.folder import open_folder

pytestmark = [pytest.mark.slow, pytest.mark.server]


class Enough(Exception):  # noqa: N818 - nothing is wrong
    pass


def run(chain: Chain, scorer: Scorer, home: Path, *, seed: str, sleep: Callable[[float], None]) -> list[str]:
    told: list[str] = []
    relay = Relay(ws=chain.url, binding=RemarkBinding(), url=scorer.url, keypair=account(seed))
    folder = open_folder(home)
    health = Health(state=folder.state, alarm_after=5)
    with open_journal(home) as connection, pytest.raises(Enough):
        run_relay(relay, connection, health, once=False, tell=told.append, sleep=sleep)
    folder.close()
    return told


@final
class Refusing:
    """Patterns as remarks, and for a score a call that the runtime takes into a block and refuses there."""

    reads_blocks = True
    in_block = staticmethod(RemarkBinding().in_block)
    pending = staticmethod(RemarkBinding().pending)

    def call(self, score: Score) -> Call:
        destination = f"0x{score.did.hex()}"
        return Call(module="Balances", name="transfer", parameters={"dest": destination, "value": 10**18})


def test_a_score_that_the_runtime_refuses_is_not_sent_again_and_is_an_alarm(
    chain: Chain, scorer: Scorer, home: Path
) -> None:
    relay = Relay(
        ws=chain.url,
        binding=Refusing(),
        url=scorer.url,
        keypair=account("//Relay9"),
        first_block=chain.height() + 1,
    )
    chain.remark(pattern_remark(pattern(2, person=10)))
    folder = open_folder(home)
    health = Health(state=folder.state, alarm_after=5)
    with open_journal(home) as connection:
        for _ in range(2):
            done = run_relay(relay, connection, health, once=True, tell=print)
            assert done.counts == {"failed": 1}
    (alarm,) = active_alarms(folder.state)
    folder.close()

    assert alarm.name == "relay_failing"
    assert "The runtime refused 1 scores, the last one: block" in alarm.what
    assert "InsufficientBalance" in alarm.what
    with chain.client() as client:
        assert client.query("System", "Account", [account("//Relay9").ss58_address]).value["nonce"] == 1


def test_it_looks_when_ten_blocks_have_gone_by_and_not_before(chain: Chain, scorer: Scorer, home: Path) -> None:
    since = chain.height() + 1
    chain.build(11 - chain.height() % 10)  # the last look was at the block before
    heights: list[int] = []

    def sleep(_: float) -> None:
        if scores(chain, "//Relay10", since):
            raise Enough
        if not heights:
            chain.remark(pattern_remark(pattern(1, person=10)))
        elif not scorer.asked:
            chain.build()
        heights.append(chain.height())

    told = run(chain, scorer, home, seed="//Relay10", sleep=sleep)

    looked_at = next(height for height in heights if height % 10 == 0)
    assert heights[0] % 10 == 2
    assert looked_at - heights[0] == 8
    assert told[0] == f"Block {looked_at}: 1 found, 1 scored, 1 sent."
