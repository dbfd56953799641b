# The same targets here and in continuous integration. `make test` needs Rust (with clippy and rustfmt) and Python 3.11
# or later, and nothing else installed by hand; `page` is skipped without Chromium and its driver.

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
# SAM and the tests look for what cargo made in this folder.
export CARGO_TARGET_DIR := $(CURDIR)/target

PIP := pip install --quiet --disable-pip-version-check --no-input
PYTEST := $(VENV)/bin/python -m pytest -q -p no:cacheprovider
SOURCES := Cargo.toml Cargo.lock template.yaml $(shell find src -name '*.rs')

.PHONY: help test fmt fmt-check lint unit scenarios blackbox template build e2e bench venv clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Two things at a time: the checks, one after the other because cargo locks its target folder anyway, and beside them
# the tools and the slow optimized build, which has folders of its own. Each step's output comes when it is done.
test: ## everything that has to pass: format, lints, unit, property, black-box, page, template, end to end
	@SECONDS=0; \
	$(MAKE) --no-print-directory -j2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) IN_ORDER=yes \
	  fmt-check lint unit scenarios blackbox page template e2e; \
	echo "== all of it passed, in $$SECONDS s"

ifdef IN_ORDER
lint: fmt-check
unit: lint
scenarios: unit
# The functions of the black-box tests have real time-outs to keep: not beside what takes all cores.
blackbox: scenarios
page: blackbox
e2e: template
endif

fmt: ## format the Rust code
	cargo fmt

fmt-check:
	@echo "== format"
	cargo fmt --check

lint: ## clippy, no warnings
	@echo "== clippy"
	cargo clippy --quiet --all-targets --locked -- -D warnings

# Without them rustdoc would look for make's job server, which is not handed on, and warn.
unit: $(VENV)/stamp $(EMULATOR_VENV)/stamp ## unit, property and documentation tests, the store's on the emulator
	@echo "== unit and property tests"
	env -u MAKEFLAGS -u MFLAGS $(VENV)/bin/python -m tests.harness.with_dynamodb cargo test --quiet --locked

# A profile of its own: unoptimized, they would take half an hour.
scenarios: ## the decision on made-up histories, beside what one would build without it; leaves some in target/histories
	@echo "== scenarios"
	OIDC_TRIAGE_HISTORIES=$(CURDIR)/target/histories cargo test --quiet --locked --profile scenarios --test scenarios
	cargo build --quiet --locked --profile scenarios --bin oidc-triage

blackbox: $(VENV)/stamp $(EMULATOR_VENV)/stamp ## the real binaries, through a Runtime API and on the command line
	@echo "== black-box tests"
	cargo build --quiet --locked --bins
	$(PYTEST) tests/blackbox

# Skipped, and said so, where there is no Chromium with its driver. Leaves pictures in target/page/shots.
page: $(VENV)/stamp ## the page that replay makes, in a real browser
	@echo "== page"
	$(PYTEST) -rs tests/page

template: $(VENV)/stamp ## cfn-lint, sam validate, and tests on the transformed template
	@echo "== template"
	cfn-lint template.yaml
	sam validate --lint --template template.yaml
	$(PYTEST) tests/template

build: .aws-sam/stamp ## the deployable functions, in .aws-sam

# SAM's own check of what changed does not look at Rust sources.
.aws-sam/stamp: $(SOURCES) $(VENV)/stamp
	@echo "== optimized build"
	sam build --template template.yaml
	@touch $@

e2e: .aws-sam/stamp $(EMULATOR_VENV)/stamp ## deploy what `build` made to a local AWS, and use it
	@echo "== end to end"
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
