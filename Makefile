# make run    on a fresh clone: environment, the whole pipeline on the built-in world, where the results are
# make test   on a fresh clone: environment, lint, types, tests
SHELL := bash
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
READY := .venv/.ready
ON_PATH := PATH="$(CURDIR)/$(BIN):$$PATH"

.PHONY: help env run test lock params clean

help:
	@sed -n 's/^# make /make /p' $(MAKEFILE_LIST)

env: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "mia: Python %d.%d is too old: run make PYTHON=python3.11" % sys.version_info[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "== installing into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock
	@$(BIN)/uv pip install --quiet --no-deps --python $(BIN)/python -e .
	@touch $@

# DVC records experiments as git commits and needs a name to sign them with
.PHONY: git
git:
	@git rev-parse --is-inside-work-tree >/dev/null 2>&1 || { echo "mia: this is not a git repository and DVC needs one: git init && git add . && git commit -m start" >&2; exit 1; }
	@git config user.name >/dev/null || git config user.name "mia-ml"
	@git config user.email >/dev/null || git config user.email "mia-ml@localhost"

# on a fresh clone DVC warns of each output that does not exist yet
run: env git
	@$(ON_PATH) dvc exp run 2> >(grep --line-buffered -v "It won't be created" >&2)
	@$(BIN)/python -m pipelines.where

# kernels compile once on one core while types are checked on the other, instead of once in each test worker
test: env
	@$(BIN)/python -m mia_ml.single.warm & \
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && wait $$!
	@$(BIN)/python -m pytest -q -n 2

lock: env
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-header --no-annotate \
	  --no-emit-index-url pyproject.toml --output-file requirements.lock

# the defaults of conf/ as DVC composes them
params: env
	@$(BIN)/python -m pipelines.compose

clean:
	rm -rf .venv data reports artifacts mlflow.db mlflow.db.lock mlartifacts
