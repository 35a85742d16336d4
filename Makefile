# make demo    set up and transcribe a real recording with the demo checkpoint
# make test    set up and run the tests (10 to 20 minutes on two cores)
# make check   format, lint, types, layers, tests
# make prove   the long proofs: an hour of speech, kill loops, memory

PYTHON ?= python3
VENV ?= .venv
# Another build of torch: make setup TORCH_INDEX=<address of a wheel index>; the README names PyTorch's for CPUs.
TORCH_INDEX ?=
# That run tests side by side; many of them wait. More threads than processors would wait for each other.
PROCESSES ?= 2
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CLIENTS := $(VENV)/clients
# Of the OpenAI client: the last 1.x and a 2.x; the newest is in the environment itself.
OLDER_CLIENTS := openai-1==1.109.1 openai-2==2.54.0
NODE_CLIENTS := tests/server/conformance/node/package.json tests/server/conformance/node/package-lock.json

.PHONY: setup clients demo test check format lint types layers prove dist clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet -c constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable . --group dev
	touch $@

clients: $(CLIENTS)/.installed

$(CLIENTS)/.installed: $(NODE_CLIENTS) Makefile | $(STAMP)
	rm -rf $(CLIENTS)
	mkdir -p $(CLIENTS)/node
	for client in $(OLDER_CLIENTS); do \
		$(BIN)/python -m pip install --quiet --no-deps --target $(CLIENTS)/$${client%%=*} openai==$${client##*=} || exit; \
	done
	cp $(NODE_CLIENTS) $(CLIENTS)/node
	PATH="$(abspath $(BIN)):$$PATH" npm ci --loglevel=error --no-audit --no-fund --ignore-scripts --prefix $(CLIENTS)/node \
		&& touch $@ || echo "npm failed: the tests with Node's clients are skipped."

demo: setup
	$(BIN)/parakeet transcribe tests/data/demo/one-two-three.flac --model demo --format srt,txt --output demo-output --overwrite
	@echo && cat demo-output/one-two-three.srt

test: setup clients
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile

check: setup format lint types layers test

format: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

prove: setup clients
	$(BIN)/python -m pytest -m prove

dist: setup
	$(BIN)/python -m pip install --quiet build
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) build dist demo-output .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
