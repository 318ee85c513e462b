# `make run` runs the quickstart study and prints where its report is; `make test` checks everything that is quick.
# `make perf` measures how fast it is, for instance: make perf ARGS='planning images --out FOLDER'
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test test-slow perf lint wheel clean

run: .venv/ready
	$(BIN)/bench run --study quickstart

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m slow

perf: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python tests/performance $(ARGS)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

wheel: .venv/ready
	$(BIN)/python -m build --wheel

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info
