# The same targets here and in continuous integration. `make test` needs Rust (with clippy and rustfmt) and Python 3.11
# or later, and nothing else installed by hand.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
EMULATOR_VENV := .venv-emulator
# cargo-lambda brings the linker that makes a bootstrap for Amazon Linux; `sam` finds both on the PATH.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
# `sam validate` and `sam build` want a region; nothing here talks to AWS.
export AWS_DEFAULT_REGION := us-east-1
export PYTHONDONTWRITEBYTECODE := 1

PIP := pip install --quiet --disable-pip-version-check --no-input
PYTEST := $(VENV)/bin/python -m pytest -q -p no:cacheprovider
SOURCES := Cargo.toml Cargo.lock template.yaml $(shell find src -name '*.rs')

.PHONY: help test parts fmt fmt-check lint unit blackbox template build e2e bench venv clean
.PHONY: chain-cargo chain-sam

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The slow optimized build runs beside the checks, which have another target folder: its last minutes use one core.
# Each step's output is held back until it is done, so that the two do not mix.
test: ## everything that has to pass: format, lints, unit, property, black-box, template, end to end
	@SECONDS=0; $(MAKE) --no-print-directory -j2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) parts; \
	echo "all tests passed in $$SECONDS s"

parts: chain-cargo chain-sam
# One after the other: cargo locks its target folder anyway.
chain-cargo: fmt-check
	@$(MAKE) --no-print-directory -j1 lint
	@$(MAKE) --no-print-directory -j1 unit
	@$(MAKE) --no-print-directory -j1 blackbox
chain-sam: $(VENV)/stamp $(EMULATOR_VENV)/stamp
	@$(MAKE) --no-print-directory -j1 template
	@$(MAKE) --no-print-directory -j1 e2e

fmt: ## format the Rust code
	cargo fmt

fmt-check:
	cargo fmt --check

lint: ## clippy, no warnings
	cargo clippy --quiet --all-targets --locked -- -D warnings

unit: ## unit, property and documentation tests
	cargo test --quiet --locked

blackbox: $(VENV)/stamp ## the real binaries, through a Runtime API and on the command line
	cargo build --quiet --locked --bins
	$(PYTEST) tests/blackbox

template: $(VENV)/stamp ## cfn-lint, sam validate, and tests on the transformed template
	cfn-lint template.yaml
	sam validate --lint --template template.yaml
	$(PYTEST) tests/template

build: .aws-sam/stamp ## the deployable functions, in .aws-sam

# SAM's own check of what changed does not look at Rust sources.
.aws-sam/stamp: $(SOURCES) $(VENV)/stamp
	sam build --template template.yaml
	@touch $@

e2e: $(EMULATOR_VENV)/stamp .aws-sam/stamp ## deploy what `build` made to a local AWS, and use it
	$(PYTEST) tests/e2e

bench: ## our numbers beside the common way's, in one run
	cargo build --quiet --release --locked --bins --examples
	cargo bench --locked

venv: $(VENV)/stamp $(EMULATOR_VENV)/stamp ## the Python tools, in folders of this project

$(VENV)/stamp: tests/requirements.txt
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/$(PIP) -r $<
	@touch $@

# An environment of its own: the emulator pins botocore.
$(EMULATOR_VENV)/stamp: tests/requirements-emulator.txt
	python3 -m venv --clear $(EMULATOR_VENV)
	$(EMULATOR_VENV)/bin/$(PIP) -r $<
	@touch $@

clean: ## remove what was built, and the Python tools
	cargo clean --quiet
	rm -rf .aws-sam $(VENV) $(EMULATOR_VENV)
