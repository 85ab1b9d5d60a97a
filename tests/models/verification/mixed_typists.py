"""People who type any text: each with a speed, holds, an overlap and a rate of corrections of their own."""

import numpy as np

from telltale.contract.sequence import TimedSequence

LETTER, DIGIT, SPACE, CORRECTION, OTHER = range(5)


def person(seed: int, *, n_samples: int, n_keys: int) -> list[TimedSequence]:
    """Samples of one person; people of other seeds type otherwise."""
    rng = np.random.default_rng([7, seed])
    hold, between = np.exp(rng.normal(4.55, 0.25, 5)), np.exp(rng.normal(5.1, 0.3, (5, 5)))
    hold_spread, between_spread = rng.uniform(0.15, 0.35), rng.uniform(0.25, 0.5)
    corrections = rng.uniform(0.01, 0.1)
    shares = np.array([0.78 - corrections, 0.01, 0.17, corrections, 0.04])
    samples = []
    for _ in range(n_samples):
        kinds = rng.choice(5, n_keys, p=shares)
        mood = rng.normal(0.0, 0.06)
        since = np.append(0.0, between[kinds[:-1], kinds[1:]] * np.exp(rng.normal(mood, between_spread, n_keys - 1)))
        samples.append(
            TimedSequence(
                kinds=kinds.astype(np.uint8),
                lasted_ms=(hold[kinds] * np.exp(rng.normal(mood, hold_spread, n_keys))).astype(np.float32),
                since_ms=since.astype(np.float32),
            )
        )
    return samples


def password(seed: int, *, n_samples: int) -> list[TimedSequence]:
    """The same eleven kinds each time, timed as that person times them."""
    rng = np.random.default_rng([8, seed])
    kinds = np.array([OTHER, 0, 0, 0, DIGIT, 0, 0, 0, 0, 0, OTHER], dtype=np.uint8)
    hold, between = np.exp(rng.normal(4.55, 0.25, 11)), np.exp(rng.normal(5.1, 0.4, 10))
    return [
        TimedSequence(
            kinds=kinds,
            lasted_ms=(hold * np.exp(rng.normal(0.0, 0.15, 11))).astype(np.float32),
            since_ms=np.append(0.0, between * np.exp(rng.normal(0.0, 0.2, 10))).astype(np.float32),
        )
        for _ in range(n_samples)
    ]
