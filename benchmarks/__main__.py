"""`python -m benchmarks NAME`: one benchmark, or `all` of them one after the other."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.results import check
from benchmarks.show import show
from telltale.contract.errors import TelltaleError
from telltale.serve.logs import configure_logs

_ALL = "all"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.write is not None and given.name != _ALL:
        parser.error("--write goes with `all`")
    configure_logs(level="warning")
    asked = Asked(
        data=given.data,
        test=given.test,
        quick=given.quick,
        grid=given.grid,
        best=given.best,
        task=given.task,
        rate=given.rate,
    )
    try:
        if given.name != _ALL:
            documents = [run(given.name, asked, progress=_tell)]
        elif asked != Asked(quick=given.quick):
            parser.error("`all` takes --quick, --json and --write alone")
        else:
            documents = [_in_own_process(name, quick=given.quick) for name in BENCHMARKS]
    except TelltaleError as error:
        _tell(str(error))
        return error.exit_status
    if given.write is not None:
        from benchmarks.report import write_report

        write_report(given.write, [check(document) for document in documents], quick=given.quick)
        _tell(f"wrote {given.write}")
    if given.json:
        print(json.dumps(documents[0] if given.name != _ALL else {"benchmark": _ALL, "results": documents}))
    else:
        console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
        for document in documents:
            show(check(document), console)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", metavar="NAME", choices=[*BENCHMARKS, _ALL], help=", ".join([*BENCHMARKS, _ALL]))
    parser.add_argument("--data", type=Path, metavar="DIR", help="cases, in place of the benchmark's own")
    parser.add_argument("--test", type=Path, metavar="DIR", help="cases to score after fitting on all of --data")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="under 20 s: to see that it runs")
    parser.add_argument("--grid", action="store_true", help="helios: the table of grid searches as well (minutes)")
    parser.add_argument("--best", action="store_true", help="trend: the row telltale_best as well (minutes)")
    parser.add_argument("--task", default="", metavar="APP/TASK", help="serve: what is served")
    parser.add_argument("--rate", type=float, metavar="N", help="serve: latency at N requests per second as well")
    parser.add_argument("--write", type=Path, metavar="FILE", help="all: write the page and its pictures")
    return parser


def _in_own_process(name: str, *, quick: bool) -> dict[str, Any]:
    """One benchmark in a process of its own: what one leaves in memory must not weigh on the next."""
    _tell(f"== {name}")
    dear = [f"--{option}" for option in ("grid", "best") if option in BENCHMARKS[name].options]
    more = ["--quick"] if quick else dear
    data_set = BENCHMARKS[name].data_set
    folder = Path(os.environ.get("TELLTALE_DATA", "")) / data_set
    if data_set and "TELLTALE_DATA" in os.environ and folder.is_dir():
        more += ["--data", str(folder)]
    command = [sys.executable, "-m", "benchmarks", name, "--json", *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise TelltaleError(f"it ended with status {done.returncode}", where=f"benchmark {name}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
