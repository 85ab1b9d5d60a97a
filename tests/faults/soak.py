"""The faults again, with the counts that issue and documents speak of: `make soak`, or `python -m tests.faults.soak`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from tests.faults.homes import FLUSH_S, make_home, train_two
from tests.faults.kills import KillReport, kill_rounds
from tests.faults.steady import SteadyReport, steady
from tests.faults.swaps import SwapReport, swap_rounds

from telltale.serve.settings import ServeSettings

_RESTART_S = 3.0
_WRITING_S = 1.0  # as in test_kills.py
_GROWTH = 0.10


def main() -> int:
    """Run what was asked for; 1 where something falls short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["kills", "swaps", "memory"], action="append")
    parser.add_argument("--rounds", type=int, default=20, help="kills")
    parser.add_argument("--swaps", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10.0, help="of steady load, at half of saturation")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    parts: dict[str, Callable[[ServeSettings], tuple[Any, bool, str]]] = {
        "kills": lambda home: _kills(kill_rounds(home, n_rounds=asked.rounds, seconds=2.0)),
        "swaps": lambda home: _swaps(swap_rounds(home, n_swaps=asked.swaps, pause_s=0.2)),
        "memory": lambda home: _memory(steady(home, seconds=60 * asked.minutes, warm_s=12 * asked.minutes)),
    }
    figures, is_good = {}, True
    with tempfile.TemporaryDirectory(prefix="telltale-soak-") as folder:
        trained = train_two(Path(folder) / "bundles")
        for name in asked.only or parts:
            began = time.monotonic()
            report, holds, told = parts[name](make_home(Path(folder) / name, trained))
            is_good &= holds
            figures[name] = {**msgspec.to_builtins(report), "holds": holds}
            if not asked.json:
                sys.stdout.write(f"{'holds' if holds else 'FALLS SHORT'}  {told} ({time.monotonic() - began:.0f} s)\n")
                sys.stdout.flush()
    if asked.json:
        sys.stdout.buffer.write(msgspec.json.encode(figures) + b"\n")
    return 0 if is_good else 1


def _kills(report: KillReport) -> tuple[KillReport, bool, str]:
    slowest_s = max((kill.ready_s for kill in report.kills), default=0.0)
    kept = (report.events, report.feedback)
    holds = (
        report.integrity == "ok"
        and not any(one.lost or one.doubled for one in kept)
        and all(one.acknowledged for one in kept)
        and slowest_s <= _RESTART_S
        and report.oldest_lost_s <= FLUSH_S + _WRITING_S
    )
    told = (
        f"{len(report.kills)} kills: {report.events.acknowledged} events and {report.feedback.acknowledged} labels "
        f"acknowledged, {sum(one.lost for one in kept)} lost, {sum(one.doubled for one in kept)} doubled, "
        f"{report.sent_again} requests sent again; database {report.integrity}; ready again in at most {slowest_s:.2f} s; "
        f"{report.predictions_lost} of {report.predictions} predictions not logged, "
        f"the oldest {report.oldest_lost_s:.2f} s before its kill"
    )
    return report, holds, told


def _swaps(report: SwapReport) -> tuple[SwapReport, bool, str]:
    holds = report.failed == report.mixed == 0 and min(report.by_version.values()) > 0
    told = (
        f"{report.swaps} swaps of {report.swap_ms:.0f} ms: {report.answers} answers, {report.failed} failed, "
        f"{report.mixed} mixed, {report.by_version[1]} by version 1 and {report.by_version[2]} by version 2"
    )
    return report, holds, told


def _memory(report: SteadyReport) -> tuple[SteadyReport, bool, str]:
    holds = report.growth <= _GROWTH and report.load.failures == 0
    told = (
        f"{report.seconds:.0f} s at {report.rate:.0f} requests/s, half of saturation: "
        f"{report.warm.both:.0f} MB after {report.warm_s:.0f} s, {report.highest.both:.0f} MB at most "
        f"({report.growth:+.1%}), {report.last.both:.0f} MB at the end "
        f"(own {report.warm.own:.0f} -> {report.last.own:.0f}, files {report.warm.files:.0f} -> {report.last.files:.0f}); "
        f"p99 {report.load.p99_ms:.1f} ms, {report.load.failures} failures; events.db {report.events_db_mb:.0f} MB"
    )
    return report, holds, told


if __name__ == "__main__":
    raise SystemExit(main())
