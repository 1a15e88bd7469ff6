# Needs python3 (3.11 or later) and make, and for development on Python before 3.13 a C compiler
# (durable_rules has no wheels); everything else goes into .venv.
# If uv is installed it is used, because it is faster; else venv and pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

ifneq ($(UV),)
INSTALL := VIRTUAL_ENV=$(CURDIR)/$(VENV) uv pip install --quiet
else
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

.PHONY: help
help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# ------------------------------------------------------------------------------- install

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "leadrules needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1 || true)." >&2; \
	  echo "Name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
ifneq ($(UV),)
	@uv venv --quiet --seed --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
else
	@$(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); \
	  echo "$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; \
	  exit 2; }
endif

$(VENV)/.demo-stamp: pyproject.toml | $(BIN)/python
	@echo "Installing leadrules into $(VENV) (about 150 MB, once) ..."
	@$(INSTALL) -e '.[demo]'
	@touch $@

$(VENV)/.dev-stamp: pyproject.toml | $(BIN)/python
	@echo "Installing leadrules and its development tools into $(VENV) (about 450 MB, once) ..."
	@$(INSTALL) -e '.[demo,dev]'
	@touch $@ $(VENV)/.demo-stamp

# What some tests use besides Python: a browser, an IMAP server, what PDFs are set with. Where it
# is missing these tests say so and are skipped.
DEBIAN := chromium dovecot-imapd fonts-noto-cjk libharfbuzz-subset0 libpango-1.0-0 libpangoft2-1.0-0

.PHONY: debian
debian: ## on Debian and Ubuntu, as root: what tests of pages, mailboxes and PDFs use
	@apt-get update -qq
	@DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(DEBIAN) >/dev/null

# ----------------------------------------------------------------------------------- use

.PHONY: demo
demo: $(VENV)/.demo-stamp ## a company's leads, live, in your browser
	@$(BIN)/python -m examples.leadforge.demo

# --------------------------------------------------------------------------------- check

.PHONY: test
test: lint types ## everything that CI runs
	@$(MAKE) --no-print-directory unit || $(MAKE) --no-print-directory again
	@$(MAKE) --no-print-directory rules pythons test-compiled
	@echo "All checks passed."

.PHONY: lint
lint: $(VENV)/.dev-stamp ## ruff: rules and format; import-linter: the floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

.PHONY: types
types: $(VENV)/.dev-stamp ## mypy, strict
	$(BIN)/mypy

.PHONY: unit
unit: $(VENV)/.dev-stamp ## pytest alone; ARGS="-k journey -x" is passed on
	$(BIN)/pytest -n auto --dist loadfile $(ARGS)

# Hundreds of tests run real servers beside each other; a machine that was too busy for one of
# them is told from a defect by running it alone, once. Both results are printed.
.PHONY: again
again: $(VENV)/.dev-stamp ## what failed in the last run, once more and one at a time
	$(BIN)/pytest --last-failed --last-failed-no-failures none

.PHONY: durable
durable: $(VENV)/.dev-stamp ## our network and durable-rules, fired by the same 10,000 cases
	$(BIN)/pytest -n auto tests/durable tests/conformance $(ARGS)

.PHONY: rules
rules: $(VENV)/.dev-stamp ## validate and test the default configuration
	$(BIN)/leadrules validate config
	$(BIN)/leadrules lint config --fail-on warning
	$(BIN)/leadrules test --coverage --min 95

.PHONY: pythons
pythons: $(VENV)/.dev-stamp ## install and run the wheel on every other Python of this machine
	sh tests/other_pythons.sh

# The rooms that must be covered to the last branch, and the tests that do it.
COVERED := language network machines
COVERING := tests/language tests/lint tests/broken tests/schema/test_schemas.py tests/network tests/machines tests/semantics tests/conformance tests/durable

.PHONY: coverage
coverage: $(VENV)/.dev-stamp ## every branch of language, network and machines, by their own tests
	@rm -f .coverage .coverage.*
	$(BIN)/pytest -n auto --dist loadfile -q $(COVERING) \
	  --cov-branch --cov-report= $(foreach room,$(COVERED),--cov=engine/$(room))
	@failed=0; for room in $(COVERED); do \
	  echo "== engine/$$room"; \
	  $(BIN)/coverage report --include="engine/$$room/*" --fail-under=100 || failed=1; \
	done; exit $$failed

