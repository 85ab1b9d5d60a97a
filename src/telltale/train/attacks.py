"""What attackers achieve against a version that verifies: each attack tried on everybody who is judged."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from telltale.contract.attack import Attack
from telltale.contract.sequence import TimedSequence
from telltale.contract.verdict import Measured
from telltale.evaluate.intervals import rate
from telltale.models.verification.profile import pack, unpack
from telltale.models.verification.replays import is_replay
from telltale.models.verification.trials import Person
from telltale.models.verify_runtime import VerifyRuntime

_ATTEMPTS: Final = 3
_LEARNED_ATTEMPTS: Final = 24
# An attack that is learned compares anew at every step.
_MOST_VICTIMS: Final = 40


def attack_metrics(
    runtime: VerifyRuntime, people: Sequence[Person], attacks: Sequence[Attack], *, seed: int = 0
) -> Mapping[str, Measured]:
    """The share of attempts that are accepted, as `attack_<name>`; of attacks that are learned as `Attack` says.

    `attack_<name>_own` is the share of the victim's own trials that are accepted once the profile has learned an attack.

    Args:
        runtime: of the version.
        people: with enrolled sequences and trials of their own.
        attacks: what is tried.
        seed: of the draws.
    """
    victims = [person for person in people if person.genuine][:_MOST_VICTIMS]
    found: dict[str, Measured] = {}
    for attack in attacks:
        n_tried = n_accepted = n_own = n_own_accepted = 0
        for place, victim in enumerate(victims):
            rng = np.random.default_rng([seed, place])
            known = victim.enrolled if attack.knows == "enrolled" else victim.genuine
            if attack.is_learned:
                attempts = attack.make(known, rng, _LEARNED_ATTEMPTS)
                accepted, enrolled = _learned(runtime, victim.enrolled, attempts)
                last = accepted[-max(len(accepted) // 4, 1) :]
                n_tried, n_accepted = n_tried + len(last), n_accepted + sum(last)
                own = runtime.compare(enrolled, victim.genuine) >= runtime.threshold
                n_own, n_own_accepted = n_own + len(own), n_own_accepted + int(own.sum())
            else:
                attempts = attack.make(known, rng, _ATTEMPTS)
                accepted = _accepted(runtime, victim.enrolled, attempts)
                n_tried, n_accepted = n_tried + len(accepted), n_accepted + sum(accepted)
        if n_tried:
            found[f"attack_{attack.name}"] = rate(n_accepted, n_tried)
        if n_own:
            found[f"attack_{attack.name}_own"] = rate(n_own_accepted, n_own)
    return found


def _accepted(
    runtime: VerifyRuntime, enrolled: Sequence[TimedSequence], attempts: Sequence[TimedSequence]
) -> list[bool]:
    scores = runtime.compare(enrolled, attempts)
    return [
        bool(score >= runtime.threshold) and not is_replay(attempt, enrolled)
        for score, attempt in zip(scores, attempts, strict=True)
    ]


def _learned(
    runtime: VerifyRuntime, enrolled: Sequence[TimedSequence], attempts: Sequence[TimedSequence]
) -> tuple[list[bool], Sequence[TimedSequence]]:
    """Which attempts are accepted, and the profile in the end: an accepted one is in it when the next is made."""
    accepted: list[bool] = []
    for attempt in attempts:
        is_in = _accepted(runtime, enrolled, [attempt])[0]
        accepted.append(is_in)
        if is_in:
            enrolled = unpack(pack([*enrolled, attempt]))
    return accepted, enrolled
