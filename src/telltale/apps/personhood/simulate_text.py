"""Made-up text, as far as a hand feels it: which kind of key comes when, and roughly where on the keyboard it is.

The places exist in the simulator alone, because a hand is quicker from some keys to others; a session keeps classes only.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.apps.personhood.schema import KEY_CLASSES

# Ten places of letters, the first five of the left hand; then what is no letter.
N_LETTER_PLACES: Final = 10
DIGIT, SPACE, CORRECTION, SHIFT, MARK = range(N_LETTER_PLACES, N_LETTER_PLACES + 5)
N_PLACES: Final = N_LETTER_PLACES + 5

_CLASS_OF_PLACE: Final = np.array(
    [KEY_CLASSES.index("letter")] * N_LETTER_PLACES
    + [KEY_CLASSES.index(name) for name in ("digit", "space", "correction", "other", "other")],
    dtype=np.uint8,
)
_LETTER_SHARES: Final = np.array([0.08, 0.09, 0.12, 0.17, 0.09, 0.10, 0.10, 0.10, 0.10, 0.05])

_NUMBERS, _MARKS = 0.01, 0.14  # shares of words that are numbers, and that a mark follows
MOST_CORRECTIONS: Final = 0.35  # share of keys; more would leave no text
_MOST_LETTERS: Final = 14
_KEYS_PER_WORD: Final = 5.5  # about, without corrections


@dataclass(frozen=True, kw_only=True)
class Text:
    """Texts, the keys of all one after another: where each key is, and the number of its word among all words."""

    places: NDArray[np.uint8]
    words: NDArray[np.int64]

    @property
    def classes(self) -> NDArray[np.uint8]:
        """Places in `KEY_CLASSES`."""
        return np.asarray(_CLASS_OF_PLACE[self.places])


def write_texts(
    rng: np.random.Generator, n_keys: NDArray[np.int64], *, corrects: NDArray[np.float64], capitals: NDArray[np.float64]
) -> Text:
    """A text of `n_keys[i]` keys for each place, in words as they are typed.

    A word is perhaps a shift, its letters (or digits), perhaps a mark, and a space. In some words the typist sees a
    mistake after a few letters, takes back one key or more in a row, and types as many again.

    Args:
        rng: of all draws.
        n_keys: shape (n,).
        corrects: shape (n,), shares of keys that are corrections, at most `MOST_CORRECTIONS`.
        capitals: shape (n,), shares of words that begin with a shift.
    """
    n_words = n_keys // 2 + 1  # enough: a word has two keys at least
    who = np.repeat(np.arange(len(n_keys)), n_words)
    n_letters = np.clip(1 + rng.poisson(3.0, len(who)), 1, _MOST_LETTERS)
    shifted = rng.random(len(who)) < capitals[who]
    marked = rng.random(len(who)) < _MARKS
    slips = rng.random(len(who)) < (corrects * _KEYS_PER_WORD / (2.0 - 4.0 * corrects))[who]
    seen_after = 1 + (rng.random(len(who)) * n_letters).astype(np.int64)
    taken_back = np.where(slips, np.minimum(rng.geometric(0.5, len(who)), seen_after + 2), 0)
    sizes = shifted + n_letters + 2 * taken_back + marked + 1

    starts = _starts_within(sizes, n_words)
    sizes = np.clip(n_keys[who] - starts, 0, sizes)
    word = np.repeat(np.arange(len(who)), sizes)
    at = np.arange(len(word)) - np.repeat(np.cumsum(sizes) - sizes, sizes)

    places = rng.choice(N_LETTER_PLACES, size=len(word), p=_LETTER_SHARES).astype(np.uint8)
    places[(rng.random(len(who)) < _NUMBERS)[word]] = DIGIT
    slip = (shifted + seen_after)[word]
    places[(at >= slip) & (at < slip + taken_back[word])] = CORRECTION
    places[shifted[word] & (at == 0)] = SHIFT
    end = (shifted + n_letters + 2 * taken_back)[word]
    places[at >= end] = MARK
    places[at == end + marked[word]] = SPACE
    return Text(places=places, words=word)


def _starts_within(sizes: NDArray[np.int64], n_words: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each word starts in its own text."""
    starts = np.cumsum(sizes) - sizes
    first = np.cumsum(n_words) - n_words
    return np.asarray(starts - np.repeat(starts[first], n_words), dtype=np.int64)
