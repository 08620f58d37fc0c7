# Two commands carry everything: `make repro` and `make test`. The environment makes itself, in .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
ENVIRONMENT := .venv/installed
ACTIVATE := source $(BIN)/activate
# The groups of tests start in the order of tests/distribution.py: the longest first.
WORKERS := -n 2 --dist loadgroup --no-loadscope-reorder
RUN_TIME_LOCK := src/theragate/project/template/requirements.lock
CORE := $(addprefix tests/,disclosure evidence gates release study contracts/test_gates.py contracts/test_metrics.py \
  test_digests.py test_files.py test_settings.py)

# Python keeps its bytecode, of the tests too: without it each worker compiles every test anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help repro test test-fast test-browser test-deployment docs screenshots check lint ui bench simulate lock environment clean

help: ## Show the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

repro: $(ENVIRONMENT) ## Run the pipeline on all studies, two stages at a time (JOBS=2); end with the summary
	@$(ACTIVATE) && theragate check && \
	  { status=0; theragate repro $(if $(JOBS),--jobs $(JOBS)) || status=1; theragate sync || status=1; theragate summary || status=1; exit $$status; }

test: $(ENVIRONMENT) ## Run the tests, real servers included
	@$(ACTIVATE) && python -m pytest -q $(WORKERS) -m "not browser and not deployment"

test-fast: $(ENVIRONMENT) ## Run the tests of the pure core: evidence, gates, release, study, digests, files
	@$(ACTIVATE) && python -m pytest -q $(WORKERS) $(CORE)

test-browser: $(ENVIRONMENT) ## Run the tests that need a system Chromium
	@$(ACTIVATE) && python -m pytest -q -n 2 --dist loadfile -m browser

test-deployment: $(ENVIRONMENT) ## Run the tests that need a system nginx: the grown deployment, as a whole
	@$(ACTIVATE) && python -m pytest -q -m deployment

docs: $(ENVIRONMENT) ## Write results, excerpts and figures into the pages, from what `make repro` has made
	@$(ACTIVATE) && python -m docs.refresh

screenshots: $(ENVIRONMENT) ## Take the docs' pictures of MLflow's UI anew, into docs/images
	@$(ACTIVATE) && python -m pytest -q -m browser --screenshots=docs/images

check: lint test ## Run ruff, mypy, lint-imports and the tests

lint: $(ENVIRONMENT) ## Run ruff, mypy and lint-imports
	@$(ACTIVATE) && ruff check . && ruff format --check . && mypy && lint-imports

ui: $(ENVIRONMENT) ## Open the registry: MLflow's UI on this machine, guarded
	@$(ACTIVATE) && theragate ui

bench: $(ENVIRONMENT) ## Measure the pipeline; writes benchmarks/results.json
	@$(ACTIVATE) && python -m benchmarks

simulate: $(ENVIRONMENT) ## Simulate coverage and error rates; writes docs/statistics.json (about 35 minutes)
	@$(ACTIVATE) && python -m simulations

lock: $(ENVIRONMENT) ## Pin the dependencies of pyproject.toml anew, and those of a project without development tools
	@compile="$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header"; \
	$$compile --group dev --output-file requirements.lock pyproject.toml && \
	$$compile --constraint requirements.lock --output-file $(RUN_TIME_LOCK) pyproject.toml

environment: $(ENVIRONMENT) ## Make the environment in .venv; every other target does so first

clean: ## Remove the environment
	rm -rf .venv

# An environment names the folder that it was made in: where that was moved or copied, it is made anew.
MADE_IN := $(shell cat $(ENVIRONMENT) 2>/dev/null)
ifneq ($(MADE_IN),)
ifneq ($(MADE_IN),$(shell pwd -P))
.PHONY: $(ENVIRONMENT)
endif
endif

# uv itself comes out of the same hashed lock, by pip; it then installs the rest in seconds. Everything is compiled to
# bytecode here, once, also where PYTHONDONTWRITEBYTECODE is set: imports are what a user of small cohorts waits for.
$(ENVIRONMENT): requirements.lock pyproject.toml
	@for python in "$(PYTHON)" python3 python3.13 python3.12 python3.11; do \
	  "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && found=$$python && break; \
	done; \
	if [ -z "$$found" ]; then echo "error: Theragate needs Python 3.11, 3.12 or 3.13 on the PATH, or: make PYTHON=/path/to/python" >&2; exit 1; fi; \
	echo "Making the environment in .venv with $$($$found --version), which takes about a minute"; \
	"$$found" -m venv --clear .venv
	@awk '/^uv==/{found=1} found{print} found && !/\\$$/{exit}' requirements.lock > .venv/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --require-hashes --compile-bytecode -r requirements.lock
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src pipelines
	@pwd -P > $@
