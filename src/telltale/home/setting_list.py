"""Every setting there is, as data. `telltale.home.settings` reads them, and docs/settings.md is written from here."""

from typing import Literal

import msgspec

Kind = Literal["text", "whole", "number", "flag", "word"]


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting.

    Args:
        variable: its name in the environment.
        default: what it is when nobody says.
        meaning: what it does; of one without effect, what is done in its place.
        kind: what its value must be: a whole number, a number, true or false, or one of some words.
        low, high: bounds of a number, inclusive; None for none.
        allowed: the words, where it is one of some.
        is_secret: its value is shown to nobody.
        flags: what goes before it on the command line, and of which commands; "" for none.
        promise: the lines of docs/acceptance.md that ask for it, or "".
        has_effect: False for one that is known, so that setting it is told of, and does nothing.
    """

    variable: str
    default: str
    meaning: str
    kind: Kind = "text"
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()
    is_secret: bool = False
    flags: str = ""
    promise: str = ""
    has_effect: bool = True


SETTINGS = (
    Setting(variable="TELLTALE_HOME", default=".telltale", meaning="the folder that holds all state"),
    Setting(
        variable="MODEL_DIR",
        default="",
        meaning="folder of the versions' files, of this home alone; empty: `artifacts` in TELLTALE_HOME",
        promise="E-28",
    ),
    Setting(
        variable="DATABASE_URL",
        default="",
        meaning="PostgreSQL database that keeps events, registry and all else but files, as in "
        "postgresql://USER:PASSWORD@HOST/NAME: several hosts may serve and work over one, with one MODEL_DIR; empty: SQLite "
        "files in TELLTALE_HOME",
    ),
    Setting(
        variable="MODEL_PATH",
        flags="--version of evaluate and score",
        default="",
        meaning="directory of a bundle that `evaluate` and `score` of its task use where no --version is given; "
        "what is served is the champion, which `telltale promote` moves",
        promise="B-2",
    ),
    Setting(
        variable="MAX_MODEL_VERSIONS",
        kind="whole",
        low=1,
        default="10",
        meaning="versions kept per task; champion, challenger, shadow, pinned ones and the last champion stay besides",
        promise="E-27, E-28",
    ),
    Setting(
        variable="MODEL_RETENTION_DAYS",
        kind="whole",
        low=0,
        default="30",
        meaning="days a version is kept after it was made",
        promise="E-27, E-28",
    ),
    Setting(
        variable="HOST",
        flags="--host of serve and up",
        default="127.0.0.1",
        meaning="address the server listens on",
        promise="B-2",
    ),
    Setting(
        variable="PORT",
        kind="whole",
        low=0,
        high=65_535,
        flags="--port of serve, up and demo",
        default="8000",
        meaning="port the server listens on",
        promise="B-2, E-3",
    ),
    Setting(
        variable="WORKERS",
        kind="whole",
        low=1,
        flags="--workers of serve and up",
        default="1",
        meaning="server processes",
        promise="B-2",
    ),
    Setting(
        variable="DEVICE",
        kind="word",
        allowed=("cpu", "cuda"),
        flags="--device of train",
        default="cpu",
        meaning="where networks are trained, cpu or cuda",
        promise="B-2, C-3",
    ),
    Setting(
        variable="DEBUG",
        kind="flag",
        default="false",
        meaning="true: LOG_LEVEL is debug where it is not given",
        promise="B-2",
    ),
    Setting(
        variable="LOG_LEVEL",
        kind="word",
        allowed=("debug", "info", "warning", "error"),
        default="",
        meaning="debug, info, warning or error; empty: info for serve and work, else warning",
    ),
    Setting(
        variable="ANOMALY_THRESHOLD",
        kind="number",
        default="",
        meaning="threshold of helios/anomaly in serving; empty: the version's",
        promise="S-14",
    ),
    Setting(
        variable="TELLTALE_OPERATOR_KEY",
        is_secret=True,
        default="",
        meaning="key that allows everything; empty, and no key made by `telltale keys`: open, on loopback only",
    ),
    Setting(
        variable="RATE_LIMIT",
        kind="number",
        low=0,
        default="0",
        meaning="requests a second of one key and task, rows of a batch counted; 0: no limit",
        promise="C-9",
    ),
    Setting(
        variable="API_URL",
        flags="the address given to ingest",
        default="",
        meaning="address of the shop's backend, as in http://localhost:8080: `telltale work` reads new rows there before it "
        "retrains, and so does `telltale ingest APP/EVENT` without a file; empty: nothing is asked of anybody",
        promise="E-1, E-28",
    ),
    Setting(
        variable="API_KEY",
        is_secret=True,
        default="",
        meaning="key that is sent as X-API-Key to addresses under API_URL, and to no other",
        promise="E-1, E-28",
    ),
    Setting(
        variable="API_SOURCES",
        default="",
        meaning="TOML file that says where under API_URL the rows of which event are, or which queries of a Prometheus "
        "give them, as the files in `examples/sources` do; empty: where the app says",
        promise="E-1",
    ),
    Setting(
        variable="PROMETHEUS_URL",
        default="",
        meaning="address of the Prometheus that PROMETHEUS_TOKEN is for, as in https://prometheus.example:9090",
    ),
    Setting(
        variable="PROMETHEUS_TOKEN",
        default="",
        is_secret=True,
        meaning="token, or USER:PASSWORD, that is sent as Authorization to addresses under PROMETHEUS_URL, and to no other",
    ),
    Setting(
        variable="EVENT_RETENTION_DAYS",
        kind="whole",
        low=0,
        default="30",
        meaning="days a stored event is kept; labelled ones stay",
    ),
    Setting(
        variable="EVENT_RETENTION_GB",
        kind="whole",
        low=0,
        default="10",
        meaning="gigabytes of events kept, the oldest removed first",
    ),
    Setting(
        variable="AUTO_ROLLBACK",
        kind="word",
        allowed=("on", "dry-run", "off"),
        default="on",
        meaning="on: `telltale work` stops a release that does harm, and takes a new champion back; dry-run and off: it "
        "does not, and says so in the log and in `telltale release`",
    ),
    Setting(
        variable="ALARM_WEBHOOK_URL",
        default="",
        meaning="address that `telltale work` sends alarms to, as JSON by POST; empty: none",
    ),
    Setting(
        variable="ALARM_WEBHOOK_SECRET",
        is_secret=True,
        default="",
        meaning="signs what is sent there: X-Telltale-Signature is `sha256=` and the HMAC-SHA256 of the body in hex",
    ),
    Setting(
        variable="ALERTMANAGER_URL",
        default="",
        meaning="address of an Alertmanager, as in http://localhost:9093, that `telltale work` sends alarms to",
    ),
    Setting(
        variable="JOB_MAX_SECONDS",
        kind="whole",
        low=1,
        default="3600",
        meaning="seconds that one retraining by `telltale work` or `telltale schedule run` may take; longer, it is "
        "killed and has failed",
    ),
    Setting(
        variable="JOB_MAX_MEMORY_MB",
        kind="whole",
        low=1,
        default="4096",
        meaning="megabytes of resident memory that its process may hold (Linux); more, it is killed and has failed",
    ),
    Setting(
        variable="DRIFT_LIMIT",
        kind="number",
        low=0,
        default="",
        meaning="drift where the mean PSI of a day over a task's columns is above it, such as 0.3; empty: calibrated to the "
        "rows there are",
        promise="N-17",
    ),
    Setting(
        variable="RELAY_SEED",
        is_secret=True,
        flags="--seed-file of relay substrate",
        default="",
        meaning="words, 0x seed or //path of the account that `telltale relay substrate` signs with, where no --seed-file is "
        "given",
        promise="B-27",
    ),
    Setting(
        variable="RELAY_API_KEY",
        is_secret=True,
        default="",
        meaning="key that `telltale relay substrate` sends to /predict as X-API-Key; empty: none",
        promise="B-27",
    ),
    Setting(
        variable="SCALER_PATH",
        default="",
        meaning="the scaler is part of the version's plan, in its bundle: there is no file of its own",
        promise="B-2",
        has_effect=False,
    ),
    Setting(
        variable="MODEL_VERSION",
        default="",
        meaning="the version that serves is the champion of the registry: `telltale promote APP/TASK VERSION`",
        promise="B-2",
        has_effect=False,
    ),
    Setting(
        variable="ML_SERVICE_URL",
        default="",
        meaning="schedules run inside, by `telltale work`, and call no service",
        promise="E-28",
        has_effect=False,
    ),
)
