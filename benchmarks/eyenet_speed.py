"""How fast eyenet answers: one device over HTTP, a whole fleet at once, and both as the fleet grows.

A real `telltale serve` has one core, the load generator another. `http_per_s` is `POST /v1/eyenet/anomaly/predict
{"device_id": …}` of the app's own choice of model in a closed loop of 32 connections, each request another device, its window
read from SQLite; `p50_ms` and `p99_ms` are an open loop at half of that rate. The servers of all sizes stay up and take turns in
rounds: figures are medians over rounds, and `cost_ratio_*` the median over rounds of the time per prediction against
that with the fewest devices. `fleet_*` is `GET /v1/eyenet/devices`: every device of the largest fleet over the seconds that
the answer took, medians over rounds, on the server's one core; `rss_mb_*` the server's resident memory after its predictions, `rss_mb_looked` that of the
largest fleet's after looks with every model. `fleet_new_per_s` is of a version that knows none of the devices and reads half an hour of
each, in place of five minutes. `--quick` takes the forest for the app's own choice, which may take long to train.
"""

import http.client
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from benchmarks.catalogue import Progress
from benchmarks.eyenet_speed_home import LSTM, NEW, TASK, Trained, fill, promote, train, write_questions
from benchmarks.eyenet_speed_onnx import onnx_difference
from benchmarks.results import Figures, Table
from benchmarks.serve_peers.generators import open_loop, saturate
from benchmarks.serve_peers.servers import Server, cores, python_command, running
from telltale.contract.errors import TelltaleError

