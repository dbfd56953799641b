# The same targets run here and in continuous integration. `make test` needs Rust (with clippy and rustfmt) and Python
# 3.11 or later, and nothing else; `page` is skipped without Chromium and its driver.
#
#   PROPTEST_CASES   how many cases each property is tried with
#   OIDC_TRIAGE_SEEDS   how many seeds of each scenario are simulated; unset: all 20, but 5 in `test`
#   WORKERS   how many black-box tests run at a time

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
EMULATOR_VENV := .venv-emulator
CHECKOV_VENV := .venv-checkov
# cargo-lambda brings the linker that makes a bootstrap for Amazon Linux; `sam` finds both on the PATH.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
# `sam validate` and `sam build` want a region; nothing here talks to AWS.
export AWS_DEFAULT_REGION := us-east-1
export PYTHONDONTWRITEBYTECODE := 1
# SAM and the tests look for what cargo made in this folder.
export CARGO_TARGET_DIR := $(CURDIR)/target
# Computed once, and passed to the makes below.
ifndef TOOLCHAIN_CHOSEN
export TOOLCHAIN_CHOSEN := yes
TOOLCHAIN := $(shell tests/harness/toolchain.sh)
ifneq ($(TOOLCHAIN),)
export RUSTUP_TOOLCHAIN := $(TOOLCHAIN)
endif
endif

# Identical wherever it is built. The command line runs on any processor, and on Linux from 2014 on: cargo-lambda has
# the linker for that, and would by itself choose one for Lambda's processors.
BUILD_FUNCTION := tools/remapped.sh sam build --template template.yaml
BUILD_COMMAND_LINE := tools/remapped.sh cargo lambda build --quiet --release --locked --disable-optimizations --bin oidc-triage --features oidc-triage/s3 \
  --target x86_64-unknown-linux-gnu.2.17

# For a release: the same for the other processor, where Rust's standard library for it is installed. The function is built by
# the flags that SAM gives cargo-lambda.
ARM_TARGET := aarch64-unknown-linux-gnu
HAS_ARM = $(wildcard $(shell $(if $(RUSTUP_TOOLCHAIN),RUSTUP_TOOLCHAIN=$(RUSTUP_TOOLCHAIN)) rustc --print sysroot)/lib/rustlib/$(ARM_TARGET))
BUILD_ARM := tools/remapped.sh cargo lambda build --quiet --release --locked --lambda-dir target/arm64
BUILD_ARM_FUNCTION := $(BUILD_ARM) --arm64 --bin oidc-triage-function
BUILD_ARM_COMMAND_LINE := $(BUILD_ARM) --disable-optimizations --bin oidc-triage --features oidc-triage/s3 --target $(ARM_TARGET).2.17

# Everything that can be built, with one choice of features: with another one cargo would compile everything again.
WHOLE := --workspace --features oidc-triage/s3

# They mostly wait, so there are more of them than cores.
WORKERS ?= 6
# Results of each part for the table at the end.
PARTS := target/parts

# Only files with the pinned hash are installed. The lists are complete, and pip must not look for more: packages needed
# both with and without extras would confuse it. `pip check` verifies that nothing is missing.
PIP := pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps
PYTEST = mkdir -p $(PARTS); $(VENV)/bin/python -m pytest -q -p no:cacheprovider --junitxml=$(PARTS)/$@.xml
# Tests of Rust, and their times.
TIMED_TESTS = cargo test --quiet --locked \
  --config 'target."cfg(all())".runner = ["python3", "$(CURDIR)/tests/harness/timed_tests.py", "$(CURDIR)/$(PARTS)/$@"]'
SOURCES := Cargo.toml Cargo.lock rust-toolchain.toml template.yaml tools/remapped.sh $(shell find src crates -name '*.rs' -o -name Cargo.toml)

.PHONY: help check test soak faults properties fmt fmt-check lint audit unit fuzz-smoke scenarios blackbox page template checkov build \
  reproducible release release-check e2e bench fuzz clients pictures venv requirements clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: fmt-check lint ## the quick checks: format, lints, unit tests of the crates
	@echo "== unit tests of the crates"
	PROPTEST_CASES=$(or $(PROPTEST_CASES),16) $(TIMED_TESTS) $(WHOLE) --lib

