# Everything a person or CI runs. `make` alone lists the targets.

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
	$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
VENV := .venv
BIN := $(VENV)/bin
# pip and uv are told where packages come from by the machine's own configuration, never by this repository.
UV := .colorway/uv

# A traceback with source lines reads the program again, and CPython 3.11 may fail in that; native ones do not.
E2E := $(BIN)/python -m pytest -m e2e tests/e2e --tb=native

.DEFAULT_GOAL := help
.PHONY: help set-up up down test e2e e2e-full soak bench lint format lock schema

help: ## Print this table
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

set-up: $(VENV)/.stamp ## Python environment from the hashed requirements (nothing to do the second time)

$(VENV)/.stamp: requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed, and python3 on PATH is older or missing;" \
		"install it, or say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "make: $(PYTHON) cannot make virtual environments; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "Installing the Python packages into $(VENV) (once, one to three minutes)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --requirement requirements-dev.txt \
		| awk -v total="$$(grep -c '^[a-z].*==' requirements-dev.txt)" \
			'/^Collecting/ && ++n % 10 == 0 { print "  package " n " of " total; fflush() }'
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

up: set-up ## Everything, from a clean clone to a running platform on this machine
	@$(BIN)/python -m colorway up local

down: set-up ## Remove the local stack; DATA=1 removes its data, too
	@$(BIN)/python -m colorway down local $(if $(filter 1 yes true,$(DATA)),--data)

test: lint ## All tests that need no Docker, three to five minutes on two cores
	$(BIN)/python -m pytest --ignore tests/e2e --numprocesses auto --maxprocesses 4 --dist loadfile

e2e: set-up ## The gate: one test for each promise, on a real engine and swarm; installs and starts Docker
	$(BIN)/python -m colorway setup local
	$(E2E) $(call beside,$(or $(LABS),2)) --durations 10

# Labs wait more than they work: two of them side by side. A data store's wait most: with three, two cores are never idle.
LABS ?= $(if $(filter data,$(AREA)),3,$(if $(filter edge hosts lab,$(AREA)),2))
beside = $(if $(filter-out 1,$(1)),--numprocesses $(1) --dist loadscope)

e2e-full: set-up ## Every test on a real engine and swarm; AREA=release only those of one area, LABS=1 one lab at a time
	$(BIN)/python -m colorway setup local
	$(E2E) --full $(if $(AREA),--area $(AREA)) $(call beside,$(LABS)) $(if $(filter-out 1,$(LABS)),-rP)

soak: set-up ## 20 ramps, releases and rollbacks in a row under load, where make e2e-full has 2; CYCLES=50 makes more
	$(BIN)/python -m colorway setup local
	COLORWAY_CYCLES=$(or $(CYCLES),20) $(E2E) --full -s -k in_a_row

bench: set-up ## Measure the times that the README names
	$(BIN)/python -m tests.e2e.bench

lint: set-up ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m mypy

format: set-up ## Format, and fix what ruff can fix
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

lock: $(UV)/bin/uv ## Lock the requirements with hashes; UPGRADE=1 takes newer versions
	@$(call lock,requirements.in) -o requirements.txt --universal
	@$(call lock,requirements-dev.in -c requirements.txt) -o requirements-dev.txt --universal

# uv writes its arguments into the file, so their order is part of the lock.
lock = $(UV)/bin/uv pip compile --quiet $(if $(UPGRADE),--upgrade) --generate-hashes --no-emit-index-url \
	--no-emit-find-links --python-version 3.11 $(1)

$(UV)/bin/uv:
	@$(PYTHON) -m venv $(UV)
	@$(UV)/bin/pip install --quiet --disable-pip-version-check uv

schema: set-up ## Write the JSON schemas of the files that a user edits
	@$(BIN)/python -m colorway.config.schema
