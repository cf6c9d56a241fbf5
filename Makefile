# Everything happens in .venv; nothing has to be installed before but Python 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHELL := /bin/bash
STAMP := $(VENV)/.installed

FUZZ_SECONDS ?= 15
FUZZ_SEED ?= 5000
PROGRAMS ?= 1200
CALLS ?= 30000
JIT_TESTS := $(addprefix tests/test_,$(addsuffix .py,corpus lisp kernel bignums chains debugger handles modules session foreign))

# What there is: each target's name, and the comment above it or beside it.
help:
	@awk '/^# /{said=substr($$0,3)} /^[a-z][a-z-]*:/{split($$0,part,":"); printf "  make %-12s %s\n", part[1], said; said=""} /^$$/{said=""}' Makefile

.PHONY: help demo test test-jit lint bench docs site slow slow-sample fuzz fuzz-files fuzz-lisp mutants soak wheel clean

# The main job on real input: programs compiled, preserved, restored natively, and with their pages refused.
demo: $(STAMP)
	$(BIN)/python -m csl_native.app.demo

# All fast tests.
test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 tests

# The slow tests, of which some take an hour.
slow: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 -m slow -o faulthandler_timeout=10800 tests

# The slow tests without those that repeat on every emulated machine, and at full length, what a sample shows: what CI has time for.
slow-sample: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 -m 'slow and not exhaustive' tests

# What runs programs, with every function native from its first call on.
test-jit: $(STAMP)
	CSL_NATIVE_JIT=0 $(BIN)/python -m pytest -q -n 2 $(JIT_TESTS)

# Coverage-guided fuzzing of what reads files (where atheris cannot be had, it says so); random programs in all tiers; random calls.
fuzz: fuzz-files fuzz-lisp

fuzz-files: $(STAMP)
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install -q --disable-pip-version-check 'atheris>=2.3' || true
	@if $(BIN)/python -c 'import atheris' 2>/dev/null; then for target in image directory pages code relocation heap module typed tool; do mkdir -p $(VENV)/fuzz/$$target; \
	  $(BIN)/python -m tests.fuzz $$target -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4000 -verbosity=0 -print_final_stats=1 -artifact_prefix=$(VENV)/fuzz/ $(VENV)/fuzz/$$target 2>&1 \
	  | grep -E "number_of_executed_units|ERROR|Error|SUMMARY" | sed "s/^/$$target: /"; test $${PIPESTATUS[0]} = 0 || exit 1; done; \
	else echo "no atheris for this machine: what reads files is not fuzzed"; fi

# Random programs and random calls, which begin at FUZZ_SEED: so many, that every machine tries the same ones.
fuzz-lisp: $(STAMP)
	$(BIN)/python -m tests.fuzzing.programs --seed $(FUZZ_SEED) --count $(PROGRAMS) --seconds 240
	$(BIN)/python -m tests.fuzzing.calls --seed $(FUZZ_SEED) --count $(CALLS) --seconds 240 --shrink 5

# Is what the tests claim about files, trust and code noticed when it is changed?  MUTANTS=50 SEED=2 takes a sample, ONLY=image/container.py one file.
mutants: $(STAMP)
	$(BIN)/python -m tests.mutants $(if $(ONLY),--only $(ONLY))

# Ten thousand sessions in eight threads, for ten minutes at least: memory and descriptors stay what they are.
soak: $(STAMP)
	$(BIN)/python -m tests.soak

# Lint, types (mypy, strict) and import rules.
lint: $(STAMP)
	$(BIN)/ruff check csl_native image relocation tools tests
	$(BIN)/mypy
	$(BIN)/lint-imports

# Measures; writes docs/BENCHMARKS.md, quote its ratios.
bench: $(STAMP)
	$(BIN)/python -m csl_native.bench

# Writes the generated pages of docs.
docs: $(STAMP)
	$(BIN)/python -m csl_native.build.manual

# The documents as a site, in build/site; a broken link is an error.
site: $(STAMP)
	@$(BIN)/python -c 'import material' 2>/dev/null || $(BIN)/python -m pip install -q --disable-pip-version-check -e '.[docs]' --config-settings editable_mode=compat
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo build/site/index.html

# One wheel for every machine, in dist: the kernels of all architectures are compiled for it, which takes some minutes.
wheel: $(STAMP)
	$(BIN)/python -m csl_native.build.wheel

# A Debian without python3-venv cannot make a virtual environment: the package is installed when we may, else the last line says what to do.
$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  (rm -rf $(VENV); apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV)) || \
	  (rm -rf $(VENV); echo "make needs Python's venv module; as root: apt-get install python3-venv"; exit 1)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[all,test]' --config-settings editable_mode=compat
	-$(BIN)/python -m pip install -q --disable-pip-version-check 'ziglang>=0.13'
	$(BIN)/python -m compileall -q csl_native image relocation tools
	$(BIN)/python -m csl_native.build
	touch $(STAMP)

# Away with all that was made.
clean:
	rm -rf $(VENV) csl_native/base.img build dist