.PHONY: format
format: $(VENV)/.dev-stamp ## let ruff format and fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# -------------------------------------------------------------------------------- compiled

# The wheel with what decides compiled by mypyc (hatch_build.py), unpacked beside what tests and
# benchmarks read. Coverage and mutants need the Python, so nothing is compiled in place.
COMPILED := build/compiled
BESIDE := benchmarks config docs examples hatch_build.py plugins pyproject.toml schemas tests

.PHONY: compiled
compiled: $(COMPILED)/.stamp ## the engine with what decides compiled, in build/compiled/
	@cd $(COMPILED) && rm -rf $(BESIDE) && cp -r $(BESIDE:%=$(CURDIR)/%) .

$(COMPILED)/.stamp: hatch_build.py pyproject.toml $(shell find engine plugins schemas config -type f -not -path '*/__pycache__/*') | $(VENV)/.dev-stamp
	@echo "Compiling into $(COMPILED) (two minutes) ..."
	@rm -rf $(COMPILED); mkdir -p $(COMPILED)
	@LEADRULES_COMPILE=1 $(BIN)/python -m build --wheel --no-isolation --outdir $(COMPILED) . >$(COMPILED)/build.log 2>&1 || { cat $(COMPILED)/build.log >&2; exit 1; }
	@cd $(COMPILED) && $(CURDIR)/$(BIN)/python -m zipfile -e *.whl .
	@touch $@

.PHONY: test-compiled
test-compiled: compiled ## the tests of decisions, host, store and server, by the compiled engine
	cd $(COMPILED) && LEADRULES_COMPILED=1 $(CURDIR)/$(BIN)/python -m pytest -q -n auto -p no:cacheprovider tests/machines tests/network tests/semantics tests/workbench tests/host tests/store tests/server tests/fuzz/test_express.py tests/test_compiled.py

.PHONY: wheels
wheels: $(VENV)/.dev-stamp ## dist/: a wheel in pure Python, and one compiled for this Python
	$(BIN)/python -m build --outdir dist
	LEADRULES_COMPILE=1 $(BIN)/python -m build --wheel --outdir dist

# --------------------------------------------------------------------------------- measure

BENCHMARKS := $(filter-out benchmarks/_%,$(sort $(wildcard benchmarks/*.py)))

.PHONY: bench
bench: compiled ## every program in benchmarks/, with the compiled engine; BENCHMARKS="benchmarks/decide.py"
	@set -e; for program in $(BENCHMARKS); do \
	  echo "== $$program"; (cd $(COMPILED) && PYTHONPATH=. $(CURDIR)/$(BIN)/python "$$program"); done

# Long runs: a folder of programs each, all run in turn.
define run_long
	@programs="$$(ls tests/$(1)/*.py 2>/dev/null | grep -v '/_' || true)"; \
	if [ -z "$$programs" ]; then \
	  echo "There is no $(1) program yet (make $(1) runs each tests/$(1)/*.py). Available:" >&2; \
	  echo "  make test; make bench: $(if $(BENCHMARKS),$(BENCHMARKS),none yet)" >&2; exit 1; \
	fi; \
	set -e; for program in $$programs; do echo "== $$program"; $(BIN)/python "$$program"; done
endef

.PHONY: soak
soak: $(VENV)/.dev-stamp ## hours under load: every program in tests/soak/
	$(call run_long,soak)

.PHONY: crash
crash: $(VENV)/.dev-stamp ## killed 50 times under load, with power cuts where it may mount; ARGS="--seed 1"
	$(BIN)/python -m tests.crash.kills $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.dev-stamp ## thousands of requests made from the OpenAPI document; ARGS="--seed 1"
	$(BIN)/python -m tests.fuzz.openapi $(ARGS)

.PHONY: mutants
mutants: $(VENV)/.dev-stamp ## do the tests notice broken code: every program in tests/mutants/
	$(call run_long,mutants)

.PHONY: clean
clean: ## remove .venv, caches and build output
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
