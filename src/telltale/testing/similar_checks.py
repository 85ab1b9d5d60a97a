"""What every trained version promises that finds what is alike: kind "similar"."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import polars as pl

from telltale.contract.answer import SimilarAnswer
from telltale.contract.errors import BundleError, NotFoundError, SchemaError, UsageError
from telltale.contract.estimator import Parts
from telltale.contract.kinds import Similarity
from telltale.contract.learners import Described
from telltale.contract.query import SimilarQuery
from telltale.contract.simulation import Simulation
from telltale.models.similarity.rows import things_told
from telltale.telemetry.frames import TIME
from telltale.testing.bundle_checks import RuntimeCheck
from telltale.testing.refusals import assert_refused
from telltale.testing.trained_task import TrainedTask
from telltale.train.sources import check_simulated

_MOST: Final = 25
_N_LATER, _LATER_SEED = 200, 9


def check_questions_about_things_are_answered_by_themselves(subject: TrainedTask) -> None:
    """An answer is the same alone, in a batch, in any order, and from several threads at once."""
    runtime: Any = subject.runtime
    things = _things(subject)
    queries = [_by_set(things, number) for number in range(_MOST)]
    queries += [SimilarQuery(item=name) for name in _known(subject)]
    together = list(runtime.ask(queries))

    assert len(together) == len(queries), f"{len(queries)} questions got {len(together)} answers"
    assert [runtime.ask([query])[0] for query in queries] == together, "alone it is another answer"
    assert list(runtime.ask(queries[::-1])) == together[::-1], "order moves answers"
    with ThreadPoolExecutor(4) as pool:
        for answers in pool.map(runtime.ask, [queries] * 4):
            assert list(answers) == together, "threads move answers"
    assert list(runtime.ask([])) == [], "no question, yet an answer"


def check_what_is_alike_comes_first_and_is_never_itself(subject: TrainedTask) -> None:
    """At most as many as asked for, each once, the most similar first, from 0 to 1; what is asked for is not among them."""
    runtime: Any = subject.runtime
    sources = set()
    for name in _known(subject):
        for top_k in (1, 5, 40):
            answer = runtime.ask([SimilarQuery(item=name, top_k=top_k)])[0]
            names, alike = [one.item for one in answer.items], [one.similarity for one in answer.items]

            assert len(names) == len(set(names)) <= top_k, f"{name}: {names}"
            assert alike == sorted(alike, reverse=True), f"{name}: {alike}"
            assert all(0.0 <= of <= 1.0 for of in alike), f"{name}: {alike}"
            assert name not in names, f"{name} is said to be like itself"
            assert bool(names) == (answer.source != "none"), answer
            sources.add(answer.source)

    assert "fingerprints" in sources, f"nothing was found by fingerprints: {sources}"


def check_the_same_again_is_found_by_its_fingerprints_or_figures(subject: TrainedTask) -> None:
    """A copy of a known thing under no name is like that thing, wholly; one of unknown fingerprints is told by figures."""
    runtime: Any = subject.runtime
    things = _things(subject, known=True)
    for number in range(_MOST):
        found = runtime.ask([_by_set(things, number, top_k=20)])[0]
        whole = {one.item for one in found.items if one.similarity == 1.0}
        assert things.names[number] in whole, f"{things.names[number]} is not found by its own fingerprints: {found}"

        figures = _figures(things, number, subject.task.similarity)
        told = runtime.ask([SimilarQuery(fingerprints=(1, 2, 3), figures=figures)])[0]
        if figures:
            assert told.source == "figures", told
            assert told.items[0].similarity > 0.99, f"{things.names[number]} is not found by its figures: {told}"


def check_questions_that_cannot_be_answered_are_refused(subject: TrainedTask) -> None:
    """A thing that is not known, no question, too many, and what is no fingerprint or figure: named errors with the mend."""
    runtime: Any = subject.runtime

    def ask(**query: Any) -> object:
        return runtime.ask([SimilarQuery(**query)])

    assert_refused(NotFoundError, "nothing-of-that-name", ask, item="nothing-of-that-name")
    assert_refused(UsageError, "nothing is asked for", ask)
    assert_refused(UsageError, "top_k", ask, fingerprints=(1,), top_k=0)
    assert_refused(UsageError, "top_k", ask, fingerprints=(1,), top_k=10**6)
    for wrong in (-1, 2**53, 2**70):
        assert_refused(UsageError, str(wrong), ask, fingerprints=(1, wrong))
    assert_refused(UsageError, "weather", ask, figures={"weather": 1.0})
    for name in _similarity(subject).figures[:1]:
        assert_refused(UsageError, name, ask, figures={name: float("nan")})


def check_what_comes_is_found_and_what_goes_is_not(subject: TrainedTask) -> None:
    """A version that learned of later rows knows them, and no longer what they say went; the one before is as it was."""
    runtime: Any = subject.runtime
    similarity, later = _similarity(subject), _later(subject)
    before = runtime.answer_frame(later)
    told = things_told(later, similarity)
    new = next(name for name in told.there.names if not runtime.index.has(name))
    gone = next(name for name in _known(subject) if runtime.ask([SimilarQuery(item=name)])[0].items)

    learned = runtime.learn(later)
    assert learned.index.has(new), f"{new} came and is not known"
    assert isinstance(learned.ask([SimilarQuery(item=new)])[0], SimilarAnswer)
    assert_refused(NotFoundError, new, runtime.ask, [SimilarQuery(item=new)])
    if similarity.removed:
        without = learned.learn(_removal(subject, gone))
        for name in _known(subject):
            if name != gone:
                answer = without.ask([SimilarQuery(item=name, top_k=100)])[0]
                assert gone not in {one.item for one in answer.items}, f"{gone} went and is still found"
        assert_refused(NotFoundError, gone, without.ask, [SimilarQuery(item=gone)])
        back = without.learn(_rows_of(subject, gone))
        assert back.index.has(gone), f"{gone} came back and is not known"
    assert runtime.answer_frame(later).equals(before), "learning moved the version itself"
    assert_refused(SchemaError, similarity.item, runtime.learn, later.drop(similarity.item))


def check_what_was_learned_is_whole_in_its_parts(subject: TrainedTask) -> None:
    """With what another has learned, in any number of steps, a version answers alike; parts of anything else are refused."""
    runtime: Any = subject.runtime
    later = _later(subject)
    learned = runtime
    for start in range(0, later.height, 17):
        learned = learned.learn(later[start : start + 17])
    learned = learned.learn(_removal(subject, _known(subject)[0])) if _similarity(subject).removed else learned

    parts = learned.learned()
    assert runtime.with_learned(parts).answer_frame(later).equals(learned.answer_frame(later)), "it answers otherwise"
    assert learned.with_learned(runtime.learned()).answer_frame(later).equals(runtime.answer_frame(later)), (
        "what was learned is not taken back"
    )
    arrays = {name: array[:-1] if array.ndim and len(array) > 1 else array for name, array in parts.arrays.items()}
    assert_refused(BundleError, "", runtime.with_learned, Parts(arrays=arrays))


SIMILAR_CHECKS: Final[tuple[RuntimeCheck, ...]] = (
    check_questions_about_things_are_answered_by_themselves,
    check_what_is_alike_comes_first_and_is_never_itself,
    check_the_same_again_is_found_by_its_fingerprints_or_figures,
    check_questions_that_cannot_be_answered_are_refused,
    check_what_comes_is_found_and_what_goes_is_not,
    check_what_was_learned_is_whole_in_its_parts,
)


def _similarity(subject: TrainedTask) -> Similarity:
    assert subject.task.similarity is not None, f"{subject.task.name} does not say what it compares"
    return subject.task.similarity


def _later(subject: TrainedTask) -> pl.DataFrame:
    """Checked rows of a month later, of things that are not known."""
    how = Simulation(n_rows=_N_LATER, seed=_LATER_SEED)
    return check_simulated(subject.app, subject.task.event, how, days_later=30.0).frame


def _things(subject: TrainedTask, *, known: bool = False) -> Described:
    """Things of held-out rows that have fingerprints, or of the rows of training, which are known."""
    frame = subject.rows.train if known else subject.held_out
    similarity = _similarity(subject)
    return things_told(frame.filter(pl.col(similarity.fingerprints).list.len() > 0), similarity).there


def _known(subject: TrainedTask) -> list[str]:
    runtime: Any = subject.runtime
    return [name for name in sorted(_things(subject, known=True).names) if runtime.index.has(name)][:_MOST]


def _by_set(things: Described, number: int, *, top_k: int = 5) -> SimilarQuery:
    own = things.fingerprints[things.starts[number] : things.starts[number + 1]]
    return SimilarQuery(fingerprints=tuple(own.tolist()), top_k=top_k)


def _figures(things: Described, number: int, similarity: Similarity | None) -> dict[str, float]:
    assert similarity is not None
    figures = zip(similarity.figures, things.figures[number].tolist(), strict=True)
    return {name: value for name, value in figures if np.isfinite(value)}


def _rows_of(subject: TrainedTask, name: str) -> pl.DataFrame:
    similarity = _similarity(subject)
    rows = subject.rows.train.filter(pl.col(similarity.item) == name)
    return rows.with_columns(pl.lit(0.0).alias(similarity.removed))


def _removal(subject: TrainedTask, name: str) -> pl.DataFrame:
    """A row, later than all, that says that a thing went."""
    similarity = _similarity(subject)
    rows = subject.rows.train.filter(pl.col(similarity.item) == name)[-1:]
    latest = _later(subject)[TIME].max()
    return rows.with_columns(pl.lit(1.0).alias(similarity.removed), pl.lit(latest, dtype=rows.schema[TIME]).alias(TIME))
