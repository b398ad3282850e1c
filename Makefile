# `make` alone lists what can be done. Everything here works from a fresh clone: .ci/setup gets what is missing.
#
# PYTHON=…        the Python to make .venv with
# PYTEST_ARGS=…   more arguments for pytest, as in: make test PYTEST_ARGS='-k canonical -x'

.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?=
export PYTHON

# Tests and demo find ruff, pytest and the others as a person does who activated .venv.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

python := .venv/bin/python
# At least two, so that a test which needs the machine to itself shows that everywhere.
workers := $(shell n=$$(nproc 2>/dev/null || echo 2); [ "$$n" -ge 2 ] || n=2; echo "$$n")
PYTEST_ARGS ?=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: ## see the whole flight on this machine, with a small real shop
	@.ci/setup demo
	@$(python) -m lockflight demo

.PHONY: test
test: ## run the whole test suite
	@.ci/setup test
	@$(python) -m pytest -n $(workers) $(PYTEST_ARGS)

.PHONY: slow
slow: ## run the tests that take long on real engines: signals and kills, a real swarm
	@.ci/setup test
	@$(python) -m pytest -n $(workers) -m slow $(PYTEST_ARGS)

.PHONY: check
check: ## lint, format, types, import direction, documentation, schemas
	@.ci/setup check
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	$(python) -m pytest $(PYTEST_ARGS) tests/test_imports.py tests/test_docs.py tests/test_schemas.py

.PHONY: format
format: ## put the source into its canonical form
	@.ci/setup check
	$(python) -m ruff check --fix .
	$(python) -m ruff format .

.PHONY: schemas
schemas: ## write schemas/ anew from the models
	@.ci/setup check
	$(python) -m lockflight.schemas

.PHONY: docs
docs: ## write the generated reference in docs/ anew
	@.ci/setup check
	$(python) -m lockflight.reference

.PHONY: bench
bench: ## measure against curl, skopeo, the Docker SDK and Compose
	@.ci/setup bench
	@$(python) tests/bench/run.py

.PHONY: wheel
wheel: ## build the wheel into dist/
	@.ci/setup check
	$(python) -m build --wheel --no-isolation

.PHONY: pins
pins: ## write .ci/constraints.txt anew with the newest versions that pyproject.toml allows
	@.ci/pins

.PHONY: clean
clean: ## remove .venv, caches and what was built
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
	find engine tests -name __pycache__ -prune -exec rm -rf {} +
