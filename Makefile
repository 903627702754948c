# Python 3.11 or newer and make are all that is needed; the rest is installed into .venv.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python $(NEW_ENOUGH) 2>/dev/null && echo $$python && break; done)

.PHONY: help setup demo test test-any-day test-packages bench up down package lock checkov clean

help:
	@echo "make demo    a day of three businesses, from events to delivered messages, with a verdict"
	@echo "make test    lint, types and all tests"
	@echo "make test-any-day   all tests on two other days"
	@echo "make bench   how fast it is, and how far from the floor"
	@echo "make up      start the whole system on this machine"
	@echo "make down    stop it"
	@echo "make test-packages  each package in an environment of its own: some minutes"
	@echo "make package a zip of each function for the cloud, named by its hash"
	@echo "make lock    requirements.lock anew, after a change of requirements.txt"
	@echo "make checkov judge the infrastructure by checkov's rules"
	@echo "make setup   install everything into $(VENV); the others do it too"
	@echo "make clean   stop it, delete its data and $(VENV)"

setup: $(VENV)/.ready
	@case " $(MAKECMDGOALS) " in *" setup "*) echo "ready: source $(BIN)/activate, then allim up";; esac

demo: setup
	@$(BIN)/allim demo $(ARGS)

# A process for each core, up to four: each has a Postgres and brokers of its own. In the order of the files, for those with
# the most tests are not those that take longest. ARGS=-n0 runs them one by one.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

# A minute before a year ends in UTC, and in a leap year's extra day. DAYS=2028-02-29T03:00 runs them on just that one.
DAYS := 2026-12-31T23:58 2028-02-29T03:00

test-any-day: setup $(VENV)/.any-day
	@for day in $(DAYS); do $(BIN)/python -m tests.any_day $$day $(PARALLEL) $(ARGS) || exit 1; done

test-packages: setup
	CLEAN_ENVIRONMENTS=1 $(BIN)/python -m pytest tests/release $(ARGS)

bench: setup
	@$(BIN)/python -m bench $(ARGS)

up: setup
	@$(BIN)/allim up $(ARGS)

down: setup
	@$(BIN)/allim down $(ARGS)

package: setup
	@$(BIN)/allim package $(ARGS)

# Of no use but to this check, and for Linux only.
$(VENV)/.any-day: requirements-any-day.txt $(VENV)/.ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-any-day.txt
	@touch $@

# What functions are built of, each file by its hash. What is locked stays as it is unless requirements.txt says otherwise;
# ARGS=--upgrade takes the newest of the rest.
lock: .venv-lock/.ready
	.venv-lock/bin/uv pip compile requirements.txt --quiet --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --output-file requirements.lock $(ARGS)

.venv-lock/.ready:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@touch $@

# Too large for a development tool of everybody: it has an environment of its own.
checkov: .venv-checkov/.ready
	.venv-checkov/bin/checkov --directory infra/terraform --framework terraform --quiet --compact --skip-download

.venv-checkov/.ready:
	$(PYTHON) -m venv .venv-checkov
	.venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check checkov==3.3.30
	@touch $@

clean:
	@if [ -x $(BIN)/allim ]; then $(BIN)/allim down --purge; fi
	rm -rf $(VENV) .venv-checkov .venv-lock dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.ready: requirements.txt requirements.lock requirements-dev.txt pyproject.toml
	@[ -n "$(PYTHON)" ] && $(PYTHON) $(NEW_ENOUGH) || { \
		echo "Allim needs Python 3.11 or newer, found: $$(python3 --version 2>&1)."; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.11 setup"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { \
		echo "Python's venv module is incomplete here. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing into $(VENV) (about a minute the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@
