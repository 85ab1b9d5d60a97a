"""A store of a million blocks, of which some thousand are real: what it is told of them, and an exact search through it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks.dedup_blocks import EDITS, Block
from telltale.contract.estimator import Floats
from telltale.contract.learners import Described, Fingerprints, Found
from telltale.models.similarity.ragged import starts_of, take_rows

# Of the chunks of a made-up block so many are those of a real one, where other real blocks have them too: headers,
# licences, runs of zeros. The rest is its own.
_KEPT, _KEPT_OF_COMMON = 0.05, 0.5
_COMMON_FROM = 3
_ZEROS = 0.005
_FINGERPRINTS = 1 << 52


@dataclass(frozen=True)
class Store:
    """Blocks by number; the first `n_real` are real ones and edits of them."""

    things: Described
    n_real: int

    def set_of(self, number: int) -> Fingerprints:
        """The fingerprints of one."""
        return self.things.fingerprints[self.things.starts[number] : self.things.starts[number + 1]]

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each name."""
        return {name: number for number, name in enumerate(self.things.names)}

    def first(self, n: int) -> "Store":
        """The first so many blocks."""
        things = self.things
        return Store(
            things=Described(
                names=things.names[:n],
                fingerprints=things.fingerprints[: things.starts[n]],
                starts=things.starts[: n + 1],
                figures=things.figures[:n],
            ),
            n_real=min(self.n_real, n),
        )


class ExactSearch:
    """Every fingerprint of every block, sorted: what shares one is found, and compared by its whole set."""

    def __init__(self, store: Store) -> None:
        self._store = store
        things = store.things
        self._lengths = np.diff(things.starts)
        order = np.argsort(things.fingerprints, kind="stable")
        self._keys = things.fingerprints[order]
        owners = np.repeat(np.arange(len(self._lengths), dtype=np.int32), self._lengths)
        self._owners = owners[order]

    @property
    def n_bytes(self) -> int:
        """What a search needs."""
        return self._keys.nbytes + self._owners.nbytes + self._lengths.nbytes

    def find(self, fingerprints: Fingerprints, *, top_k: int) -> Found:
        """The most similar blocks by the exact Jaccard similarity."""
        asked = np.unique(fingerprints)
        begins = np.searchsorted(self._keys, asked, side="left")
        ends = np.searchsorted(self._keys, asked, side="right")
        owners = np.concatenate([self._owners[begin:end] for begin, end in zip(begins, ends, strict=True)])
        numbers, n_shared = np.unique(owners, return_counts=True)
        alike = n_shared / (self._lengths[numbers] + len(asked) - n_shared)
        best = np.lexsort((numbers, -alike))[:top_k]
        return Found(
            names=tuple(self._store.things.names[number] for number in numbers[best]),
            similarities=tuple(alike[best].tolist()),
            source="fingerprints" if len(best) else "none",
        )


def make_store(bases: Sequence[Block], edits: Sequence[Block], n: int, *, seed: int) -> Store:
    """Real blocks, edits of them, and as many made-up ones as it takes: of the sizes of real ones, with common chunks."""
    rng = np.random.default_rng([seed, 1])
    real = [*bases, *edits]
    n_made = max(0, n - len(real))
    flat, lengths, figures = _together(bases)
    like = rng.integers(0, len(bases), n_made)
    made, starts = take_rows(flat, starts_of(lengths), like)
    made = np.where(_is_kept(made, flat, rng), made, rng.integers(0, _FINGERPRINTS, len(made)))
    made, made_lengths = _with_zeros(made, np.diff(starts), rng)
    noise = rng.normal(size=(n_made, figures.shape[1])) * figures.std(axis=0) * 0.1
    real_flat, real_lengths, real_figures = _together(real)
    return Store(
        things=Described(
            names=[f"{number:032x}" for number in range(len(real) + n_made)],
            fingerprints=np.concatenate((real_flat, made)),
            starts=starts_of(np.concatenate((real_lengths, made_lengths))),
            figures=np.concatenate((real_figures, figures[like] + noise)),
        ),
        n_real=len(real),
    )


def draw_edit(block: bytes, rng: np.random.Generator) -> bytes:
    """The block after an edit of any kind."""
    return list(EDITS.values())[int(rng.integers(0, len(EDITS)))](block, rng)


def _together(blocks: Sequence[Block]) -> tuple[Fingerprints, NDArray[np.int64], Floats]:
    """Fingerprints one block's after the other's, how many each has, and figures."""
    return (
        np.concatenate([block.fingerprints for block in blocks]),
        np.array([len(block.fingerprints) for block in blocks], dtype=np.int64),
        np.stack([block.figures for block in blocks]),
    )


def _is_kept(made: Fingerprints, flat: Fingerprints, rng: np.random.Generator) -> NDArray[np.bool_]:
    kinds, counts = np.unique(flat, return_counts=True)
    is_common = np.isin(made, kinds[counts >= _COMMON_FROM])
    chance = rng.random(len(made))
    return np.asarray(np.where(is_common, chance < _KEPT_OF_COMMON, chance < _KEPT))


def _with_zeros(
    made: Fingerprints, lengths: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Fingerprints, NDArray[np.int64]]:
    """A few of the blocks hold zeros and nothing else: one chunk, the same in all."""
    is_zero = rng.random(len(lengths)) < _ZEROS
    owner_is_zero = np.repeat(is_zero, lengths)
    first = np.zeros(len(made), dtype=np.bool_)
    first[starts_of(lengths)[:-1][lengths > 0]] = True
    kept = ~owner_is_zero | first
    made = np.where(owner_is_zero, 7, made)[kept]
    return made, np.where(is_zero, np.minimum(lengths, 1), lengths)
