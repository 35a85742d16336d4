# make demo    set up and transcribe a real recording with the demo checkpoint
# make test    set up and run the tests (about 10 minutes on two cores)
# make check   format, lint, types, layers, tests
# make prove   the long proofs: an hour of speech, kill loops, memory

PYTHON ?= python3
VENV ?= .venv
# Another build of torch: make setup TORCH_INDEX=<address of a wheel index>; the README names PyTorch's for CPUs.
TORCH_INDEX ?=
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test check format lint types layers prove dist clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet -c constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable . --group dev
	touch $@

demo: setup
	$(BIN)/parakeet transcribe tests/data/demo/one-two-three.flac --model demo --format srt,txt --output demo-output --overwrite
	@echo && cat demo-output/one-two-three.srt

test: setup
	$(BIN)/python -m pytest

check: setup format lint types layers test

format: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

prove: setup
	$(BIN)/python -m pytest -m prove

dist: setup
	$(BIN)/python -m pip install --quiet build
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) build dist demo-output .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
