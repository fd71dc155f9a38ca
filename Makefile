# Everything a checkout needs: `make demo` and `make test` set up .venv on a machine with Python >= 3.11 and a
# package index. No root, nothing installed outside this folder.

PYTHON ?= python3
ROOT ?= .demo
REPORT ?= $(ROOT)/report.json
BIN := .venv/bin

.PHONY: spark help demo test bench lint format docs setup constraints clean

help:
	@echo "make demo    the whole story on a local workspace: train, serve, drift, alert (about two minutes)"
	@echo "make test    the whole test suite"
	@echo "make spark   add Sail and PySpark, which the tests of the Spark engine need (400 MB)"
	@echo "make bench   benchmarks against peers and floors"
	@echo "make lint    ruff, mypy, import rules"
	@echo "make docs    regenerate the references in docs/"
	@echo "make clean   remove .venv, .tools and $(ROOT)"

setup: .venv/.ready

# Modules are compiled here and once: where Python may not write its own, every process would do it again, for
# seconds. uv comes from the PATH, else from a virtual environment of its own, else (where venv is not packaged with
# Python) from pip into a folder.
.venv/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version 2>&1); Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	@set -e; \
	if command -v uv >/dev/null 2>&1; then uv=uv; \
	else \
	  if [ ! -x .tools/bin/uv ]; then \
	    echo "Getting uv"; rm -rf .tools; \
	    { $(PYTHON) -m venv .tools >/dev/null 2>&1 && .tools/bin/python -m pip install --quiet uv; } || \
	    { rm -rf .tools; $(PYTHON) -m pip install --quiet --target .tools uv; }; \
	  fi; \
	  uv=.tools/bin/uv; \
	fi; \
	echo "Setting up .venv"; \
	[ -x $(BIN)/python ] || $$uv venv --quiet --python $(PYTHON) .venv; \
	$$uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'; \
	touch $@

demo: setup
	@$(BIN)/databricks-monitoring demo --root $(ROOT) --report $(REPORT)

test: setup
	@$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile

# Sail and PySpark, for the tests of engines; 400 MB that nothing else needs.
spark: setup
	@uv=$$(command -v uv || { [ -x .tools/bin/uv ] && echo .tools/bin/uv; } || echo $(BIN)/uv); \
	$$uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[dev,spark-test]'

bench: setup
	@echo "The engine"; $(BIN)/python benchmarks/engine.py
	@echo "Its peers"; $(BIN)/python benchmarks/peers.py
	@echo "The model server"; $(BIN)/python benchmarks/serving.py
	@echo "Unpacking"; $(BIN)/python benchmarks/unpacking.py
	@echo "Faults"; $(BIN)/python benchmarks/faults.py
	@$(BIN)/python benchmarks/report.py

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python docs/generate.py --check
	@$(BIN)/python benchmarks/report.py --check

format: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: setup
	@$(BIN)/python docs/generate.py

# Exact versions that were tested, for repeatable set-ups; ranges are in pyproject.toml.
constraints: setup
	@uv=$$(command -v uv || echo .tools/bin/uv); $$uv pip freeze --python $(BIN)/python --exclude-editable > constraints.txt

clean:
	rm -rf .venv .tools $(ROOT) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