# Two rows at a time: the checks, one after the other because cargo locks its target folder anyway, and the tools and
# the slow optimized build, which has its own folders. Each part's output appears when it is done.
test: ## everything that must pass: format, lints, unit, property, black-box, page, template, end to end
	@rm -rf $(PARTS); mkdir -p $(PARTS); SECONDS=0; status=0; \
	PROPTEST_CASES=$(or $(PROPTEST_CASES),32) OIDC_TRIAGE_SEEDS=$(or $(OIDC_TRIAGE_SEEDS),5) \
	  $(MAKE) --no-print-directory -j2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=recurse) IN_ORDER=yes \
	  part-page part-e2e || status=$$?; \
	python3 -m tests.harness.parts $(PARTS); \
	if [ $$status = 0 ]; then echo "== all of it passed, in $$SECONDS s"; fi; exit $$status

# A part, and how long it took.
part-%:
	@mkdir -p $(PARTS); begin=$$(date +%s); status=0; $(MAKE) --no-print-directory $* || status=$$?; \
	echo $$begin $$(( $$(date +%s) - begin )) $$status > $(PARTS)/$*.time; exit $$status

# The two rows of parts that `test` runs.
ifdef IN_ORDER
part-lint: part-fmt-check part-venv
part-unit: part-lint part-venv
part-fuzz-smoke: part-unit
part-scenarios: part-fuzz-smoke
part-blackbox: part-scenarios
part-faults: part-blackbox
part-page: part-faults
part-build: part-venv
part-template: part-build
part-e2e: part-template
endif

# Failed seeds are named at the end: `make soak SEEDS=1 FROM=17` simulates one of them again.
soak: $(VENV)/stamp $(EMULATOR_VENV)/stamp ## 200 simulated outages with 64 execution environments, while everything else fails too
	@echo "== soak"
	cargo build --quiet --locked --profile test $(WHOLE) --bins --tests
	$(VENV)/bin/python -m tests.soak --seeds $(or $(SEEDS),200) --from $(or $(FROM),0) --jobs $(or $(JOBS),2)

faults: $(VENV)/stamp $(EMULATOR_VENV)/stamp ## ten seeds of the soak
	@echo "== faults"
	cargo build --quiet --locked --profile test $(WHOLE) --bins --tests
	$(PYTEST) -n 2 --maxschedchunk=1 --dist loadgroup tests/soak

properties: $(VENV)/stamp $(EMULATOR_VENV)/stamp ## the property tests with many cases
	@echo "== properties"
	PROPTEST_CASES=$(or $(PROPTEST_CASES),20000) \
	  $(VENV)/bin/python -m tests.harness.with_dynamodb cargo test --quiet --locked $(WHOLE)

# The only check that depends on others each time, and so not part of `test`. ADVISORIES is the URL of a copy of the
# database, if the original is unavailable.
RUSTSEC := https://github.com/RustSec/advisory-db
audit: $(VENV)/stamp ## known vulnerabilities of the dependencies, from the RustSec database
	@echo "== audit"
	$(if $(ADVISORIES),GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0='url.$(ADVISORIES).insteadOf' GIT_CONFIG_VALUE_0=$(RUSTSEC)) \
	  cargo-deny --log-level warn --locked --workspace check -D warnings advisories
	@git -C target/advisories/advisory-db-* log -1 --format='the newest advisory known is of %cs'

fmt: ## format the Rust code
	cargo fmt --all

fmt-check:
	@echo "== format"
	cargo fmt --all --check

lint: $(VENV)/stamp ## the walls between crates and files, clippy without warnings, licences and sources (deny.toml)
	@echo "== walls, clippy, licences and sources"
	python3 -m tests.structure.walls
	cargo-deny --log-level warn --locked --workspace check -D warnings licenses bans sources
	cargo clippy --quiet $(WHOLE) --all-targets --locked -- -D warnings
	@# As it is built by default: less of the command line.
	cargo clippy --quiet --package oidc-triage --locked -- -D warnings

