# The targets make their own .venv, with every dependency at the tested version.
# Needed beforehand: python3 (3.11 or later) with its venv module, and make.
# Another Python has an environment of its own: make test PYTHON=python3.13 makes .venv-python3.13.
PYTHON ?= python3
VENV = .venv$(filter-out -python3,-$(notdir $(PYTHON)))
BIN = $(VENV)/bin
INSTALLED = $(VENV)/installed

# No window is ever opened, and the test workers do not fight for the cores.
export MPLBACKEND = Agg
TEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.PHONY: help demo test test-all soak docs lint benchmark clean

help:
	@echo "make demo       simulate, flag and drizzle three exposures; draws one picture"
	@echo "make test       the tests, but for the slow ones"
	@echo "make test-all   all tests"
	@echo "make soak       kill, starve and disturb it a thousand times; puts a table into docs/reliability_results.md"
	@echo "make docs       the documentation, into docs/_build/html; a warning is an error"
	@echo "make lint       ruff"
	@echo "make benchmark  how fast the step is here"
	@echo "make clean      remove the environments and everything that was made"

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

demo: $(INSTALLED)
	$(BIN)/acs-deepcr demo

test: $(INSTALLED)
	$(TEST) -m "not slow"

test-all: $(INSTALLED)
	$(TEST)

soak: $(INSTALLED)
	$(BIN)/python tests/faults/soak.py

docs: $(INSTALLED)
	$(BIN)/python -m sphinx -W --keep-going -n -q docs docs/_build/html

lint: $(INSTALLED)
	$(BIN)/ruff check .

# Compares with what is installed beside the package; the rest it reports as "not installed". To have it:
#   .venv/bin/python -m pip install -c constraints.txt -r benchmarks/requirements.txt
benchmark: $(INSTALLED)
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/memory.py

clean:
	rm -rf .venv .venv-* docs/_build build dist *.egg-info .pytest_cache .ruff_cache .hypothesis acs_deepcr_demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
