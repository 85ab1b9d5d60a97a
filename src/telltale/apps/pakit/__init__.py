"""pakit: how should a block store treat this block, peer, network?"""

from datetime import UTC, datetime
from typing import Final

from telltale.apps.pakit.collect import collect_blocks
from telltale.apps.pakit.compression.features import COMPRESSION, derive_plan
from telltale.apps.pakit.dedup.task import DEDUP_TASK
from telltale.apps.pakit.gossip.task import GOSSIP_TASK
from telltale.apps.pakit.peers import PEERS_TASK
from telltale.apps.pakit.prefetch import PREFETCH_TASK
from telltale.apps.pakit.schema import EVENTS
from telltale.apps.pakit.simulate import simulate
from telltale.contract.app import App, Collection, Task
from telltale.contract.command import CommandOption
from telltale.contract.split import ByEntity
from telltale.contract.verdict import Target

COMPRESSION_TASK: Final = Task(
    name="compression",
    kind="choose",
    event="block",
    derive_plan=derive_plan,
    estimators=("boosted_lines", "boosted_trees", "cost_network", "linear_outcomes"),
    targets=(
        Target(metric="regret", op="<=", limit=0.05, goal=0.03),
        Target(metric="regret_gain", op=">=", limit=0.0),  # no worse than the best single codec in hindsight
    ),
    choices=COMPRESSION,
    minimum_rows=200,
    split=ByEntity(),  # neighbouring blocks of a file are too alike for one to judge the other
    schedule="15 2 * * *",  # daily
)

APP: Final = App(
    name="pakit",
    title="How should a block store treat this block, peer, network?",
    events=EVENTS,
    tasks=(COMPRESSION_TASK, DEDUP_TASK, PREFETCH_TASK, PEERS_TASK, GOSSIP_TASK),
    simulate=simulate,
    start=datetime(2024, 1, 1, tzinfo=UTC),
    collections={
        "blocks": Collection(
            name="blocks",
            event="block",
            title="blocks of files of this machine, and what every codec makes of them",
            collect_path=collect_blocks,
            options=(
                CommandOption(
                    name="measured-percent",
                    help="Of blocks to measure with every codec; of the others the one that was drawn.  [default: 100]",
                    kind="number",
                ),
            ),
        )
    },
)
