# Everything happens in .venv; nothing has to be installed before but Python 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint bench docs base slow clean

demo: $(STAMP)
	$(BIN)/python -m csl_native.demo

test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 tests

slow: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 -m slow tests

lint: $(STAMP)
	$(BIN)/ruff check csl_native image relocation tools tests
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m csl_native.bench

docs: $(STAMP)
	$(BIN)/python -m csl_native.manual

# A Debian without python3-venv cannot make a virtual environment: the package is installed when we may, else the last line says what to do.
$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  (rm -rf $(VENV); apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV)) || \
	  (rm -rf $(VENV); echo "make needs Python's venv module; as root: apt-get install python3-venv"; exit 1)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[compile,tools,test]' --config-settings editable_mode=compat
	-$(BIN)/python -m pip install -q --disable-pip-version-check 'ziglang>=0.13'
	$(BIN)/python -m compileall -q csl_native image relocation tools
	$(BIN)/python -m csl_native.build
	touch $(STAMP)

clean:
	rm -rf $(VENV) csl_native/base.img
