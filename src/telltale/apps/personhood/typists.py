"""Made-up typing: people with a rhythm of their own, and programs. All at once, as arrays with one place per session."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.apps.personhood.schema import KEY_CLASSES
from telltale.apps.personhood.simulate_people import KIND_OF_PLACE, Floats, Ints, People
from telltale.apps.personhood.simulate_text import (
    CORRECTION,
    MARK,
    MOST_CORRECTIONS,
    N_PLACES,
    SHIFT,
    SPACE,
    Text,
    write_texts,
)

DAY_S: Final = 86_400
_CORRECTION: Final = KEY_CLASSES.index("correction")

# Of a whole text: what the means of gap and hold are beside those between and of letters, spread included.
_GAP_BESIDE_LETTERS, _HOLD_BESIDE_LETTERS = 1.38, 1.08
_PRACTISED_DAYS: Final = 15.0
_TIRED_PER_HOUR: Final = 0.01
_WORDS_PER_KEY: Final = 0.19
_LEAST_GAP_MS: Final = 2.0
_MOST_UNEVEN: Final = 1.8  # times what the person usually is, on the worst day
_LOG_USUAL_PACE: Final = np.log(160.0)
_UNEVEN_AFTER: Final = np.ones(N_PLACES)
_UNEVEN_AFTER[[SPACE, CORRECTION, SHIFT, MARK]] = [1.4, 1.5, 1.2, 1.3]  # what comes next was not decided yet


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Sessions: the keys of all one after another, `n_keys` of each; when each ended by its typist's own clock.

    `classes` are places in `KEY_CLASSES`.
    """

    n_keys: Ints
    presses_ms: Floats
    releases_ms: Floats
    classes: NDArray[np.uint8]
    local_s: Ints
    zone_h: Ints

    @property
    def is_correction(self) -> NDArray[np.bool_]:
        """Of each key."""
        return np.asarray(self.classes == _CORRECTION)


@dataclass(frozen=True, kw_only=True)
class _Form:
    """How people are on a day: logarithms of pace and hold, and what the day adds to their habits."""

    log_pace: Floats
    log_hold: Floats
    unevenness: Floats
    hold_unevenness: Floats
    gaps: Floats
    holds: Floats


def type_by_hand(rng: np.random.Generator, people: People, day: int) -> Typed:
    """A session of each person on a day, counted from 0."""
    n_keys = _lengths(rng, len(people))
    corrects = np.minimum(people.corrects * rng.lognormal(0, 0.25 * people.moodiness), MOST_CORRECTIONS)
    text = write_texts(rng, n_keys, corrects=corrects, capitals=people.capitals)
    hour = people.hour + people.spread_h * rng.normal(size=len(people))
    form = _form(rng, people, day=day, off_hours=np.abs(hour - people.hour))
    who = np.repeat(np.arange(len(people)), n_keys)
    late = rng.normal(size=len(who))
    gaps = _gaps(rng, people, form, text, who=who, late=late)
    holds = np.exp(
        form.log_hold[who]
        + people.hold_habits[who, text.places]
        + form.holds[who, text.places]
        + people.word_holds[who] * _per_word(rng, text)
        + form.hold_unevenness[who] * (rng.normal(size=len(who)) + people.lingering[who] * np.roll(late, -1))
    )
    until_next = np.append(gaps[1:], np.inf)
    before_correction = np.append(text.places[1:] == CORRECTION, False)  # nobody rolls over into one
    holds = np.where(before_correction, np.minimum(holds, 0.9 * until_next), holds)
    return _typed(
        n_keys,
        gaps,
        np.maximum(holds, _LEAST_GAP_MS),
        classes=text.classes,
        local_s=(hour * 3_600).astype(np.int64) % DAY_S,
        zone_h=people.zone_h,
    )


def _form(rng: np.random.Generator, people: People, *, day: int, off_hours: Floats) -> _Form:
    """Nobody is the same every day, some less than others.

    In real free text the deviation of a day's mean log hold from the person's was .08 for the person in the middle, .05 for the
    steadiest tenth and .18 for the least steady; that of the mean log gap between letters was .05, of which sampling is half.
    """
    n = len(people)
    mood = people.moodiness
    elsewhere = rng.random(n) < people.elsewhere
    practice = people.practice * np.exp(-day / _PRACTISED_DAYS)
    tired = _TIRED_PER_HOUR * off_hours
    log_pace = np.log(people.pace_ms / _GAP_BESIDE_LETTERS) + 0.03 * mood * rng.normal(size=n)
    log_hold = np.log(people.hold_ms / _HOLD_BESIDE_LETTERS) + 0.08 * mood * rng.normal(size=n)
    kinds = KIND_OF_PLACE.max() + 1
    return _Form(
        log_pace=log_pace + practice + tired + elsewhere * people.elsewhere_pace,
        log_hold=log_hold,
        unevenness=people.unevenness * np.minimum(rng.lognormal(0, 0.1 * mood, n), _MOST_UNEVEN),
        hold_unevenness=people.hold_unevenness * np.minimum(rng.lognormal(0, 0.2 * mood, n), _MOST_UNEVEN),
        gaps=(0.03 * mood[:, None] * rng.normal(size=(n, kinds)))[:, KIND_OF_PLACE],
        holds=(0.04 * mood[:, None] * rng.normal(size=(n, kinds)))[:, KIND_OF_PLACE]
        + elsewhere[:, None] * people.elsewhere_holds,
    )


def _gaps(rng: np.random.Generator, people: People, form: _Form, text: Text, *, who: Ints, late: Floats) -> Floats:
    """From the press before to each press; what it is for the first key of a session does not matter."""
    before = np.concatenate([[SPACE], text.places[:-1]]) if len(text.places) else text.places
    going_back = text.places == CORRECTION
    uneven = np.where(going_back, 0.6, _UNEVEN_AFTER[before])
    gaps = np.exp(
        np.where(going_back, 0.5 * (form.log_pace + _LOG_USUAL_PACE)[who], form.log_pace[who])
        + people.gap_habits[who, before, text.places]
        + form.gaps[who, text.places]
        + people.word_gaps[who] * _per_word(rng, text)
        + uneven * form.unevenness[who] * late
    )
    thinks = (before == SPACE) & (rng.random(len(who)) < people.pauses[who] / _WORDS_PER_KEY)
    gaps[thinks] += rng.lognormal(np.log(2_000), 0.6, int(thinks.sum()))
    return np.asarray(np.maximum(gaps, _LEAST_GAP_MS))


def _per_word(rng: np.random.Generator, text: Text) -> Floats:
    """Standard normal, one draw for each word, for each of its keys."""
    n_words = int(text.words[-1]) + 1 if len(text.words) else 0
    return np.asarray(rng.normal(size=n_words)[text.words])


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


def _lengths(rng: np.random.Generator, n: int) -> Ints:
    return np.clip(rng.lognormal(np.log(180), 0.5, n), 30, 800).astype(np.int64)


def _typed_by_program(rng: np.random.Generator, n_keys: Ints, gaps: Floats, holds: Floats) -> Typed:
    n = len(n_keys)
    text = write_texts(rng, n_keys, corrects=np.zeros(n), capitals=np.full(n, 0.12))
    hours, zones = rng.integers(0, DAY_S, n), rng.integers(-8, 10, n)
    return _typed(n_keys, gaps, holds, classes=text.classes, local_s=hours, zone_h=zones)


def _typed(
    n_keys: Ints, gaps: Floats, holds: Floats, *, classes: NDArray[np.uint8], local_s: Ints, zone_h: Ints
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
        classes=classes,
        local_s=local_s,
        zone_h=zone_h,
    )
