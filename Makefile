# Set-up, build, tests and checks. On a machine with Rust, a C++ compiler, Python 3 with pip and make,
# `make demo` and `make test` need nothing else; libtorch is downloaded once per user, and after that
# no target needs a network.
#
#   make demo              the quick study: table in the terminal, report in target/quickstart.html
#   make test              every test
#   make build             target/release/ablate and target/release/ablate-worker
#   make libtorch CUDA=1   the CUDA set, where no GPU is at hand to ask for it by itself

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test build libtorch lint fmt bench bench-ml parity fuzz soak deny docs clean

CARGO ?= cargo
export CUDA

# Runs a command with LIBTORCH set; LIBTORCH or LIBTORCH_USE_PYTORCH=1 in the environment wins.
torch := .ci/with-libtorch
ablate := target/release/ablate

help: ## Lists the targets.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: build ## Runs the quick study and prints its table.
	$(ablate) run pipelines/quickstart.yaml
	$(ablate) table pipelines/quickstart.yaml
	@$(ablate) report pipelines/quickstart.yaml -o target/quickstart.html
	@echo "report: target/quickstart.html"

# Two builds: only the worker links libtorch. A program that does takes 0.2 s to start.
build: libtorch ## Builds both programs in release.
	$(CARGO) build --release --locked --bin ablate
	$(torch) $(CARGO) build --release --locked --features torch --bin ablate-worker

libtorch: ## Downloads libtorch into the user's cache folder, unless it is there.
	@.ci/libtorch

# nextest runs each test in a process of its own, several at once; plain cargo does without it.
nextest := $(shell command -v cargo-nextest)
run_tests := $(if $(nextest),nextest run --no-tests=pass,test) --no-fail-fast --locked

# Cheapest first, so that most mistakes show before anything is built in release. The end-to-end tests
# need the release worker: an unoptimised one would take minutes to train, and the program under test
# finds it through ABLATE_WORKER. The tests of `ml` are run apart, because only they need a test program
# that links libtorch.
test: export ABLATE_WORKER = $(CURDIR)/target/release/ablate-worker
test: libtorch ## Runs every test.
	$(CARGO) $(run_tests) --lib
	$(if $(nextest),$(CARGO) test --doc --locked)
	@$(MAKE) --no-print-directory build
	$(CARGO) $(run_tests) --test it
	$(torch) $(CARGO) $(run_tests) --features torch --lib ml::
	$(torch) $(CARGO) $(run_tests) --features torch --test torch

# The fuzz targets need nightly to run, and only a stable compiler to stay true to the library.
lint: deny ## Checks format, lints, dependencies and that the fuzz targets build.
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- --deny warnings
	$(torch) $(CARGO) clippy --all-targets --locked --features torch -- --deny warnings
	$(CARGO) check --locked --manifest-path tests/fuzz/Cargo.toml --target-dir target

fmt: ## Formats the sources.
	$(CARGO) fmt

deny: ## Checks licences and origins of the dependencies.
	$(CARGO) fetch --locked --quiet
	@.ci/cargo-deny --all-features --locked --offline --log-level error check licenses bans sources

docs: export RUSTDOCFLAGS = --deny warnings
docs: ## Builds the documentation of the code.
	$(CARGO) doc --no-deps --locked --document-private-items

# RIVALS names a virtual environment with DVC and Snakemake, SCALE_DIR a folder on a disk of choice.
bench: build ## Measures start-up, plans, large graphs, verification, loading, augmentation and measures.
	python3 tests/bench/programs.py
	python3 tests/bench/verify.py
	python3 tests/bench/scale.py
	python3 tests/bench/many.py
	@if $${PYTORCH:-python3} -c 'import torch, torchvision' 2>/dev/null; \
	then python3 tests/bench/augment.py && python3 tests/bench/load.py; \
	else echo "loading and augmentation not compared: PYTORCH names no Python with torch 2.11.0 and torchvision 0.26.0"; fi
	@if $${PYTORCH:-python3} -c 'import prdc, sklearn, torch_fidelity' 2>/dev/null; \
	then python3 tests/bench/measures.py; \
	else echo "measures not compared: PYTORCH names no Python with prdc, scikit-learn and torch-fidelity"; fi

# PYTORCH names a Python with torch 2.11.0 and torchvision 0.26.0.
bench-ml: libtorch ## Measures training steps against PyTorch's, eager and in its fastest settings.
	$(torch) python3 tests/bench/compare_steps.py

# PYTORCH names a Python with torch 2.11.0 and torchvision 0.26.0. Builds without optimisation: libtorch does the work.
parity: libtorch ## Compares all networks with torchvision's and PyTorch's, live.
	$(torch) $${PYTORCH:-python3} -B tests/parity/live.py

# Seeds of `manifest` are the studies and the wrong manifests that the tests know, those of the others lie
# beside them; what is found is kept in target/. ABLATE_FUZZ is the seconds that each takes; without it
# manifests, of which there is most to find, take ten minutes and the others two. A thread that is about to
# end looks like a leak to the sanitiser, so none is looked for; memory is bounded anyway.
fuzzed := manifest record receipt npy npz job artifact image archive
seeds_manifest := tests/manifests/bad pipelines pipelines/ablations
fuzz: $(fuzzed:%=fuzz-%) ## Feeds damaged manifests, caches, images, jobs; needs nightly Rust.

fuzz-%:
	@command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	@mkdir -p target/fuzz-corpus/$*
	cargo +nightly fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz $* \
		target/fuzz-corpus/$* $(or $(seeds_$*),tests/fuzz/seeds/$*) -- \
		$(addprefix -dict=,$(wildcard tests/fuzz/$*.dict)) \
		-max_total_time=$(or $(ABLATE_FUZZ),$(if $(filter manifest,$*),600,120)) \
		-detect_leaks=0 -timeout=5 -max_len=16384 -malloc_limit_mb=200 -rss_limit_mb=2048

soak: export ABLATE_WORKER = $(CURDIR)/target/release/ablate-worker
soak: export ABLATE_SOAK ?= 200
soak: build ## Kills engines and workers two hundred times, also on two machines in appearance.
	$(CARGO) test --locked --test it -- --nocapture soak hosts

clean: ## Removes what was built; libtorch and the cache of artifacts stay.
	$(CARGO) clean
