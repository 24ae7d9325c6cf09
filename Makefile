# Everything below needs nothing but Python 3.11+ and make: `setup` installs the rest into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
PIP_OPTIONS := --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format lint types architecture fix chaos bench lock clean

help: ## what each command does
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(READY) ## install the project and its tools into .venv, as pinned in requirements-dev.lock

# The lock file names everything, so that nothing has to be resolved; and pip compiles on one core what takes all of
# them. Some packages bring files of other languages that look like Python's: those stay as they are. An environment
# that was left half made has no pip, and is made anew.
$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "stream-rfm needs Python 3.11 or newer, and $(PYTHON) is older: run make PYTHON=python3.12"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install $(PIP_OPTIONS) --no-deps --no-compile --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install $(PIP_OPTIONS) --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q stream_rfm
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	@touch $(READY)

demo: $(READY) ## real orders through a real Kafka and Valkey; make demo ARGS=--once ends by itself
	@$(BIN)/stream-rfm demo $(ARGS)

# Two at a time, as many tests wait for Kafka: each of both has services of its own. As they stand, so that those
# which take longest are not the last.
test: $(READY) ## every test, on a real Kafka and Valkey that it starts itself
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: format lint types architecture ## format, lint, types, architecture; make -j2 check at once

format: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

architecture: $(READY)
	$(BIN)/python -m pytest --quiet tests/architecture

fix: $(READY) ## format, and repair what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

chaos: $(READY) ## let everything fail while orders come in, then check what came out; ARGS=--help
	$(BIN)/python tests/chaos/run.py $(ARGS)

bench: $(READY) ## every figure with its goal, beside others in the same run; ARGS=--quick, or one by its name
	$(BIN)/python benchmarks $(ARGS)

lock: $(READY) ## choose the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --upgrade --quiet -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --extra dev \
		--no-emit-index-url --no-header --upgrade --quiet -o requirements-dev.lock

clean: ## remove what setup and the tools made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
