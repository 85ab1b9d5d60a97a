# Everything runs from .venv/. `make demo` needs the base install alone; `make setup` installs all that tests and benchmarks use.
PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
TESTS ?= tests src
CASES ?= 100000
SEED ?= 1
# As the command does: tests run two at a time, and small matrices gain nothing from a second core.
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo setup test lint check bench soak fuzz system chain

demo: .venv/base
	$(BIN)/telltale demo

.venv/base: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) install --constraint constraints.txt --editable .
	touch $@

.venv/all: .venv/base
	$(PIP) install --constraint constraints.txt --editable '.[chain,collect,gossip,keyboard,neural,postgres,prophet,streams,traces,dev]'
	touch $@

setup: .venv/all

# What rests on a database is tested on both.
ON_POSTGRESQL := tests/storage tests/registry tests/monitor tests/telemetry/test_event_store.py tests/telemetry/test_retention.py \
	tests/telemetry/test_newest_windows.py tests/telemetry/test_arrivals.py tests/retrain tests/serve/live tests/serve/predict tests/serve/intake

# The quick ones, and those that take long or start servers, on every core, a file's tests together; those that measure servers alone.
test: setup
	$(BIN)/python -m pytest -q -n 2 -m "not slow and not server" $(TESTS)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "(slow or server) and not alone" $(TESTS)
	$(BIN)/python -m pytest -q -m alone $(TESTS)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -p tests.on_postgresql -m "not slow and not server and not sqlite" $(ON_POSTGRESQL)

# What a machine can say of the code without running it: format, lint, types, import direction, house rules.
lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/house_rules.py
	$(BIN)/python tools/write_settings.py --check

# What every commit passes: lint and the fast tests.
check: lint
	$(BIN)/python -m pytest -q -n 2 -m "not slow and not server" $(TESTS)

bench: setup
	$(BIN)/python -m benchmarks all --write docs/benchmarks.md

# The faults of tests/faults with their full counts: 20 kills, 50 swaps, ten minutes of steady load; a quarter of an hour.
# Bodies changed byte by byte against every way in, and every operation of the OpenAPI document asked many times.
fuzz: setup
	$(BIN)/python -m tests.fuzz --cases $(CASES) --seed $(SEED)
	TELLTALE_EXAMPLES=60 $(BIN)/python -m pytest -q tests/cli/test_every_operation.py

soak: setup
	$(BIN)/python -m tests.faults.soak

# Optional programs from the distribution: a load generator for the serving benchmark, a browser for page tests, a clock
# that can jump, promtool and Alertmanager for the tests of alarms, databases and brokers,
# an X server and keys for it for those of the recorder.
system:
	apt-get update -qq && apt-get install -y -qq --no-install-recommends wrk chromium libfaketime nginx-light postgresql prometheus prometheus-alertmanager redis-server nats-server xvfb xdotool

# A Substrate runtime under a development executor, for the tests of the chain client alone (Node 18 or later; 315 MB).
CHOPSTICKS ?= $(HOME)/.cache/telltale-tests/chopsticks
chain:
	npm install --prefix $(CHOPSTICKS) --ignore-scripts --no-audit --no-fund @acala-network/chopsticks@1.1.0 @substrate/connect-known-chains@1.10.3
	npm rebuild --prefix $(CHOPSTICKS) sqlite3
