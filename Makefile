# The commands of this repository; `make help` lists them. CMake does the building, tools/setup.sh the installing.
# SPDX-License-Identifier: Apache-2.0
.DEFAULT_GOAL := build
.NOTPARALLEL:
SHELL := /bin/bash
PYTHON := build/venv/bin/python
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
# What `make test` runs, in this order; tools/run_stages.py runs them all, then says what failed. ThreadSanitizer builds
# the runtime tower only, AddressSanitizer the modules that read files of strangers, with the fuzz targets; the rest of
# AddressSanitizer's build and clang-tidy read nearly everything again: `make thorough` adds them.
TEST_STAGES := check-layers check-sizes check-sources check-format unit tsan asan-input fuzz
THOROUGH_STAGES := $(TEST_STAGES) asan lint

CPP_SOURCES = python3 tools/source_files.py .h .hpp .cc .cuh .cu

.PHONY: help setup build test thorough unit demo conformance fuzz-models docs format lint asan asan-input tsan fuzz bench \
  clean $(THOROUGH_STAGES)

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## ?/  make \1|/' | column -t -s '|'

build: build/release/build.ninja  ## what users run: build/release/rekindle (installs what is missing first)
	@tools/setup.sh build
	@cmake --build --preset release -j $(JOBS) --target shipped

build/release/build.ninja: CMakePresets.json
	@tools/setup.sh build
	@cmake --preset release

setup:  ## install all that building and testing need, and no more
	@tools/setup.sh test

test: setup  ## everything that must pass before a merge: what .ci/run calls
	@$(PYTHON) tools/run_stages.py $(TEST_STAGES)

thorough: setup  ## make test, the sanitizers, a minute of fuzzing and clang-tidy
	@$(PYTHON) tools/run_stages.py $(THOROUGH_STAGES)

unit: setup  ## build all of the release preset and run its tests
	@$(call build_and_test,release,)

asan: setup  ## the fast tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(call build_and_test,asan,-L fast)

# The modules that meet files of strangers, 170 objects in place of 420: fuzz uses the same ones.
INPUT_TESTS := base_test tensor_test ir_test ops_test onnx_test plan_test runtime_test
asan-input: setup  ## of make asan, the modules that read files of strangers
	@$(call sanitize,asan,$(INPUT_TESTS))

tsan: setup  ## the tests of threads and of the runtime under ThreadSanitizer
	@$(call sanitize,tsan,base_test runtime_test)

# sanitize(PRESET, TESTS): some tests of a preset. One that forks starts threads in the child, which ThreadSanitizer must
# be told to bear.
define sanitize
	cmake --preset $(1) >build/$(1).configure.log 2>&1 || { cat build/$(1).configure.log; exit 1; }
	cmake --build --preset $(1) -j $(JOBS) --target $(2)
	for test in $(2); do TSAN_OPTIONS=die_after_fork=0 build/$(1)/tests/$$test --gtest_brief=1 || exit 1; done
endef

# A test reads files of the tree by their paths, so configure again each time: new folders are found, one second.
define build_and_test
	cmake --preset $(1) >build/$(1).configure.log 2>&1 || { cat build/$(1).configure.log; exit 1; }
	cmake --build --preset $(1) -j $(JOBS) $(if $(filter asan tsan,$(1)),--target fast_tests)
	rm -rf build/$(1)/test-results
	ctest --test-dir build/$(1) -j $(JOBS) --output-on-failure --no-tests=error $(2)
endef

fuzz: setup  ## a minute of fuzzing in all; make fuzz FUZZ_SECONDS=3600 for longer
	@cmake --preset asan >build/asan.configure.log 2>&1 || { cat build/asan.configure.log; exit 1; }
	@cmake --build --preset asan -j $(JOBS) --target fuzz_targets
	@$(PYTHON) tools/run_fuzz.py --seconds $(FUZZ_SECONDS) --jobs $(JOBS)

docs: build  ## write the pages of docs/ that the program prints
	@build/release/rekindle ops --markdown >docs/ops.md
	@build/release/rekindle opt --list --markdown >docs/passes.md

lint: setup  ## clang-tidy; results are kept by the hash of what they depend on
	@cmake --preset release >build/release.configure.log 2>&1 || { cat build/release.configure.log; exit 1; }
	@$(PYTHON) tools/lint.py --jobs $(JOBS)

check-layers:
	@python3 tools/check_layers.py

check-sizes:
	@python3 tools/check_sizes.py

check-sources:
	@python3 tools/check_sources.py

check-format: setup
	@$(CPP_SOURCES) | xargs --no-run-if-empty clang-format --dry-run -Werror

format:  ## lay out all C++ as .clang-format says
	@$(CPP_SOURCES) | xargs --no-run-if-empty clang-format -i

demo: build  ## read the text of a picture with engines built on the spot
	@tools/fetch_models --only ppocr4_det,ppocr4_rec
	@build/release/examples/ocr_demo build/models examples/ocr_demo/sample.png -o build/ocr_demo \
		--timing-cache build/ocr_demo/timing.jsonl --expect examples/ocr_demo/sample.txt

conformance: build  ## run ONNX's backend suite and rewrite docs/conformance.md
	@tools/setup.sh test
	@$(PYTHON) tools/make_conformance_cases.py --out build/conformance
	@$(PYTHON) tools/write_conformance.py --cases build/conformance

fuzz-models: build  ## random models against onnx.reference and onnxruntime; FUZZ_SECONDS=3600 for longer
	@tools/setup.sh test
	@$(PYTHON) tools/fuzz_models.py --seed $$RANDOM --seconds $(FUZZ_SECONDS) --keep build/fuzz-models

bench: build  ## compare with onnxruntime and OpenVINO on this machine
	@tools/setup.sh bench
	@$(PYTHON) bench/run.py

clean:  ## remove build/, and with it everything but Debian packages
	rm -rf build