unit: $(VENV)/stamp $(EMULATOR_VENV)/stamp ## unit and property tests, the store's on the emulator
	@echo "== unit and property tests"
	$(VENV)/bin/python -m tests.harness.with_dynamodb $(TIMED_TESTS) $(WHOLE) --tests
	$(PYTEST) tests/structure

fuzz-smoke: ## half a minute of hostile input for every parser, the same in every run
	@echo "== hostile input"
	$(TIMED_TESTS) $(WHOLE) --test smoke

scenarios: ## the decision on simulated histories, next to simple alternatives; leaves some in target/histories
	@echo "== scenarios"
	OIDC_TRIAGE_HISTORIES=$(CURDIR)/target/histories cargo test --quiet --locked $(WHOLE) --test scenarios

# Uses the build of `unit`: another choice of packages or targets has other features, and would compile everything
# again.
blackbox: $(VENV)/stamp $(EMULATOR_VENV)/stamp ## the real binaries, through a Runtime API and on the command line
	@echo "== black-box tests"
	cargo build --quiet --locked --profile test $(WHOLE) --bins --tests
	$(PYTEST) -n $(WORKERS) --maxschedchunk=1 tests/blackbox

# Skipped with a message without Chromium and its driver. Leaves pictures in target/page/shots.
page: $(VENV)/stamp ## the HTML page of replay, in a real browser
	@echo "== page"
	$(PYTEST) -rs tests/page

