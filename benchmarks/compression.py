"""A codec per block of 64 and of 128 KiB: what policies cost over the per-block oracle.

Cost of a codec on a block, stated beforehand: seconds to compress it, plus its compressed bytes over the bandwidth, plus
the seconds to restore it once. All codecs are measured on all blocks (medians of five runs in rounds over the codecs, after
one untimed run; caches warm); what a transform takes (bytes shuffled or as differences, in NumPy) is in both times. The oracle
takes the cheapest of these for each block. A policy pays, besides its choice's cost, the time it takes to decide, measured on
the same blocks and shared out over a file's blocks by their bytes: `policy_us_per_block` is its mean. Regret is (cost of the
policy - cost of the oracle) / cost of the oracle, and each figure is its mean over all scored blocks, at 20, 100 and 500
MB/s; under `by_case` it is the mean over a file's blocks of one size.

With `--data` each file below the folder is a case (unpacked where it ends in .xz), in blocks of either size, and so are four
made ones of a mebibyte that cannot be packed: random bytes of a seeded generator, what zlib and xz left of made text and
numbers, and random bytes with a zero after every 0xff, as in a JPEG. Files fall into four parts by a hash of their names;
each part is scored by policies fitted on the other three: no file is on both sides, in neither size. With `--test` as well,
everything is fitted on all files of `--data` and scored on those of `--test`; made files of other seeds are on either side.
Without `--data` the cases are files of the installed Python packages.

Ours is a version of `pakit/compression` as `telltale train` makes one, asked by the app's own `CodecPolicy` with its defaults.
A store would measure its own machine's files before it has others: a thousand blocks of those (a few files of every suffix of
the standard library, /usr/lib, /usr/share, /usr/bin, and where they are not cases the installed packages) are fitted on
beside the training files, by ours and by every baseline that is fitted. One version answers at all three bandwidths, for both
sizes of block. The constants of the policy were set with the corpora and files of a Debian machine in view, so on the corpora
it is no first look: `--test` on files not seen is.

The heuristics (btrfs's test of compressibility; LZ4 tried on 4 KiB) have their cut, their codecs and how many blocks share a
look chosen on what ours is fitted on, at each bandwidth, by the same regret. `best_in_training` is the single codec that is
best there; `best_single` is the best in hindsight, on the scored blocks themselves. Variants of ours: the version asked for every
block, and one that was fitted without this machine's files.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.catalogue import BENCHMARKS, Progress
from benchmarks.compression_blocks import (
    Packed,
    codec_table,
    copy_us,
    lz4_write_us,
    read_cases,
    read_machine,
    train,
)
from benchmarks.compression_policies import (
    Policy,
    Setting,
    always,
    best_in_training,
    btrfs_like,
    ours,
    ours_every_block,
    sample_and_try,
)
from benchmarks.machine import describe_machine
from benchmarks.results import Cell, Comparison, Figures, Result, Row, Table, as_document
from telltale.apps.pakit.schema import CODECS
from telltale.contract.errors import UsageError
from telltale.models.choose_runtime import ChooseRuntime

_SPEC = BENCHMARKS["compression"]
BANDWIDTHS_MB_S = {"regret_20MBs": 20.0, "regret_100MBs": 100.0, "regret_500MBs": 500.0}
_N_PARTS = 4
_N_MACHINE, _N_MACHINE_QUICK = 1_000, 120
_N_DECISIONS = 5  # a file is decided so often; its time is the median
_N_RESAMPLES, _SEED = 2_000, 0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """Files to fit on, those of this machine among them, files to score, and versions fitted with and without those."""

    training: Sequence[Packed]
    scored: Sequence[Packed]
    runtime: ChooseRuntime
    narrower: ChooseRuntime


@dataclass(frozen=True)
class Scored:
    """One method on one file at one bandwidth: regret of each block with and without the time to decide, and that time."""

    regret: Floats
    free: Floats
    policy_s: float


Method = Callable[[Part, Setting], Policy]
Regrets = dict[str, dict[str, Scored]]  # by metric, then by file


def run(*, quick: bool, progress: Progress, data: Path | None = None, test: Path | None = None) -> dict[str, Any]:
    if test is not None and data is None:
        raise UsageError("--test without --data", where="compression", mend="Name the folder to fit on with --data.")
    files = read_cases(data, seed=_SEED, quick=quick, progress=progress)
    tested = read_cases(test, seed=_SEED + 1, quick=quick, progress=progress) if test is not None else []
    n_machine = _N_MACHINE_QUICK if quick else _N_MACHINE
    machine = read_machine(n_machine, with_packages=data is not None, progress=progress)
    with TemporaryDirectory(prefix="telltale-") as scratch:
        parts = list(_parts(files, tested, machine, Path(scratch), quick=quick, progress=progress))
        scored = [file for part in parts for file in part.scored]
        best = {metric: _best_single(scored, bandwidth) for metric, bandwidth in BANDWIDTHS_MB_S.items()}
        methods: dict[str, Method] = {
            "telltale": lambda part, setting: ours(part.runtime, setting),
            **{name: _always(name) for name in CODECS},
            "best_in_training": lambda _part, setting: best_in_training(setting),
            "best_single": lambda _part, setting: always(best[_metric_of(setting)]),
            "btrfs_like": lambda _part, setting: btrfs_like(setting),
            "sample_and_try": lambda _part, setting: sample_and_try(setting),
        }
        variants: dict[str, Method] = {
            "telltale_every_block": lambda part, setting: ours_every_block(part.runtime, setting),
            "telltale_without_machine_files": lambda part, setting: ours(part.narrower, setting),
        }
        tables = {name: _score(name, method, parts, progress) for name, method in {**methods, **variants}.items()}
    rows = tuple(_row(name, tables[name]) for name in methods)
    free: tuple[tuple[Cell, ...], ...] = tuple(
        (name, *(float(np.mean(_all(tables[name][metric], "free"))) for metric in BANDWIDTHS_MB_S)) for name in tables
    )
    return as_document(
        Result(
            benchmark="compression",
            data=f"{data}, scored on {test}" if test else str(data) if data else "files of this Python installation",
            cases=len(scored),
            rows=rows,
            variants=tuple(_row(name, tables[name]) for name in variants),
            bounds={"oracle": _oracle(scored)},
            comparisons=_comparisons(rows, tables),
            tables=(
                Table(
                    title="Regret where deciding took no time",
                    columns=("", *BANDWIDTHS_MB_S),
                    rows=free,
                ),
                Table(
                    title="Codecs on the scored blocks: speed over LZ4's here",
                    columns=("codec", "ratio", "write", "read"),
                    rows=tuple(codec_table(scored)),
                ),
            ),
            facts={
                "blocks scored": f"{sum(len(file.blocks) for file in scored):,}",
                "blocks of this machine to fit on": f"{sum(len(file.blocks) for file in machine):,}",
                "LZ4 writes 64 KiB in": f"{lz4_write_us(scored):.0f} us",
                "a copy of 64 KiB takes": f"{copy_us():.1f} us",
                **{f"best single at {int(BANDWIDTHS_MB_S[metric])} MB/s": name for metric, name in best.items()},
                **describe_machine("telltale-loop", "scikit-learn", "cramjam"),
            },
            notes=_notes(rows),
        )
    )


def _parts(
    files: Sequence[Packed],
    tested: Sequence[Packed],
    machine: Sequence[Packed],
    scratch: Path,
    *,
    quick: bool,
    progress: Progress,
) -> Any:
    """One part where there are other files to score, else four, or two in a hurry."""
    if tested:
        splits = [(list(files), list(tested))]
    else:
        names = sorted(
            {file.file for file in files}, key=lambda name: hashlib.blake2b(name.encode(), digest_size=8).digest()
        )
        n = min(2 if quick else _N_PARTS, len(names))
        splits = [
            ([file for file in files if file.file not in scored], [file for file in files if file.file in scored])
            for scored in (set(names[part::n]) for part in range(n))
        ]
    for number, (training, scored) in enumerate(splits):
        progress(f"training {number + 1} of {len(splits)}")
        yield Part(
            training=[*training, *machine],
            scored=scored,
            runtime=train([*training, *machine], scratch / f"all-{number}"),
            narrower=train(training, scratch / f"narrower-{number}"),
        )


def _score(name: str, method: Method, parts: Sequence[Part], progress: Progress) -> Regrets:
    progress(f"{name}: deciding")
    made: Regrets = {metric: {} for metric in BANDWIDTHS_MB_S}
    for part in parts:
        for metric, bandwidth in BANDWIDTHS_MB_S.items():
            policy = method(part, Setting(bandwidth_mb_s=bandwidth, training=part.training))
            for file in part.scored:
                made[metric][file.name] = _scored(policy, file, bandwidth)
    return made


def _scored(policy: Policy, file: Packed, bandwidth_mb_s: float) -> Scored:
    times = []
    chosen: Sequence[str] = ()
    for _ in range(_N_DECISIONS):
        started = time.perf_counter()
        chosen = policy(file.blocks)
        times.append(time.perf_counter() - started)
    policy_s = float(np.median(times))
    costs = file.costs(bandwidth_mb_s)
    cheapest = costs.min(axis=1)
    taken = costs[np.arange(len(costs)), [CODECS.index(name) for name in chosen]]
    return Scored(
        regret=(taken + policy_s * file.shares) / cheapest - 1.0,
        free=taken / cheapest - 1.0,
        policy_s=policy_s / len(file.blocks),
    )


def _always(codec: str) -> Method:
    # A constant takes no time to decide; what measuring it shows is the call.
    return lambda _part, _setting: always(codec)


def _metric_of(setting: Setting) -> str:
    return next(metric for metric, bandwidth in BANDWIDTHS_MB_S.items() if bandwidth == setting.bandwidth_mb_s)


def _best_single(files: Sequence[Packed], bandwidth_mb_s: float) -> str:
    costs = np.concatenate([file.costs(bandwidth_mb_s) for file in files])
    return CODECS[int((costs / costs.min(axis=1, keepdims=True)).mean(axis=0).argmin())]


def _all(by_file: dict[str, Scored], which: str) -> Floats:
    return np.concatenate([getattr(found, which) for found in by_file.values()])


def _row(name: str, table: Regrets) -> Row:
    metrics: Figures = {metric: float(_all(by_file, "regret").mean()) for metric, by_file in table.items()}
    weights = {file: len(found.regret) for by_file in table.values() for file, found in by_file.items()}
    seconds = [found.policy_s * weights[file] for by_file in table.values() for file, found in by_file.items()]
    metrics["policy_us_per_block"] = 1e6 * sum(seconds) / (len(table) * sum(weights.values()))
    by_case: dict[str, Figures] = {
        file: {"n": n, **{metric: float(by_file[file].regret.mean()) for metric, by_file in table.items()}}
        for file, n in weights.items()
    }
    return Row(name=name, ours=name == "telltale", metrics=metrics, by_case=by_case)


def _comparisons(rows: Sequence[Row], tables: dict[str, Regrets]) -> tuple[Comparison, ...]:
    """Ours less the best baseline over all blocks; whole files are resampled, since blocks of one are alike."""
    rng = np.random.default_rng(_SEED)
    made = []
    for metric in BANDWIDTHS_MB_S:
        best = min((row for row in rows if not row.ours), key=lambda row: row.metrics[metric] or 0.0)
        own, other = tables["telltale"][metric], tables[best.name][metric]
        sums = np.array([(own[file].regret - other[file].regret).sum() for file in own])
        sizes = np.array([len(own[file].regret) for file in own])
        drawn = rng.multinomial(len(sums), np.full(len(sums), 1.0 / len(sums)), size=_N_RESAMPLES)
        low, high = np.quantile((drawn @ sums) / (drawn @ sizes), (0.025, 0.975)).tolist()
        made.append(
            Comparison(
                metric=metric,
                baseline=best.name,
                difference=float(sums.sum() / sizes.sum()),
                low=low,
                high=high,
                n_cases=len(sums),
            )
        )
    return tuple(made)


def _oracle(files: Sequence[Packed]) -> dict[str, float]:
    """Its regret is 0; what it costs is what there is to be had."""
    found: dict[str, float] = dict.fromkeys(BANDWIDTHS_MB_S, 0.0)
    for metric, bandwidth in BANDWIDTHS_MB_S.items():
        cheapest = np.concatenate([file.costs(bandwidth).min(axis=1) for file in files])
        found[metric.replace("regret", "us_per_block")] = float(cheapest.mean() * 1e6)
    return found


def _notes(rows: Sequence[Row]) -> tuple[str, ...]:
    own = next(row for row in rows if row.ours).metrics
    single = next(row for row in rows if row.name == "best_single").metrics
    below = [metric for metric in BANDWIDTHS_MB_S if (own[metric] or 0.0) < (single[metric] or 0.0)]
    told = ", ".join(f"{int(BANDWIDTHS_MB_S[metric])} MB/s" for metric in below) or "no bandwidth"
    return (
        "The oracle's regret is 0 by definition; bounds has what its choices cost.",
        f"Ours is below the best single codec in hindsight at {told}.",
        "Speeds are of this machine and of one core; regrets do not transfer to another.",
    )
