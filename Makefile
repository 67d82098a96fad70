# The two commands of the README are `make demo` and `make test`.
# Each builds .venv from the lock file when it is missing or older than the lock.
# The lock is whole, so pip resolves nothing (--no-deps): a release made tomorrow cannot break an install.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help install dev demo test wheel-check worlds cover mutate stripe-live live kills books bench bench-reconcile bench-push bench-memory bench-workbook check lock clean
.DEFAULT_GOAL := help

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.run-ready  ## make .venv with the command tieout in it
dev: $(VENV)/.dev-ready      ## the same, with the tools for tests and checks

demo: install  ## live through the credit-memo story on embedded parts
	$(BIN)/tieout demo

test: dev  ## run every test that needs no outside program
	$(BIN)/python -m pytest -n 2

wheel-check: install  ## build the wheel, install it alone elsewhere, and run it from /
	rm -rf build dist/wheel
	$(PIP) wheel --no-deps --no-build-isolation -w dist/wheel .
	$(PYTHON) -m venv dist/wheel/venv
	dist/wheel/venv/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes -r requirements/run.lock
	dist/wheel/venv/bin/python -m pip --disable-pip-version-check --quiet install --no-deps dist/wheel/*.whl
	cd / && "$(CURDIR)/dist/wheel/venv/bin/tieout" --help >/dev/null
	cd / && "$(CURDIR)/dist/wheel/venv/bin/tieout" demo --folder "$(CURDIR)/dist/wheel/demo" >/dev/null
	@ls dist/wheel/*.whl dist/wheel/demo

stripe-live: dev  ## the Stripe contract against your own sandbox (STRIPE_SANDBOX_KEY)
	$(BIN)/python -m pytest tests/contracts --stripe-live -rs

live: dev  ## the ERP contract against a real Odoo and a real Tryton, installed into .live on loopback
	TIEOUT_LIVE=.live $(BIN)/python -m pytest tests/live -p no:randomly -rs --durations=5

kills: dev  ## kill the real daemon N times under faults (make kills N=200 SEED=1); writes faults.json
	$(BIN)/python -m tests.kills.rounds --kills $(or $(N),200) --seed $(or $(SEED),1) --out faults.json

bench: dev bench-reconcile bench-push bench-memory bench-workbook  ## measure what the README claims; minutes
bench-reconcile: dev requirements/bench.lock  ## a million invoices x Stripe x ERP, against two others
	$(PIP) install --no-deps --require-hashes -r requirements/bench.lock
	nice $(BIN)/python -m tests.benchmarks.reconciling all --invoices 100000 1000000
	nice $(BIN)/python -m tests.benchmarks.reconciling all --invoices 200000 --histories
bench-push: dev    ## how fast 1,000 invoices reach Stripe within its limits
	$(BIN)/python -m tests.benchmarks.push
bench-memory:      ## what the idle daemon and the embedded parts hold, in a venv as a user has it
	$(MAKE) --no-print-directory install VENV=build/run
	build/run/bin/python -m tests.benchmarks.memory
bench-workbook: dev  ## how much time and memory a reconciliation of 100,000 rows takes as XLSX
	$(BIN)/python -m tests.benchmarks.workbook

worlds: install  ## live N seeded worlds on both cores (make worlds N=100000 SEED=0); ends with 1 if one breaks
	$(BIN)/tieout simulate --seeds $(or $(N),100000) --first-seed $(or $(SEED),0) --jobs 2

books: dev  ## compare N random books as sets and row by row (make books N=3000 SEED=0)
	$(BIN)/python -m tests.sync.any_book --books $(or $(N),3000) --first $(or $(SEED),0)

cover: dev  ## every branch of what decides is walked by its tests (make cover ONLY=sync/pairs.py)
	$(BIN)/python -m tests.proof cover $(ONLY)

mutate: dev  ## change each rule of what decides; at least 90 of 100 changes are noticed (ONLY=...)
	$(BIN)/python -m tests.proof mutate $(ONLY)

check: dev  ## style, types, layers, and the tests of style and docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_tidy.py

lock:  ## renew both lock files (needs uv)
	uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 \
	    pyproject.toml --extra erp --extra postgres --extra pdf --group build -o requirements/run.lock
	uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 \
	    pyproject.toml --extra erp --extra postgres --extra pdf --extra engine --group dev -c requirements/run.lock -o requirements/dev.lock
	uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 \
	    pyproject.toml --extra erp --extra postgres --extra pdf --extra engine --group dev --group bench -c requirements/dev.lock -o requirements/bench.lock

clean:  ## remove what the build made; your state in .tieout stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "tieout needs Python 3.11 or newer; say which: make PYTHON=python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	    { rm -rf $(VENV); echo "Python has no venv here; on Debian: apt install python3-venv"; exit 2; }

$(VENV)/.run-ready: requirements/run.lock pyproject.toml | $(BIN)/python
	$(PIP) install --no-deps --require-hashes -r requirements/run.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev-ready: requirements/dev.lock pyproject.toml | $(BIN)/python
	$(PIP) install --no-deps --require-hashes -r requirements/dev.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run-ready