template: $(VENV)/stamp ## cfn-lint, sam validate, and tests on the transformed template
	@echo "== template"
	cfn-lint template.yaml organization/*.yaml
	sam validate --lint --template template.yaml
	$(PYTEST) tests/template

# Separate, because it needs a hundred packages that nothing else does. Its exceptions are in the template, with
# reasons; it uses no network.
checkov: $(CHECKOV_VENV)/stamp ## check the template with checkov
	@echo "== checkov"
	$(CHECKOV_VENV)/bin/checkov --quiet --compact --skip-download --framework cloudformation --file template.yaml

build: .aws-sam/stamp ## the deployable functions, in .aws-sam

# SAM's own change detection does not look at Rust sources.
.aws-sam/stamp: $(SOURCES) $(VENV)/stamp
	@echo "== optimized build"
	$(BUILD_FUNCTION)
	@touch $@

# The command line says of which commit it is. Nothing else depends on that, so the function is not built for it anew.
release reproducible: export OIDC_TRIAGE_COMMIT = $(shell tools/commit.sh)

# Not part of `test`: one more optimized build of everything.
reproducible: .aws-sam/stamp ## check that a second build in another place is identical bit by bit
	@echo "== reproducible"
	$(BUILD_COMMAND_LINE)
	$(VENV)/bin/python -m tools.reproducible '$(BUILD_FUNCTION)' '$(BUILD_COMMAND_LINE)'

# The files carry the commit's time, so that another build gets the same. With TAG it is checked that the release is of it.
release: export SOURCE_DATE_EPOCH := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null))
release: .aws-sam/stamp $(EMULATOR_VENV)/stamp ## the files of a release, in dist: functions, templates, command line, checksums
	@echo "== release"
	$(if $(TAG),$(VENV)/bin/python -m tools.release --tag $(TAG))
	$(BUILD_COMMAND_LINE)
	$(if $(HAS_ARM),$(BUILD_ARM_FUNCTION))
	$(if $(HAS_ARM),$(BUILD_ARM_COMMAND_LINE),@echo "no arm64: it needs 'rustup target add $(ARM_TARGET)'")
	$(VENV)/bin/python -m tools.release \
	  --build x86_64 .aws-sam/build/TriageFunction/bootstrap target/lambda/oidc-triage/bootstrap \
	  $(if $(HAS_ARM),--build arm64 target/arm64/oidc-triage-function/bootstrap target/arm64/oidc-triage/bootstrap) dist
	cd dist && sha256sum --check --quiet SHA256SUMS
	cfn-lint dist/template*.yaml
	$(MAKE) --no-print-directory release-check

# Also what a release's workflow runs on the other processor.
release-check: export OIDC_TRIAGE_DIST := $(CURDIR)/dist
release-check: $(VENV)/stamp $(EMULATOR_VENV)/stamp ## try the files in dist: install the command line, deploy to a local AWS
	@echo "== release-check"
	$(PYTEST) tests/blackbox/test_install.py tests/e2e/test_release.py

e2e: .aws-sam/stamp $(EMULATOR_VENV)/stamp ## deploy the build to a local AWS, and use it
	@echo "== end to end"
	$(PYTEST) tests/e2e

# A separate, empty folder: the time to the first answer is one of the numbers.
bench: export CARGO_TARGET_DIR := $(CURDIR)/target/bench
bench: ## benchmarks of this program next to the common way, in one run
	rm -rf target/bench
	python3 -m tests.harness.first_answer
	cargo build --quiet --release --locked --workspace --bins --examples
	cargo bench --locked --workspace

# Each target's share of the time: the decoder reads what anybody can send.
FUZZ_SHARES := decode=25 sdk-text=20 logs=15 call=10 replay=15 items=10 policy=5

# Needs a C++ compiler, for libFuzzer. Its corpus stays in target/fuzz, and so does an input that breaks something.
fuzz: ## hostile input for every parser, for ten minutes (FUZZ_SECONDS)
	RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/fuzz/instrumented cargo build --quiet --locked --profile fuzz -p triage-fuzz \
	  --features guided --bins --target-dir target/fuzz
	for share in $(FUZZ_SHARES); do \
	  name=$${share%=*}; seeds=fuzz/seeds/$$name; if [ ! -d $$seeds ]; then seeds=events; fi; \
	  mkdir -p target/fuzz/corpus/$$name; \
	  target/fuzz/fuzz/$$name -max_len=4096 -timeout=5 -print_final_stats=1 \
	    -max_total_time=$$(( $(or $(FUZZ_SECONDS),600) * $${share#*=} / 100 )) \
	    -artifact_prefix=target/fuzz/$$name- target/fuzz/corpus/$$name $$seeds; \
	done

# Needs Chromium with its driver. Look at them: a test only sees that they are of the present texts.
pictures: ## the pictures of the README, from the notices in tests/notices
	python3 -m tools.pictures

# Not a test: real clients run against the fake service, and their logs become data for tests. Needs root, on Debian.
clients: ## collect real clients' logs of failed calls in tests/clients/corpus
	python3 -m tests.clients

venv: $(VENV)/stamp $(EMULATOR_VENV)/stamp ## install the Python tools, in folders of this project

$(VENV)/stamp: tests/requirements.txt
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/$(PIP) -r $<
	$(VENV)/bin/pip check >/dev/null
	@touch $@

# A separate environment: the emulator pins botocore.
$(EMULATOR_VENV)/stamp: tests/requirements-emulator.txt
	python3 -m venv --clear $(EMULATOR_VENV)
	$(EMULATOR_VENV)/bin/$(PIP) -r $<
	$(EMULATOR_VENV)/bin/pip check >/dev/null
	@touch $@

$(CHECKOV_VENV)/stamp: tests/requirements-checkov.txt
	python3 -m venv --clear $(CHECKOV_VENV)
	$(CHECKOV_VENV)/bin/$(PIP) -r $<
	$(CHECKOV_VENV)/bin/pip check >/dev/null
	@touch $@

# Pins stay unchanged, unless UPGRADE says what to raise: `make requirements UPGRADE='-P pytest'`, or `UPGRADE=-U` for
# all. The hashes cover each file of a version, for every platform.
requirements: ## pin the Python tools and their hashes again, from the short lists in tests/*.in
	python3 -m venv --clear target/pin
	target/pin/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
	for list in tests/requirements tests/requirements-emulator tests/requirements-checkov; do \
	  target/pin/bin/uv pip compile --quiet --universal --python-version 3.11 --strip-extras --generate-hashes $(UPGRADE) \
	    --custom-compile-command 'make requirements' $$list.in -o $$list.txt >/dev/null; \
	done

clean: ## remove all builds and the Python tools
	cargo clean --quiet
	rm -rf .aws-sam dist $(VENV) $(EMULATOR_VENV) $(CHECKOV_VENV)
