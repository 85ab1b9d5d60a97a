"""`python -m tests.fuzz`: many cases, with figures; ends with 1 where one went wrong."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.rounds import run_round
from tests.fuzz.targets import make_home

from telltale.serve.logs import configure_logs

_GROWTH = 100e6  # bytes that memory may be above where it was once warm


def main() -> int:
    """Run and print; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    configure_logs(level="critical")  # what is refused is refused a hundred thousand times
    with tempfile.TemporaryDirectory(prefix="telltale-fuzz-") as folder:
        found = run_round(make_home(Path(folder)), seed=asked.seed, n_cases=asked.cases)
    growth = found.end_bytes - found.warm_bytes
    print(
        f"seed {asked.seed}: {found.n_cases:,} cases in {found.took_s:.0f} s ({found.n_cases / found.took_s:,.0f}/s), "
        f"{found.n_taken / found.n_cases:.0%} taken, slowest {found.slowest_s * 1e3:.0f} ms, memory {found.warm_bytes / 1e6:.0f} MB warm, "
        f"{found.end_bytes / 1e6:.0f} MB at the end, {len(found.faults)} faults"
    )
    for fault in found.faults[:50]:
        print(f"  {fault.target} case {fault.number}: {fault.told[:200]}\n    {fault.body[:400]!r}")
    return 1 if found.faults or growth > _GROWTH else 0


if __name__ == "__main__":
    sys.exit(main())
