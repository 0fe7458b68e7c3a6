# One command proves the repository: make test. What it needs on a machine: tools/prerequisites.sh.

SHELL := /bin/bash
CARGO ?= cargo
# In CI the lock file must fit as it is committed.
LOCKED := $(if $(CI),--locked)
# Seeds of the crash world: make crash SEEDS=100000 FROM=7
SEEDS ?= 10000
FROM ?= 0
# What of a benchmark to run, all by default: make bench BENCH="answers held"; make bench-aws BENCH="drain memory"
BENCH ?=
# Seconds for each fuzz target in make test-long.
FUZZ_SECONDS ?= 60

.PHONY: help test prerequisites clients emulator template build-aws format-check lint document deny tests crash bench bench-aws bill test-vllm test-long fuzz demo image fmt

help:
	@echo "make test        everything that a change must pass"
	@echo "make test-vllm   the fleet before a real vLLM, on this machine's CPUs: answers, kills, speed"
	@echo "make test-long   fuzz each target for a minute, and 20,000 seeds of the crash world"
	@echo "make crash       the crash world alone: SEEDS=$(SEEDS) FROM=$(FROM)"
	@echo "make bench       what the gateway answers, costs and holds on this machine"
	@echo "make bench-aws   what the functions drain, hold, weigh and take to start"
	@echo "make bill        what a million jobs, a million lines of batches and an idle month cost on AWS"
	@echo "make demo        Offpeak at work against a simulated provider"
	@echo "make image       the container image offpeak"
	@echo "make template    check the SAM application's templates"
	@echo "make fmt         format the code"

# In this order also under make -j: each step uses the cores by itself.
test:
	@for step in prerequisites format-check lint document deny emulator template build-aws clients tests; do \
	  echo "== $$step"; $(MAKE) --no-print-directory $$step || exit 1; \
	done

prerequisites:
	@tools/prerequisites.sh

format-check:
	@$(CARGO) fmt --all --check
	@$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	@$(CARGO) fmt --manifest-path examples/rust/Cargo.toml --check

lint:
	$(CARGO) clippy $(LOCKED) --workspace --all-targets -- -D warnings

# The documents are for those who work on the crates: what is private is in them, and may be linked to.
document:
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" $(CARGO) doc $(LOCKED) --workspace --no-deps --document-private-items

# Advisories change by the day, so they fail no build: cargo deny check advisories
deny:
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
	  $(CARGO) deny check bans licenses sources; \
	else \
	  echo "cargo-deny is not installed: bans, licences and sources are not checked (deny.toml)"; \
	fi

# The SDKs that the tests call Offpeak with; nothing to do where they are installed.
clients:
	@tools/clients.sh

# What builds the SAM application, and the emulator that the tests deploy it into; nothing to do where they are installed.
emulator:
	@tools/aws.sh

# Neither calls AWS. The region only tells which resources there are; any would do.
template: emulator
	@SAM_CLI_TELEMETRY=0 .tools/aws/bin/sam validate --lint --region us-east-1
	@.tools/aws/bin/cfn-lint --non-zero-exit-code informational template.yaml infra/*.yaml && echo "cfn-lint: no findings"

# For this machine's architecture, which the tests deploy, and for the other; a fast profile, but the template as it is.
build-aws: emulator
	@tests/aws/build.sh

# The crash world is among the tests of crates/testkit. Of what passing tests print only its counts are shown.
tests:
	@set -o pipefail; $(CARGO) test $(LOCKED) --workspace --no-fail-fast -- --show-output 2>&1 | awk ' \
	  /^successes:/ { quiet = 1 } \
	  /^(failures:|test result:)/ { quiet = 0 } \
	  !quiet || /^[0-9]+ seeds, / { print; fflush() } \
	  /^[0-9]+ seeds, / { seeds = $$0 } \
	  /^test result:/ { suites++; passed += $$4; failed += $$6; ignored += $$8 } \
	  END { \
	    if (seeds) print "crash world: " seeds; \
	    printf "%d tests passed, %d failed, %d ignored, in %d suites\n", passed, failed, ignored, suites }'

# From 50,000 seeds on, compiling with optimisation pays.
crash:
	$(CARGO) run $(LOCKED) $$([ $(SEEDS) -lt 50000 ] || echo --release) -p offpeak-testkit --example crash -- \
	  --seeds $(SEEDS) --from $(FROM)

bench:
	$(CARGO) build $(LOCKED) --release -p offpeak
	$(CARGO) run $(LOCKED) --release -p offpeak-bench -- $(BENCH)

# Not part of make test: vLLM takes 6 GB. Two cores do for it.
test-vllm:
	@tools/vllm.sh
	$(CARGO) test $(LOCKED) -p offpeak-tests --test all vllm:: -- --ignored --nocapture --test-threads 1
	$(CARGO) build $(LOCKED) --release -p offpeak
	$(CARGO) run $(LOCKED) --release -p offpeak-bench -- vllm

# The functions for this machine; cargo lambda makes those for another.
bench-aws: emulator
	$(CARGO) build $(LOCKED) --release -p offpeak-front-door -p offpeak-packer -p offpeak-poller \
	  -p offpeak-notifier -p offpeak-operator -p offpeak-live -p offpeak-scaler -p offpeak-gpu-agent
	$(CARGO) run $(LOCKED) --release -p offpeak-bench --bin offpeak-bench-aws -- $(BENCH)

# Deploys into the emulator, counts the calls of some hundred jobs, lines and webhooks, and prices them.
bill: emulator
	@tests/aws/build.sh host
	$(CARGO) test $(LOCKED) -p offpeak-tests-aws --test aws -- --nocapture bill:: bill_batches:: bill_notices::

test-long: fuzz
	@$(MAKE) --no-print-directory crash SEEDS=20000

fuzz:
	@tools/fuzz.sh $(FUZZ_SECONDS)

demo:
	$(CARGO) run $(LOCKED) --release -- demo

image:
	docker build --tag offpeak .

fmt:
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml
	$(CARGO) fmt --manifest-path examples/rust/Cargo.toml
