"""From blocks of real files to a version that chooses codecs: collect, features, split, train, evaluate, save.

    python examples/pakit_training.py

Measures every codec on 500 blocks of the Python installation that runs this, and keeps hashes, statistics and measurements
of them: nothing of what is in them. Files are on one side of the split only: blocks of one file are too alike for one to
judge the other. Needs cramjam (`pip install 'telltale-loop[collect]'`); about a quarter of a minute.
"""

import sysconfig
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

import telltale
from telltale.apps.pakit.collect import collect_blocks
from telltale.apps.pakit.schema import CODECS, MEASURED_CODECS
from telltale.home.home import Home
from telltale.models.choose_runtime import ChooseRuntime
from telltale.retrain.training import TrainedVersion
from telltale.train.choose import measured_costs
from telltale.train.fitted import TrainingChoices
from telltale.train.version import TrainingRows

TASK = "pakit/compression"
N_BLOCKS = 500
# The standard library holds sources, compiled modules and shared libraries; numpy beside it has arrays and machine code.
SOURCES = (Path(sysconfig.get_path("stdlib")), Path(np.__file__).parent)


def collect(home: Home, file: Path) -> None:
    """Measure the codecs on real blocks and store the rows, as `telltale collect blocks` and `telltale ingest` do."""
    rows = list(chain.from_iterable(collect_blocks(str(source), N_BLOCKS // len(SOURCES)) for source in SOURCES))
    file.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    checked, _ = home.ingest("pakit/block", str(file))
    print(f"collected: {checked.frame.height} blocks of {checked.frame['@entity'].n_unique()} files")
    ratios = {name: float(np.median(checked.frame[f"{name}_ratio"].to_numpy())) for name in MEASURED_CODECS}
    print(f"middle ratio: {', '.join(f'{name} {ratio:.2f}' for name, ratio in ratios.items())}")


def split(home: Home) -> TrainingRows:
    """The rows that `train` uses: each file's blocks are all to train on, or all to be judged on."""
    app = home.apps["pakit"]
    rows = home.training_rows(app, app.task("compression"), data=None, simulation=None, seed=0)
    print(f"split by file: {rows.train.height} blocks to train on, {rows.held_out.height} to be judged on")
    return rows


def train(home: Home, rows: TrainingRows) -> TrainedVersion:
    """Train and register a version; the gate judges it on files that it was not trained on."""
    app = home.apps["pakit"]
    trained = home.train_on(
        app, app.task("compression"), rows, TrainingChoices(), actor="example", progress=lambda _what, _done, _of: None
    )
    plan = trained.manifest.plan
    assert plan is not None, "a version that chooses has a plan"
    print(f"features: {', '.join(plan.features)}")
    print(f"trained: {trained.manifest.estimator}, {trained.seconds:.1f} s, the gate says {trained.version.outcome}")
    return trained


def evaluate(trained: TrainedVersion, runtime: ChooseRuntime, rows: TrainingRows) -> None:
    """The gate's figures, and choices beside the codecs that were cheapest."""
    figures = trained.manifest.metrics
    for name in ("accuracy", "accuracy_clear", "majority_accuracy", "regret", "regret_best_single"):
        value = figures[name]
        print(f"{name}: {'-' if value is None else f'{value:.4f}'}")
    costs = measured_costs(runtime, rows.held_out)
    confusion(costs.argmin(axis=1), runtime.costs_of(rows.held_out).argmin(axis=1))


def confusion(cheapest: NDArray[np.int64], chosen: NDArray[np.int64]) -> None:
    """How often each codec was chosen where each was cheapest; recall and precision of each."""
    n = len(CODECS)
    counts = np.bincount(cheapest * n + chosen, minlength=n * n).reshape(n, n)
    wide = max(map(len, CODECS)) + 2
    heads = "".join(f"{name:>{wide}}" for name in CODECS)
    print(f"{'cheapest, chosen:':<18}{heads}{'recall':>8}{'precision':>10}")
    for place, name in enumerate(CODECS):
        right, n_cheapest, n_chosen = counts[place, place], counts[place].sum(), counts[:, place].sum()
        recall, precision = (f"{right / total:.2f}" if total else "-" for total in (n_cheapest, n_chosen))
        print(f"{name:<18}" + "".join(f"{count:>{wide}}" for count in counts[place]) + f"{recall:>8}{precision:>10}")


def save(home: Home, trained: TrainedVersion, directory: Path) -> None:
    """Write the bundle; it is all that answering takes."""
    home.write_training(trained, directory, save_data=False)
    print(f"saved: {', '.join(sorted(path.name for path in directory.iterdir()))}")


def answer(runtime: ChooseRuntime, rows: TrainingRows) -> None:
    """A large block, at three bandwidths: the same version answers for every price."""
    block = rows.held_out.sort("block_size", maintain_order=True)[-1:]
    for bandwidth in (1.0, 100.0, 10_000.0):
        choice = runtime.answer_frame(block.with_columns(pl.lit(bandwidth).alias("bandwidth_mb_s")))
        print(f"at {bandwidth:g} MB/s: {choice['choice'][0]}, {1e3 * choice['cost'][0]:.3g} ms")


def main() -> None:
    """Collect, features, split, train, evaluate, save."""
    with TemporaryDirectory(prefix="telltale-") as name, telltale.open(Path(name) / "home") as home:
        collect(home, Path(name) / "blocks.ndjson")
        rows = split(home)
        trained = train(home, rows)
        _, runtime = home.load(TASK, str(trained.version.number))
        assert isinstance(runtime, ChooseRuntime), "a version of compression chooses"
        evaluate(trained, runtime, rows)
        save(home, trained, Path(name) / "version")
        answer(runtime, rows)


if __name__ == "__main__":
    main()
