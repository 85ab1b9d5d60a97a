"""Made-up people: how each of them types, on good days and bad ones, and how much that is their own.

What a hand does between two keys depends on where they are; how much, is a person's own. How far people are from each other in
that, and from themselves on other days, was set by real free text (36 people, six sessions of 500 keys; docstrings name the
figures). With the spread of paces of those 36, whole sequences tell simulated people about as well as real ones, by the same
matcher and protocol. By default the paces and holds spread as in a study of 168,000 people, twice as far: that is easier.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.apps.personhood.simulate_text import CORRECTION, DIGIT, MARK, N_LETTER_PLACES, N_PLACES, SHIFT, SPACE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LETTER: Final = 0  # the row and column of letters below; the others follow in the order of their places
_N_KINDS: Final = N_PLACES - N_LETTER_PLACES + 1
KIND_OF_PLACE: Final = np.maximum(np.arange(N_PLACES) - N_LETTER_PLACES + 1, _LETTER)


@dataclass(frozen=True, kw_only=True)
class People:
    """Typing habits, one place per person.

    `pace_ms` is the mean time from press to press, `unevenness` the deviation of its logarithm from key to key that
    places and words do not explain, `hold_ms` the mean hold and `hold_unevenness` the same of it. All gaps or holds of
    a word are off together by `word_gaps` and `word_holds`, so that neighbours correlate (by .05 to .1 in real free text);
    `lingering` is how far a hold goes with the time until the next key. `gap_habits` (n, places,
    places) and `hold_habits` (n, places) are what a person adds to the logarithm of the time between two places and of
    the hold of one. `corrects` and `pauses` are the shares of keys that are corrections and that follow a pause,
    `capitals` the share of words that begin with a shift. `moodiness` multiplies how far a day is from the others;
    `practice` is how far the logarithm of the pace falls with time. On a share `elsewhere` of the days somebody types on
    another keyboard, which moves pace and holds by `elsewhere_pace` and `elsewhere_holds` (n, places). `hour` is the
    favourite hour of the own clock with a `spread_h`, `zone_h` how far that clock is ahead of UTC.
    """

    pace_ms: Floats
    unevenness: Floats
    hold_ms: Floats
    hold_unevenness: Floats
    word_gaps: Floats
    word_holds: Floats
    lingering: Floats
    gap_habits: Floats
    hold_habits: Floats
    corrects: Floats
    capitals: Floats
    pauses: Floats
    moodiness: Floats
    practice: Floats
    elsewhere: Floats
    elsewhere_pace: Floats
    elsewhere_holds: Floats
    hour: Floats
    spread_h: Floats
    zone_h: Ints

    def __len__(self) -> int:
        return len(self.pace_ms)

    def at(self, places: Ints) -> "People":
        """Some of them."""
        return People(**{field.name: getattr(self, field.name)[places] for field in fields(self)})


def draw_people(rng: np.random.Generator, n: int) -> People:
    """People as a large study of typists found them, with habits as individual as in real free text.

    Means and deviations of pace (239 and 112 ms), hold (116 and 24 ms) and corrections (6.3 and 4.5 % of keys) are of
    that order in the study. Pauses, hours, practice and second keyboards are made up.

    References:
        Dhakal, Feit, Kristensson & Oulasvirta, "Observations on typing from 136 million keystrokes", CHI 2018.
    """
    sigma = np.sqrt(np.log1p((112 / 239) ** 2))
    has_second_keyboard = rng.random(n) < 0.3
    return People(
        pace_ms=np.clip(rng.lognormal(np.log(239) - sigma**2 / 2, sigma, n), 70, 900),
        unevenness=rng.lognormal(np.log(0.39), 0.13, n),
        hold_ms=np.clip(rng.normal(116, 24, n), 45, 260),
        hold_unevenness=rng.lognormal(np.log(0.255), 0.2, n),
        word_gaps=rng.lognormal(np.log(0.12), 0.3, n),
        word_holds=rng.lognormal(np.log(0.07), 0.4, n),
        lingering=rng.normal(0.02, 0.08, n),
        gap_habits=_gap_habits(rng, n),
        hold_habits=_hold_habits(rng, n),
        corrects=rng.beta(1.8, 26.7, n),
        capitals=rng.beta(7, 38, n),
        pauses=rng.uniform(0.005, 0.03, n),
        moodiness=np.minimum(rng.lognormal(0, 0.4, n), 2.5),
        practice=rng.exponential(0.03, n),
        elsewhere=np.where(has_second_keyboard, rng.uniform(0.05, 0.25, n), 0.0),
        elsewhere_pace=rng.normal(0.04, 0.08, n),
        elsewhere_holds=rng.normal(0, 0.12, (n, 1)) + rng.normal(0, 0.06, (n, N_PLACES)),
        hour=rng.normal(15, 4, n),
        spread_h=rng.uniform(1.5, 4, n),
        zone_h=rng.integers(-8, 10, n),
    )


def _gap_habits(rng: np.random.Generator, n: int) -> Floats:
    """What everybody's hands do, then what is somebody's own.

    Between letters the deviation of the mean log gap over people was .22; that of what is beside it letter to space .14, space
    to letter .13, and .3 to .4 where a shift or a mark is on either side.
    """
    own = rng.normal(0, _OWN_GAPS, (n, _N_KINDS, _N_KINDS))[:, KIND_OF_PLACE[:, None], KIND_OF_PLACE]
    return np.asarray(_GAPS + own + rng.normal(0, 0.16, (n, N_PLACES, N_PLACES)), dtype=np.float64)


def _hold_habits(rng: np.random.Generator, n: int) -> Floats:
    """The log hold of spaces went with that of letters (correlation .76), at a distance with deviation .14, hands alike."""
    own = rng.normal(0, 0.1, (n, _N_KINDS))[:, KIND_OF_PLACE]
    own[:, KIND_OF_PLACE == _LETTER] = 0.0
    return np.asarray(_HOLDS + own + rng.normal(0, 0.09, (n, N_PLACES)), dtype=np.float64)


def _usual_gaps() -> Floats:
    """Log of the gap to a place (column) from another (row), beside that from letter to letter: medians in real free text.

    Letters of one place follow each other slowly, those of two hands quickly.
    """
    gaps = np.full((N_PLACES, N_PLACES), 0.3)
    letters = slice(N_LETTER_PLACES)
    hand = np.arange(N_LETTER_PLACES) // (N_LETTER_PLACES // 2)
    gaps[letters, letters] = np.where(hand[:, None] != hand, -0.1, 0.05) + 0.25 * np.eye(N_LETTER_PLACES)
    gaps[letters, [SPACE, CORRECTION, MARK]] = [-0.12, 1.02, 0.45]
    gaps[[SPACE, CORRECTION, SHIFT], letters] = np.array([0.39, 0.35, 0.09])[:, None]
    gaps[CORRECTION, CORRECTION] = 0.10
    gaps[SPACE, SHIFT] = 0.38
    gaps[MARK, SPACE] = 0.1
    gaps[DIGIT, DIGIT] = 0.15
    return gaps


def _usual_holds() -> Floats:
    """Log of the hold at a place beside that of letters."""
    holds = np.zeros(N_PLACES)
    holds[[SPACE, CORRECTION, SHIFT]] = [0.02, -0.2, 1.1]
    return holds


def _own_gaps() -> Floats:
    digit, space, correction, shift, mark = KIND_OF_PLACE[[DIGIT, SPACE, CORRECTION, SHIFT, MARK]]
    own = np.full((_N_KINDS, _N_KINDS), 0.3)
    own[_LETTER, [space, mark]] = [0.18, 0.3]
    own[[space, correction, shift, digit], _LETTER] = [0.14, 0.14, 0.2, 0.2]
    own[:, correction] = 0.05  # who goes back goes back as others do
    own[_LETTER, _LETTER] = 0.0  # that is the pace
    return own


_GAPS: Final = _usual_gaps()
_HOLDS: Final = _usual_holds()
_OWN_GAPS: Final = _own_gaps()