_PATH: Final = f"/v1/{TASK}/predict"
_FIRST_PORT: Final = 18_760
_FLEET: Final = "/v1/eyenet/devices?sort=score&limit=100"
_FOREST, _STATISTIC = "isolation_forest", "robust_z"
_SEED: Final = 11
_PROMOTED_S: Final = 20.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is measured: fleets (the smallest first), rounds, seconds a round, looks at a fleet, windows for ONNX."""

    fleets: tuple[int, ...]
    rounds: int
    seconds: int
    looks: int
    windows: int


_WHOLE: Final = Plan(fleets=(100, 1_000, 10_000), rounds=5, seconds=2, looks=7, windows=300)
_QUICK: Final = Plan(fleets=(20, 100), rounds=1, seconds=1, looks=2, windows=10)


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """One device at a time, with so many of them in the store; `cpu_us` is the server's processor time per prediction."""

    n_devices: int
    http_per_s: float
    cost_ratio: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    rss_mb: float


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What was measured.

    Args:
        estimator: the app's own choice.
        fleets: the smallest first.
        windows_per_s: of a look at the largest fleet, by estimator, on one core.
        windows_per_cpu_s: the same over the server's processor time: what a busy machine does not move.
        both_cores_per_s: the same on two, where there are two.
        rss_mb_looked: memory after looks at the largest fleet, of the app's own choice.
        onnx_difference: as `onnx_difference`.
        window_rows: rows that are stored of each device.
        n_anomalous: devices of the largest fleet that the app's own choice flags: they cost more, as they have reasons.
    """

    estimator: str
    fleets: tuple[Fleet, ...]
    windows_per_s: dict[str, float]
    windows_per_cpu_s: dict[str, float]
    both_cores_per_s: dict[str, float]
    rss_mb_looked: float
    onnx_difference: float
    window_rows: int
    n_anomalous: int

    @property
    def metrics(self) -> Figures:
        """By the names that a benchmark prints; sizes are those that were measured."""
        largest = self.fleets[-1]
        found: Figures = {
            "http_per_s": largest.http_per_s,
            "p50_ms": largest.p50_ms,
            "p99_ms": largest.p99_ms,
            "fleet_windows_per_s": self.windows_per_s[_FOREST],
            "fleet_statistic_per_s": self.windows_per_s[_STATISTIC],
            "fleet_default_per_s": self.windows_per_s[self.estimator],
            "fleet_lstm_per_s": self.windows_per_s[LSTM],
            "fleet_new_per_s": self.windows_per_s[NEW],
            "onnx_difference": self.onnx_difference,
            "rss_mb_looked": self.rss_mb_looked,
        }
        found |= {f"cost_ratio_{one.n_devices}": one.cost_ratio for one in self.fleets[1:]}
        return found | {f"rss_mb_{one.n_devices}": one.rss_mb for one in self.fleets}

    @property
    def tables(self) -> tuple[Table, ...]:
        """For people: as it grows, and looks at a whole fleet."""
        sizes = tuple(
            (one.n_devices, one.http_per_s, one.cost_ratio, one.p50_ms, one.p99_ms, one.cpu_us, one.rss_mb)
            for one in self.fleets
        )
        looks = tuple(
            (name, rate, self.windows_per_cpu_s[name], self.both_cores_per_s.get(name))
            for name, rate in self.windows_per_s.items()
        )
        n = self.fleets[-1].n_devices
        return (
            Table(
                title=f"One device of many over HTTP ({self.estimator}, {self.window_rows} rows stored of each)",
                columns=("devices", "http_per_s", "cost_ratio", "p50_ms", "p99_ms", "cpu_us", "rss_mb"),
                rows=sizes,
            ),
            Table(
                title=f"{n:,} devices at once, {self.n_anomalous} of them flagged by {self.estimator}",
                columns=("estimator", "windows_per_s", "per cpu second", "on both cores"),
                rows=looks,
            ),
        )


def measure(progress: Progress, *, quick: bool) -> Speed:
    """Train, fill stores, start servers, and measure."""
    plan = _QUICK if quick else _WHOLE
    with TemporaryDirectory(prefix="telltale-bench-") as folder:
        at = Path(folder)
        trained = train(at, estimators=(_FOREST, _STATISTIC, LSTM), quick=quick, progress=progress)
        estimator = next(iter(trained.versions))
        homes = []
        for n in plan.fleets:
            progress(f"{n:,} devices with {trained.rows} rows each")
            homes.append(fill(trained, at / str(n), n_devices=n, seed=_SEED))
            promote(homes[-1], trained.versions[estimator])
        with ExitStack() as stack:
            servers = []
            for place, (home, n) in enumerate(zip(homes, plan.fleets, strict=True)):
                progress(f"starting a server beside {n:,} devices")
                bodies = write_questions(at / f"bodies-{n}.ndjson", n_devices=n, seed=_SEED)
                servers.append((_serve(stack, home, bodies, port=_FIRST_PORT + place), bodies))
            fleets = _one_at_a_time(plan, servers, progress)
            looks = _whole_fleet(plan, servers[-1][0], homes[-1], trained, progress)
            rss_mb_looked = servers[-1][0].rss_mb()
        both_cores: dict[str, _Looks] = {}
        if len(set(cores())) > 1 and not quick:
            progress("the same on both cores")
            with ExitStack() as stack:
                server = _serve(stack, homes[-1], servers[-1][1], port=_FIRST_PORT + 9, on=cores())
                both_cores = _whole_fleet(plan, server, homes[-1], trained, progress)
        progress("the stored LSTM against PyTorch")
        difference = onnx_difference(trained, n_devices=plan.windows, seed=_SEED + 1)
    return Speed(
        estimator=estimator,
        fleets=fleets,
        windows_per_s={name: one.per_s for name, one in looks.items()},
        windows_per_cpu_s={name: one.per_cpu_s for name, one in looks.items()},
        both_cores_per_s={name: one.per_s for name, one in both_cores.items()},
        rss_mb_looked=rss_mb_looked,
        onnx_difference=difference,
        window_rows=trained.rows,
        n_anomalous=looks[estimator].n_anomalous,
    )


def _one_at_a_time(plan: Plan, servers: Sequence[tuple[Server, Path]], progress: Progress) -> tuple[Fleet, ...]:
    rates: list[list[float]] = [[] for _ in servers]
    cpu_us: list[list[float]] = [[] for _ in servers]
    for server, bodies in servers:  # caches and connections, not counted
        open_loop(server, _PATH, bodies, rate=100.0, seconds=0.3)
    for number in range(plan.rounds):
        progress(f"round {number + 1} of {plan.rounds}")
        for own, cost_us, (server, bodies) in zip(rates, cpu_us, servers, strict=True):
            before_s = server.cpu_s()
            own.append(saturate(server, _PATH, bodies, seconds=plan.seconds))
            cost_us.append((server.cpu_s() - before_s) / (own[-1] * plan.seconds) * 1e6)
    found = []
    for n, own, cost_us, (server, bodies) in zip(plan.fleets, rates, cpu_us, servers, strict=True):
        half = statistics.median(own) / 2
        seen = [open_loop(server, _PATH, bodies, rate=half, seconds=plan.seconds) for _ in range(min(3, plan.rounds))]
        if any(one.failures for one in seen):
            raise TelltaleError("a prediction was refused", where=f"{n} devices", mend="Ask by hand, and read why.")
        found.append(
            Fleet(
                n_devices=n,
                http_per_s=statistics.median(own),
                cost_ratio=statistics.median(least / one for least, one in zip(rates[0], own, strict=True)),
                p50_ms=statistics.median(one.p50_ms for one in seen),
                p99_ms=statistics.median(one.p99_ms for one in seen),
                cpu_us=statistics.median(cost_us),
                rss_mb=server.rss_mb(),
            )
        )
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class _Looks:
    """Windows a second of looks at a fleet, and how many devices the last one flagged."""

    per_s: float
    per_cpu_s: float
    n_anomalous: int


def _whole_fleet(plan: Plan, server: Server, home: Path, trained: Trained, progress: Progress) -> dict[str, _Looks]:
    """By estimator: each version is promoted while the server is up, as in production."""
    found = {}
    for name, number in trained.versions.items():
        progress(f"{plan.fleets[-1]:,} devices at once: {name}")
        promote(home, number)
        give_up_at = time.monotonic() + _PROMOTED_S
        # The first look of a version fills caches, and is not counted.
        while (told := _look(server, plan.fleets[-1])[1]).version != number:
            if time.monotonic() > give_up_at:
                raise TelltaleError(f"version {told.version} serves, not {number}", where=TASK, mend="See the log.")
        cpu_s = server.cpu_s()
        seen = [_look(server, plan.fleets[-1]) for _ in range(plan.looks)]
        cpu_s = server.cpu_s() - cpu_s
        found[name] = _Looks(
            per_s=statistics.median(rate for rate, _ in seen),
            per_cpu_s=plan.looks * plan.fleets[-1] / max(cpu_s, 0.01),  # of a clock tick at least
            n_anomalous=seen[-1][1].n_anomalous,
        )
    return found


class _Device(msgspec.Struct):
    """What is read of a device that is listed."""

    version: int


class _Told(msgspec.Struct):
    """What is read of an answer of `GET /v1/eyenet/devices`."""

    n_devices: int
    n_not_enough: int
    n_anomalous: int
    devices: list[_Device]

    @property
    def version(self) -> int:
        """That decided."""
        return self.devices[0].version


def _look(server: Server, n_devices: int) -> tuple[float, _Told]:
    """Devices decided a second by one look, and what it told.

    Raises:
        TelltaleError: not every device was decided.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    began = time.perf_counter()
    connection.request("GET", _FLEET)
    answer = connection.getresponse()
    body = answer.read()
    seconds = time.perf_counter() - began
    connection.close()
    told = msgspec.json.decode(body, type=_Told) if answer.status == 200 else None
    if told is None or (told.n_devices, told.n_not_enough) != (n_devices, 0):
        raise TelltaleError(
            f"answered {answer.status}: {body[:300]!r}", where=_FLEET, mend="Ask by hand, and read why."
        )
    return n_devices / seconds, told


def _serve(stack: ExitStack, home: Path, bodies: Path, *, port: int, on: Sequence[int] = ()) -> Server:
    command = python_command("-m", "telltale", "serve", "--port", str(port))
    with bodies.open("rb") as lines:
        first = lines.readline().strip()
    return stack.enter_context(
        running(home.name, command, port=port, path=_PATH, body=first, environment={"TELLTALE_HOME": str(home)}, on=on)
    )


if __name__ == "__main__":
    import sys

    made = measure(lambda what: print(what, file=sys.stderr, flush=True), quick="--quick" in sys.argv)
    print(msgspec.json.format(msgspec.json.encode({"metrics": made.metrics, "tables": made.tables})).decode())
