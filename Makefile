# Each target builds .venv first when it is missing or when pyproject.toml changed.
PYTHON ?= python3
BIN := .venv/bin
# one worker a processor, one BLAS thread a worker; neighbouring tests, which share what they
# compile, go to one worker
TEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal
# XLA's compiling is most of the time of the tests: programs as plain as it makes them
PLAIN := JAX_DISABLE_MOST_OPTIMIZATIONS=1 XLA_FLAGS="$$XLA_FLAGS --xla_cpu_use_fusion_emitters=false"

.PHONY: demo test test-all lint figures bench docs clean

demo: .venv/built            ## the main job: the CO2 study, from data to picture
	$(BIN)/lfp run co2

test: .venv/built            ## the tests that fit in a coffee break
	$(PLAIN) $(TEST) -m "not slow and not bits"
	$(TEST) -m "bits and not slow" $$(grep -rl --include="*.py" mark.bits tests)

test-all: .venv/built        ## all tests, every program compiled as a user's
	$(TEST)

lint: .venv/built
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --level error

figures: .venv/built         ## every figure, quick settings
	$(BIN)/python figures/run_all.py

bench: .venv/built
	set -e; for script in benchmarks/*.py; do $(BIN)/python $$script; done

docs: .venv/built
	$(BIN)/pip install -q --group docs
	$(BIN)/python -m sphinx -W -b html docs docs/_build/html

.venv/built: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	$(BIN)/python -m pip install -q -e . --group dev
	$(BIN)/python -m pip install -q --no-deps neural-tangents==0.6.5 frozendict
	touch $@

clean:
	rm -rf .venv results docs/_build docs/api
