# SPDX-License-Identifier: Apache-2.0
# A short front for Meson. `make` gives build/sampan.
SHELL := /bin/bash
BUILD ?= build
TEST  ?= build-test
TSAN  ?= build-tsan
FUZZ  ?= build-fuzz
FUZZ_SECONDS ?= 60
PREFIX ?= /usr/local
# Sanitizer builds take a third of the time of -O2 -g so; of a text's length gcc knows too little at -Og to warn.
CHECKED = -Dbuildtype=debug -Doptimization=g -Db_lundef=false
GCC_ARGS = -Dc_args='-g1 -Wno-format-truncation'

.PHONY: all deps up down test test-long bench fuzz tidy install clean

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD) -Dbuildtype=release -Dprefix=$(PREFIX)

$(TEST)/build.ninja:
	meson setup $(TEST) $(CHECKED) $(GCC_ARGS) -Db_sanitize=address,undefined

$(TSAN)/build.ninja:
	meson setup $(TSAN) $(CHECKED) $(GCC_ARGS) -Db_sanitize=thread

$(FUZZ)/build.ninja:
	CC=clang-14 meson setup $(FUZZ) $(CHECKED) -Dc_args=-g1 -Db_sanitize=address,undefined

deps:
	tools/deps.sh

up: deps all
	tools/up.sh

down:
	tools/down.sh

test: deps all
	BUILD=$(BUILD) TEST=$(TEST) TSAN=$(TSAN) FUZZ=$(FUZZ) tools/test.sh

test-long: deps all
	BUILD=$(BUILD) TEST=$(TEST) TSAN=$(TSAN) FUZZ=$(FUZZ) tools/test.sh --long

bench: deps all
	BUILD=$(BUILD) bench/run.sh

fuzz: deps $(FUZZ)/build.ninja
	ninja -C $(FUZZ) fuzzers
	tools/fuzz.sh $(FUZZ) $(FUZZ_SECONDS)

tidy:
	tools/tidy.py

install: all
	meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD) $(TEST) $(TSAN) $(FUZZ)
