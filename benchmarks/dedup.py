"""Blocks like a block, among a million: real blocks with known edits, beside an exact search.

Real blocks of 8 to 64 KiB (`--data`: files of a folder, unpacked where they end in .xz; without it files of this machine's
Python) are cut into chunks by their content. Each is stored with three edits of it, at random of five kinds: runs overwritten,
put in, taken out, passages moved, or the block that begins later in the same file. Made-up blocks of the same sizes fill the
store to a million (20,000 with `--quick`): their chunks are their own but for one in twenty, and for half of those that three
real blocks or more have in common; one block in two hundred is all zeros.

A question is another edit of a real block, which the store has not seen. What there is to find is what an exact search finds:
of the five blocks of the highest Jaccard similarity of their sets of chunk fingerprints, those of .5 or more. `recall_5` is the
share of them among the five that are answered, over questions that have any; of equally similar blocks any will do, and what
is answered counts by its exact similarity, not by what is told. A case is a kind of edit. `query_ms` is the median by the clock
of the questions, each asked by itself of a loaded version (`SimilarRuntime.ask`); the tables have the 99th percentile, and what
the processor worked, which others on the machine do not move. Cutting the asked block is not in it, see the facts.
`bytes_per_block` is what the arrays of the index take in memory, names and figures too; of the exact search what it needs of
fingerprints alone. The parameters were set before the first run and stayed; that run, on the corpora, showed a fault (the
blocks left out of a crowded hook were the same ones at every hook), which was mended.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.catalogue import BENCHMARKS, Progress
from benchmarks.dedup_blocks import EDITS, Block, described, real_blocks
from benchmarks.dedup_costs import Took, cost_rows, figure_rows, latency_row, timed
from benchmarks.dedup_families import family_rows
from benchmarks.dedup_peers import peer_rows
from benchmarks.dedup_store import ExactSearch, Store, draw_edit, make_store
from benchmarks.dedup_version import Version, make_version
from benchmarks.machine import describe_machine
from benchmarks.paired import compare
from benchmarks.results import Averaging, Cell, Figures, Result, Row, Table, as_document, average
from telltale.contract.learners import Fingerprints, Found
from telltale.contract.query import SimilarQuery
from telltale.evaluate.similar_metrics import TOP, Searched, recall_of
from telltale.train.similar import jaccard

_SPEC = BENCHMARKS["dedup"]
_N, _N_QUICK = 1_000_000, 20_000
_N_BASES, _N_BASES_QUICK = 3_000, 250
_EDITS_STORED = 3
_QUESTIONS, _QUESTIONS_QUICK = 200, 30  # of each kind of edit
_SEED = 0
_BUCKETS = ((0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.0))
_AVERAGING = Averaging(metrics=_SPEC.shown, lower_is_better=_SPEC.lower_is_better)


@dataclass(frozen=True)
class Question:
    """A block that is asked for, and what an exact search finds."""

    edit: str
    block: Block
    exact: Found


@dataclass(frozen=True)
class Answers:
    """What was found for each question, with exact similarities; how far off those told were; and what each took."""

    searched: list[Searched]
    errors: list[float]
    took: list[Took]

    @property
    def took_ms(self) -> list[float]:
        """By the clock."""
        return [one.ms for one in self.took]


def run(*, quick: bool, progress: Progress, data: Path | None = None) -> dict[str, Any]:
    bases = real_blocks(data, _N_BASES_QUICK if quick else _N_BASES, progress=progress)
    rng = np.random.default_rng(_SEED)
    progress(f"cutting {len(bases):,} blocks and {_EDITS_STORED} edits of each")
    started = time.perf_counter()
    told = described(bases)
    cut_ms = (time.perf_counter() - started) / len(bases) * 1e3
    edits = described([draw_edit(block, rng) for block in bases for _ in range(_EDITS_STORED)])
    store = make_store(told, edits, _N_QUICK if quick else _N, seed=_SEED)
    progress(f"sorting the {len(store.things.fingerprints):,} fingerprints of {len(store.things.names):,} blocks")
    exact = ExactSearch(store)
    questions, exact_ms = _questions(bases, exact, rng, n=_QUESTIONS_QUICK if quick else _QUESTIONS, progress=progress)
    n = len(store.things.names)
    exact_row = _row("exact_search", questions, [1.0] * len(questions), exact_ms, exact.n_bytes / n)
    with TemporaryDirectory(prefix="telltale-") as scratch:
        progress("indexing")
        version = make_version(store, Path(scratch) / "own")
        answers = _answers(version, store, questions)
        own = _row("telltale", questions, _recalls(answers), answers.took_ms, version.bytes_per_block)
        variants = []
        for name, parameters in _VARIANTS.items():
            progress(f"indexing: {name}")
            other = make_version(store, Path(scratch) / "variant", **parameters)
            found = _answers(other, store, questions)
            variants.append(_row(name, questions, _recalls(found), found.took_ms, other.bytes_per_block))
        tables = (
            Table(
                title="Recall by the similarity of what there is to be found",
                columns=("similarity", "questions", "recall_5"),
                rows=tuple(_bucket_row(answers.searched, low, high) for low, high in _BUCKETS),
            ),
            Table(
                title=f"One question among {n:,} blocks",
                columns=("question", "p50_ms", "p99_ms", "processor_p99_ms"),
                rows=(
                    latency_row("an edited block, by its fingerprints", answers.took),
                    *figure_rows(version, store, questions[0].block, seed=_SEED),
                ),
            ),
            Table(title="What it takes", columns=("what", "figure"), rows=cost_rows(version, store, progress)),
            Table(
                title="Families of nearly the same block, each with up to .4 of its chunks replaced",
                columns=("blocks of a family", "blocks", "recall_5", "less similar by", "processor_p99_ms"),
                rows=family_rows(quick=quick, seed=_SEED, progress=progress),
            ),
            Table(
                title="Beside datasketch, on fewer blocks",
                columns=("method", "blocks", "recall_5", "query_ms", "build_s", "bytes_per_block"),
                rows=peer_rows(store, [(one.block, one.exact) for one in questions], quick=quick, progress=progress),
            ),
        )
    rows = (own, exact_row)
    return as_document(
        Result(
            benchmark="dedup",
            data=str(data) if data else "files of this Python installation",
            cases=len(EDITS),
            rows=rows,
            variants=tuple(variants),
            comparisons=compare(rows, _AVERAGING),
            tables=tables,
            facts={
                "blocks": f"{n:,}, of which {store.n_real:,} are real ones and edits of them",
                "questions": f"{len(questions):,}, of which {sum(of is not None for of in _recalls(answers)):,} have an "
                "answer of a similarity of .5 or more",
                "fingerprints of a block": f"{np.diff(store.things.starts).mean():.0f} on average",
                "cutting a block and its statistics take": f"{cut_ms:.2f} ms",
                "similarity told less the exact one": f"{np.mean(answers.errors):.1e} on average"
                if answers.errors
                else "-",
                "seed": str(_SEED),
                **describe_machine("telltale-loop", "numpy", "datasketch"),
            },
            notes=_notes(own, exact_row),
        )
    )


_VARIANTS: dict[str, dict[str, float]] = {
    "telltale_sketch_64": {"sketch_size": 64},
    "telltale_sketch_32": {"sketch_size": 32},
    "telltale_hooks_8": {"hooks": 8},
    "telltale_bucket_64": {"bucket": 64},
}


def _questions(
    bases: Sequence[bytes], exact: ExactSearch, rng: np.random.Generator, *, n: int, progress: Progress
) -> tuple[list[Question], list[float]]:
    progress(f"an exact search for {n * len(EDITS):,} edited blocks")
    questions: list[Question] = []
    took_ms: list[float] = []
    for name, edit in EDITS.items():
        chosen = rng.choice(len(bases), n, replace=n > len(bases))
        for block in described([edit(bases[place], rng) for place in chosen.tolist()]):
            found, took = timed(partial(exact.find, block.fingerprints, top_k=TOP))
            took_ms.append(took.ms)
            questions.append(Question(edit=name, block=block, exact=found))
    return questions, took_ms


def _answers(version: Version, store: Store, questions: Sequence[Question]) -> Answers:
    answers = Answers(searched=[], errors=[], took=[])
    for question in questions:
        query = SimilarQuery(fingerprints=tuple(question.block.fingerprints.tolist()), top_k=TOP)
        (answer,), took = timed(partial(version.runtime.ask, [query]))
        answers.took.append(took)
        true = [_true(question.block.fingerprints, store, one.item) for one in answer.items]
        answers.errors.extend(abs(of - one.similarity) for of, one in zip(true, answer.items, strict=True))
        found = Found(names=tuple(one.item for one in answer.items), similarities=tuple(true), source=answer.source)
        answers.searched.append(Searched(found=found, exhaustive=question.exact))
    return answers


def _true(asked: Fingerprints, store: Store, name: str) -> float:
    return jaccard(asked, store.set_of(store.numbers[name]))


def _recalls(answers: Answers) -> list[float | None]:
    return [recall_of(one) for one in answers.searched]


def _row(
    name: str,
    questions: Sequence[Question],
    recalls: Sequence[float | None],
    took_ms: Sequence[float],
    bytes_per_block: float,
) -> Row:
    by_case: dict[str, Figures] = {}
    for edit in EDITS:
        places = [place for place, question in enumerate(questions) if question.edit == edit]
        known = [of for place in places if (of := recalls[place]) is not None]
        by_case[edit] = {
            "recall_5": float(np.mean(known)) if known else None,
            "query_ms": float(np.median([took_ms[place] for place in places])),
            "bytes_per_block": bytes_per_block,
        }
    return Row(name=name, ours=name == "telltale", metrics=average(by_case, _AVERAGING), by_case=by_case)


def _bucket_row(searched: Sequence[Searched], low: float, high: float) -> tuple[Cell, ...]:
    most = high if high == 1.0 else high - 1e-9
    found = [of for one in searched if (of := recall_of(one, least=low, most=most)) is not None]
    return f"{low:g} to {high:g}", len(found), float(np.mean(found)) if found else None


def _notes(own: Row, exact: Row) -> tuple[str, ...]:
    ours, theirs = own.metrics["query_ms"], exact.metrics["query_ms"]
    assert ours is not None
    assert theirs is not None
    return (
        "An exact search finds everything; it is the bound of recall_5, and the baseline of time and memory.",
        f"Ours answers {theirs / ours:.1f} times as fast as the exact search here."
        if theirs > ours
        else "The exact search is the faster one here: few blocks have a chunk in common.",
        "The exact search has fingerprints alone; bytes_per_block of ours are with names, figures and hashes of names.",
        "Where a chunk is in thousands of blocks the exact search reads them all; ours reads 256 of them.",
    )
