"""Ours by the product's own path, and plain methods on the same requests, each with labels and from normal rows alone."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.requests_cases import Trial
from benchmarks.trained import trained_runtime
from telltale.apps.storefront import APP, REQUESTS
from telltale.contract.estimator import Scores
from telltale.evaluate.ranking import auroc
from telltale.features.text import unescaped
from telltale.telemetry.frames import LABEL

Score = Callable[[pl.DataFrame], Scores]

_REQUESTS_APP: Final = replace(APP, tasks=(REQUESTS,))
_TEXTS: Final = ("path", "query", "body")
_TUNED_ON: Final = 0.25
_SEED: Final = 0


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted method: `score` takes checked rows; `threshold` cuts."""

    score: Score
    threshold: float


def normal_only(frame: pl.DataFrame) -> pl.DataFrame:
    """Normal rows, nothing labelled."""
    return frame.filter(pl.col(LABEL) == 0).drop(LABEL) if LABEL in frame.columns else frame


def ours(frame: pl.DataFrame, columns: tuple[str, ...]) -> Fitted:
    """What `telltale train storefront/requests` gives with its defaults from such rows, labelled or not."""
    runtime = trained_runtime(_REQUESTS_APP, REQUESTS, frame, columns)
    return Fitted(score=runtime.score_frame, threshold=runtime.threshold)


def forest_of_lengths(frame: pl.DataFrame) -> Score:
    """scikit-learn's isolation forest of lengths: of each text, of all, and of the longest value; from normal rows."""
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(random_state=_SEED).fit(_lengths(normal_only(frame)))
    return lambda rows: -np.asarray(forest.score_samples(_lengths(rows)), dtype=np.float64)


def _lengths(frame: pl.DataFrame) -> NDArray[np.float64]:
    of_texts = [pl.col(name).fill_null("").str.len_chars() for name in _TEXTS]
    values = pl.concat_str([pl.col(name).fill_null("") for name in ("query", "body")], separator="&").str.split("&")
    longest = values.list.eval(pl.element().str.len_chars()).list.max()
    numbers = [pl.col(name) for name in ("response_time", "request_size", "error_count")]
    return np.asarray(frame.select(*of_texts, longest.alias("longest"), *numbers).to_numpy(), dtype=np.float64)


def linear_ngrams(frame: pl.DataFrame) -> Score:
    """Logistic regression of TF-IDF character n-grams of the unescaped request; n-grams and C tuned on a quarter kept back."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, labels = request_texts(frame), frame[LABEL].to_numpy()
    fitted, held = _kept_back(len(texts))

    def fit(chosen: Sequence[int], lengths: tuple[int, int], c: float) -> Any:
        model = make_pipeline(
            TfidfVectorizer(analyzer="char", ngram_range=lengths, sublinear_tf=True, max_features=50_000),
            LogisticRegression(C=c, max_iter=300, solver="liblinear"),
        )
        return model.fit([texts[place] for place in chosen], labels[list(chosen)])

    tried = {}
    for lengths in ((1, 1), (1, 2), (1, 3), (2, 4)):
        for c in (1.0, 30.0, 1_000.0):
            model = fit(fitted, lengths, c)
            scores = model.decision_function([texts[place] for place in held])
            tried[lengths, c] = auroc(labels[list(held)], scores)
    best = max(tried, key=lambda one: tried[one])
    model = fit(range(len(texts)), *best)
    return lambda rows: np.asarray(model.decision_function(request_texts(rows)), dtype=np.float64)


def rare_ngrams(frame: pl.DataFrame) -> Score:
    """Mean negative log share of a request's n-grams among normal rows'; n from 1 to 5 is tuned with labels, if there are."""
    texts = request_texts(normal_only(frame))
    tried = {1: 0.0, 2: 0.0, 3: 1.0, 4: 0.0, 5: 0.0}  # the usual trigrams, where nothing can be tuned
    if LABEL in frame.columns:
        fitted, held = _kept_back(len(texts))
        attacks = request_texts(frame.filter(pl.col(LABEL) == 1))
        asked = [*(texts[place] for place in held), *attacks]
        truth = np.array([0] * len(held) + [1] * len(attacks), dtype=np.int8)
        tried = {n: auroc(truth, _rare([texts[place] for place in fitted], n)(asked)) for n in tried}
    score = _rare(texts, max(tried, key=lambda n: tried[n]))
    return lambda rows: score(request_texts(rows))


def _rare(texts: Sequence[str], n: int) -> Callable[[Sequence[str]], Scores]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text[at : at + n] for at in range(len(text) - n + 1))
    total = sum(counts.values()) + len(counts) + 1

    def of(text: str) -> float:
        found = [counts.get(text[at : at + n], 0) + 1 for at in range(len(text) - n + 1)]
        return float(np.mean(np.log(total / np.array(found)))) if found else 0.0

    return lambda asked: np.array([of(text) for text in asked])


def request_texts(frame: pl.DataFrame) -> list[str]:
    """Each request as one text, escapes undone."""
    joined = pl.concat_str([pl.col(name).fill_null("") for name in ("method", *_TEXTS)], separator=" ")
    return [unescaped(text)[0].decode("latin-1") for text in frame.select(joined).to_series()]


def _kept_back(n: int) -> tuple[list[int], list[int]]:
    order = np.random.default_rng(_SEED).permutation(n).tolist()
    n_held = round(n * _TUNED_ON)
    return order[n_held:], order[:n_held]


LABELLED: Final[dict[str, Callable[[pl.DataFrame], Score]]] = {"character_ngrams": linear_ngrams}
NORMAL_ONLY: Final[dict[str, Callable[[pl.DataFrame], Score]]] = {
    "isolation_forest": forest_of_lengths,
    "character_ngrams": rare_ngrams,
}

__all__ = ["LABELLED", "NORMAL_ONLY", "Fitted", "Trial", "normal_only", "ours", "request_texts"]
