"""What attackers try against `verify`: recordings, robots, programs that know something of the victim, slow poisoning.

A report says what each achieves. That one fails here says nothing of an attacker who thinks of something else.
"""

from typing import Final

from telltale.apps.personhood.attacks_known import match_averages, match_kinds, move_over
from telltale.apps.personhood.attacks_plain import keep_constant, replay, replay_with_jitter, sample_plausibly
from telltale.contract.attack import Attack

ATTACKS: Final = (
    Attack(
        name="replay",
        title="A recording plays back a session that the victim enrolled, as it is.",
        make=replay,
        knows="enrolled",
    ),
    Attack(
        name="replay_jitter",
        title="A recording plays back a session that the victim enrolled, each time a few milliseconds off.",
        make=replay_with_jitter,
        knows="enrolled",
    ),
    Attack(
        name="replay_overheard",
        title="A recording plays back a session of the victim that was never enrolled, as it is.",
        make=replay,
    ),
    Attack(
        name="constant",
        title="A robot types at one interval and with one hold, the victim's means.",
        make=keep_constant,
    ),
    Attack(
        name="sampled",
        title="A robot draws intervals and holds that a person's could be, knowing nothing of them.",
        make=sample_plausibly,
    ),
    Attack(
        name="knows_averages",
        title="A robot types a session that has the five averages of one of the victim's.",
        make=match_averages,
    ),
    Attack(
        name="sampled_by_class",
        title="A robot draws each hold and interval from the victim's own for such keys.",
        make=match_kinds,
    ),
    Attack(
        name="poison",
        title="A robot types as the victim does, then step by step as the attacker; what is accepted is learned.",
        make=move_over,
        is_learned=True,
    ),
)
