# Every target may be repeated: stamp files in .venv and the graph file remember what is done.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run graph test check bench peers load lock clean

VENV := .venv
BIN := $(VENV)/bin
# What `make run` needs, and what the checks need on top.
RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev
GRAPH := graphs/south_yorkshire.graph
# The network is rebuilt when its data or the code that builds it changes.
GRAPH_INPUTS := $(shell find graphs/south_yorkshire routing_service/graph -type f \
	-not -name '*.pyc' 2>/dev/null)
# Those that touch a kernel run a second time as plain Python.
KERNEL_TESTS = $(shell grep -lE '^from routing_service.kernels' tests/unit/*.py)
EXAMPLE := 53.5526,-1.4797
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install

help: ## This list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

run: $(RUN) $(GRAPH) ## Install, build the default network if missing, answer one example, serve on 127.0.0.1:8000
	@echo; echo "An incident in Barnsley: hasu decide $(EXAMPLE)"
	@$(BIN)/hasu decide --graph $(GRAPH) $(EXAMPLE)
	@echo
	@$(BIN)/hasu serve --graph $(GRAPH) --store sqlite:///graphs/live.db --host 127.0.0.1 --port 8000

graph: $(RUN) ## Build the default network anew
	$(BIN)/hasu build --out $(GRAPH)
	$(BIN)/hasu verify $(GRAPH) --golden

test: $(DEV) $(GRAPH) ## Every test, then the kernel tests once more as plain Python
	$(BIN)/python -m pytest
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest $(KERNEL_TESTS)

check: $(DEV) ## Lint, formatting, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(DEV) $(GRAPH) ## Speed and memory, beside other tools, in one run
	$(BIN)/python -m tests.benchmarks

peers: ## Install the other engines that `make bench` asks too, on Python 3.12
	scripts/make-peers

load: $(RUN) $(GRAPH) ## A service under load, held to the budget of tests/load
	$(BIN)/python -m tests.load

lock: ## Pin every dependency with hashes
	scripts/lock

clean: ## Remove the environment, built networks and caches
	rm -rf $(VENV) .venv-peers graphs/*.graph .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A network must know forty places before it may serve.
$(GRAPH): $(GRAPH_INPUTS) | $(RUN)
	@$(BIN)/hasu build --out $@
	@$(BIN)/hasu verify $@ --golden

$(VENV)/bin/python:
	@scripts/make-venv $(VENV)

$(RUN): requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked dependencies (a minute or two, once)..."
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements-dev.lock $(RUN)
	@echo "Installing what the checks and tests need..."
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@
