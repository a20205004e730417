# A thin front over the CMake presets of CMakePresets.json, which work alone too:
#   cmake --preset release && cmake --build --preset release && ctest --preset release
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
BUILD := build/release
WINNOW := $(BUILD)/app/winnow

.PHONY: help demo build test install bench format lint tidy fuzz clean

help:  ## what there is to make
	@sed -n 's/^\([a-z]*\):.*##/  make \1 -/p' Makefile

demo: build  ## build winnow, fetch its default models, rerank a question over a document file
	@tools/demo.sh $(WINNOW)

build:  ## the program alone, optimised: build/release/app/winnow
	@tools/install_deps.sh build
	@test -f $(BUILD)/build.ninja || cmake --preset release -DWINNOW_TESTS=OFF -DWINNOW_BENCH=OFF
	@cmake --build $(BUILD) --target winnow -j $(JOBS)

test:  ## everything that CI runs: lint, tests, sanitizers, fuzz smoke, examples; ends with the counts
	@tools/install_deps.sh test
	@python3 tools/run_tests.py --jobs $(JOBS)

install: build  ## into PREFIX, default /usr/local
	@cmake --install $(BUILD) --prefix $(PREFIX)

bench:  ## the benchmarks' programs, in build/release/bench; each prints JSON lines
	@tools/install_deps.sh test
	@cmake --preset release -DWINNOW_BENCH=ON
	@cmake --build $(BUILD) -j $(JOBS)

format:  ## rewrite the C++ files as .clang-format says
	@tools/install_deps.sh test
	@git ls-files -co --exclude-standard '*.h' '*.cpp' | xargs clang-format-14 -i

lint:  ## what no compiler checks; seconds
	@tools/install_deps.sh test
	@python3 tools/lint.py

tidy:  ## clang-tidy over every source of src and app; minutes
	@tools/install_deps.sh test
	@python3 tools/run_tests.py --jobs $(JOBS) --only tidy

fuzz:  ## each fuzz target for SECONDS seconds, default 60
	@tools/install_deps.sh test
	@python3 tools/run_tests.py --jobs $(JOBS) --only fuzz --fuzz-seconds $(or $(SECONDS),60)

clean:  ## forget every build
	@rm -rf build
