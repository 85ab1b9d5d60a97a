"""Made-up typists: people with a rhythm of their own, and programs. All at once, as arrays with one place per session."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY_S = 86_400
# Share of keys in running text; corrections come on top.
_TEXT_CLASSES = (("letter", 0.78), ("space", 0.16), ("digit", 0.03), ("other", 0.03))


@dataclass(frozen=True, kw_only=True)
class People:
    """Typing habits, one place per person.

    `pace_ms` is the mean time from press to press, `unevenness` the deviation of its logarithm from key to key,
    `hold_ms` the mean hold, `corrects` and `pauses` the shares of keys that are corrections and that follow a pause,
    `hour` the favourite hour of the own clock with a `spread_h`, `zone_h` how far that clock is ahead of UTC.
    """

    pace_ms: Floats
    unevenness: Floats
    hold_ms: Floats
    corrects: Floats
    pauses: Floats
    hour: Floats
    spread_h: Floats
    zone_h: Ints

    def at(self, places: Ints) -> "People":
        """Some of them."""
        return People(**{name: values[places] for name, values in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Sessions: the keys of all one after another, `n_keys` of each; when each ended by its typist's own clock."""

    n_keys: Ints
    presses_ms: Floats
    releases_ms: Floats
    is_correction: NDArray[np.bool_]
    local_s: Ints
    zone_h: Ints


def draw_people(rng: np.random.Generator, n: int) -> People:
    """People as a large study of typists found them.

    Means and deviations of pace (239 and 112 ms), hold (116 and 24 ms) and corrections (6.3 and 4.5 % of keys) are of
    that order in the study; unevenness, pauses and hours are made up.

    References:
        Dhakal, Feit, Kristensson & Oulasvirta, "Observations on typing from 136 million keystrokes", CHI 2018.
    """
    sigma = np.sqrt(np.log1p((112 / 239) ** 2))
    return People(
        pace_ms=np.clip(rng.lognormal(np.log(239) - sigma**2 / 2, sigma, n), 70, 900),
        unevenness=rng.uniform(0.3, 0.6, n),
        hold_ms=np.clip(rng.normal(116, 24, n), 45, 260),
        corrects=rng.beta(1.8, 26.7, n),
        pauses=rng.uniform(0.005, 0.03, n),
        hour=rng.normal(15, 4, n),
        spread_h=rng.uniform(1.5, 4, n),
        zone_h=rng.integers(-8, 10, n),
    )


def type_by_hand(rng: np.random.Generator, people: People) -> Typed:
    """A session of each person. Nobody is the same every day: pace moves by a tenth, hold by a twentieth."""
    n = len(people.pace_ms)
    n_keys = _lengths(rng, n)
    who = np.repeat(np.arange(n), n_keys)
    pace = people.pace_ms * rng.lognormal(0, 0.1, n)
    hold = people.hold_ms * rng.lognormal(0, 0.05, n)
    uneven = people.unevenness[who]
    gaps = pace[who] * rng.lognormal(-(uneven**2) / 2, uneven)
    gaps += np.where(rng.random(len(who)) < people.pauses[who], rng.lognormal(np.log(2_000), 0.6, len(who)), 0.0)
    holds = hold[who] * rng.lognormal(-0.02, 0.2, len(who))
    hour = people.hour + people.spread_h * rng.normal(size=n)
    return _typed(
        n_keys,
        gaps,
        holds,
        is_correction=rng.random(len(who)) < people.corrects[who],
        local_s=(hour * 3_600).astype(np.int64) % DAY_S,
        zone_h=people.zone_h,
    )


def type_by_script(rng: np.random.Generator, n: int) -> Typed:
    """A program that sends keys at one interval and lets go at once, at any hour."""
    n_keys = _lengths(rng, n)
    interval = np.exp(rng.uniform(np.log(5), np.log(60), n))
    hold = rng.uniform(0.5, 4, n)
    jitter = 1 + 0.03 * rng.random(int(n_keys.sum()))
    return _typed_by_program(rng, n_keys, np.repeat(interval, n_keys) * jitter, np.repeat(hold, n_keys) * jitter)


def type_by_imitation(rng: np.random.Generator, n: int) -> Typed:
    """A program that draws its intervals and holds at random from ranges that a person's could have; it never errs."""
    n_keys = _lengths(rng, n)
    n_all = int(n_keys.sum())
    shortest, longest = rng.uniform(40, 120, n), rng.uniform(150, 400, n)
    least, most = rng.uniform(30, 70, n), rng.uniform(80, 160, n)
    gaps = np.repeat(shortest, n_keys) + rng.random(n_all) * np.repeat(longest - shortest, n_keys)
    holds = np.repeat(least, n_keys) + rng.random(n_all) * np.repeat(most - least, n_keys)
    return _typed_by_program(rng, n_keys, gaps, holds)


def draw_classes(rng: np.random.Generator, is_correction: NDArray[np.bool_]) -> list[str]:
    """What kind of key each was."""
    drawn = rng.choice(len(_TEXT_CLASSES), size=len(is_correction), p=[share for _, share in _TEXT_CLASSES])
    names = [name for name, _ in _TEXT_CLASSES]
    return ["correction" if fixed else names[kind] for fixed, kind in zip(is_correction, drawn, strict=True)]


def _lengths(rng: np.random.Generator, n: int) -> Ints:
    return np.clip(rng.lognormal(np.log(180), 0.5, n), 30, 800).astype(np.int64)


def _typed_by_program(rng: np.random.Generator, n_keys: Ints, gaps: Floats, holds: Floats) -> Typed:
    n = len(n_keys)
    nothing = np.zeros(len(gaps), dtype=bool)
    hours, zones = rng.integers(0, DAY_S, n), rng.integers(-8, 10, n)
    return _typed(n_keys, gaps, holds, is_correction=nothing, local_s=hours, zone_h=zones)


def _typed(
    n_keys: Ints, gaps: Floats, holds: Floats, *, is_correction: NDArray[np.bool_], local_s: Ints, zone_h: Ints
) -> Typed:
    """Presses from the gaps between them; the first key of each session goes down at 0. To a tenth of a millisecond."""
    ends = np.cumsum(n_keys)
    first = ends - n_keys
    elapsed = np.cumsum(gaps)
    presses = elapsed - np.repeat(elapsed[first], n_keys) if len(n_keys) else elapsed
    return Typed(
        n_keys=n_keys,
        presses_ms=presses.round(1),
        releases_ms=(presses + holds).round(1),
        is_correction=is_correction,
        local_s=local_s,
        zone_h=zone_h,
    )
