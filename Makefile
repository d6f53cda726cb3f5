# Two commands matter: `make run` shows what this does, `make test` proves it. Both install what they need into .venv/.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
# uv of its own: from pip, in a small environment beside .venv, so that nothing is installed outside this folder.
UV := .venv-uv/bin/uv
# The machine's certificates instead of uv's own: the same on open networks, and it works behind a company's proxy.
export UV_SYSTEM_CERTS := 1
export UV_NO_PROGRESS := 1
export UV_PYTHON_DOWNLOADS := never
# A busy machine may take longer than uv's minute to compile the largest packages.
export UV_COMPILE_BYTECODE_TIMEOUT := 600
# The model runs its own threads; the linear algebra below it must not start more.
export OPENBLAS_NUM_THREADS := 1

.PHONY: help run up down audit sbom test test-faults test-airflow test-deploy test-guards test-spark real-dirt compare story bench bench-small test-ui check format docs golden lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/.synced ## the main job: the demonstration shop, real Airflow for its newest hours, and what came out
	@$(BIN)/treasure-hunt demo

up: .venv/.synced ## start Airflow with its UI at localhost:8080, the shop trading on
	@$(BIN)/treasure-hunt up

down: .venv/.synced ## stop what `make up` started
	@$(BIN)/treasure-hunt down

test: .venv/.synced ## every test but those that need a browser; two at a time, then those that watch the clock beside those of Airflow
	@$(BIN)/pytest -n 2 --dist loadfile --durations=40 --durations-min=10 -m "not ui and not alone and not spark"
	@$(BIN)/pytest -n 2 --dist loadgroup --durations=40 --durations-min=10 -m alone

test-faults: .venv/.synced ## faults at full length: bad input, kills, swaps, crashes, full disks; half an hour or more, see docs/reliability.md
	@FAULTS=100000 KILLS=3 RANDOM_KILLS=200 SWAP_READS=50000 CRASHES=20 DISK_STEP_KB=32 $(BIN)/pytest -s tests/faults

test-airflow: .venv/.synced ## kill parts of a real Airflow while hours run, and see what it says; a quarter of an hour
	@AIRFLOW_FAULTS=1 $(BIN)/pytest -s --durations=10 tests/airflow/test_killed_parts.py tests/airflow/test_alarms.py

test-deploy: .venv/.synced ## what docs/deploy.md says: install elsewhere, run an hour, back up, restore
	@AIRFLOW_DEPLOY=1 $(BIN)/pytest tests/airflow/test_deploy.py

test-guards: .venv/.synced ## switch off every guard, one at a time, and see its test go red; long
	@$(BIN)/python tests/mutations/run.py

real-dirt: .venv/.synced ## two real shops whole through the ingestion boundary, where their files are; long
	@$(BIN)/python bench/real_dirt.py

compare: .venv/.synced ## arms side by side on a small week, batch and streaming: a page, var/comparison/judgement.html; ten minutes
	@$(BIN)/python bench/arms.py

story: .venv/.synced ## the batch that was given up, re-enacted beside this one on a bad day: a page, var/story/judgement.html; some minutes
	@$(BIN)/treasure-hunt compare --story --out var/story

bench: .venv/.synced ## what an hour takes, stage by stage, at several sizes: var/bench/; 45 minutes to two hours, see docs/performance.md
	@$(BIN)/python bench/hours.py

bench-small: .venv/.synced ## the same at a tiny size: what it does, not how fast
	@$(BIN)/python bench/hours.py --small --out var/bench-small

test-ui: .venv/.synced ## a backfill and a comparison through Airflow's UI in a real browser (Debian's chromium)
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium; }
	@$(BIN)/pytest -m ui tests/ui

test-spark: .venv/.synced ## the other engine: Spark beside DuckDB, table by table (installs pyspark and Debian's Java 17)
	@command -v java >/dev/null || { apt-get update -qq && apt-get install -y -qq openjdk-17-jre-headless; }
	@$(UV) sync --quiet --locked --extra spark --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')"
	@JDK_JAVA_OPTIONS=-XX:TieredStopAtLevel=1 $(BIN)/pytest -m spark tests/pipeline/spark
	@SQL_TESTS_ENGINE=spark JDK_JAVA_OPTIONS=-XX:TieredStopAtLevel=1 $(BIN)/pytest tests/sql

check: .venv/.synced ## format, lint, types, import contracts, SQL style, generated documentation
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint --processes 2 sql
	@$(BIN)/python -m pipeline.documentation --check

format: .venv/.synced ## put Python and SQL into the project's style
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/sqlfluff fix --processes 2 sql

docs: .venv/.synced ## write the generated pages of docs/ anew
	@$(BIN)/python -m pipeline.documentation

audit: .venv/.synced ## known vulnerabilities of the locked packages; asks osv.dev
	@$(UV) audit --preview-features audit-command --locked

sbom: .venv/.synced ## what a release is made of, as CycloneDX: var/sbom.cdx.json
	@mkdir -p var
	@$(UV) export --quiet --preview-features sbom-export --format cyclonedx1.5 --locked --no-dev --output-file var/sbom.cdx.json
	@echo "var/sbom.cdx.json: $$(grep -c '"bom-ref"' var/sbom.cdx.json) entries"

golden: .venv/.synced ## write the expected lists of tests/golden anew, after a change that is meant to change them
	@GOLDEN=renew $(BIN)/pytest tests/test_golden.py
	@git diff --stat tests/golden

lock: $(UV) ## newest versions that pyproject.toml allows, into uv.lock
	$(UV) lock --upgrade

clean: ## remove everything this project ever wrote here: state, environment, caches
	@if [ -x $(BIN)/treasure-hunt ]; then $(BIN)/treasure-hunt down; fi
	@rm -rf var .venv .venv-uv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(UV):
	@echo "installing uv …"
	@$(PYTHON) -m venv .venv-uv
	@.venv-uv/bin/pip install --quiet --disable-pip-version-check uv

.venv/.synced: uv.lock pyproject.toml | $(UV)
	@echo "installing the locked packages into .venv …"
	@$(UV) sync --quiet --locked --compile-bytecode --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')"
	@touch $@
