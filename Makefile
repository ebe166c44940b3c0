# Needs python3 (3.11 or newer) with venv, make and git; everything else comes from requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
# Measured against, and kept out of the lock: gbstats asks for pandas 1, and runs with ours; --no-deps.
PEERS := gbstats==0.8.0 polars==2.1.0 polars-runtime-32==2.1.0
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python
LOCK := $(BIN)/uv pip compile --quiet pyproject.toml --universal --fork-strategy fewest --python-version 3.11 \
	--generate-hashes --no-emit-index-url --custom-compile-command "make lock"

# With it, every worker and every program it starts would compile all tests and helpers anew: half of the collection.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: reports test lab bench pictures validate lock spark engines help

reports: $(READY) ## Render every run of notebooks/reports.yaml; ends with the path of reports/index.html
	$(BIN)/studies report

test: $(READY) ## Run every check: style, import direction, notebooks, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lab: $(READY) ## Open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

bench: $(READY) ## Compare our queries with other packages, `studies report --force` with a plain loop; time the ranking and an afternoon
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --target .venv/bench $(PEERS)
	$(BIN)/python tests/bench/compare_loop.py
	$(BIN)/python tests/bench/ranking.py
	-$(BIN)/python tests/bench/afternoon.py  # a slow machine takes longer, and keeps no table back
	PYTHONPATH=.venv/bench $(BIN)/python tests/bench/compare_engines.py

pictures: $(READY) ## Renew README's pictures from the reports (needs Chromium)
	$(BIN)/studies report
	cd tests && ../$(BIN)/python -m look.pictures

validate: $(READY) ## Measure every method on the deep grid (hours, resumable), and render its report
	$(BIN)/studies validate --record data/validation/deep.csv

lock: $(READY) ## Resolve the dependencies of pyproject.toml anew into requirements.lock, and what Spark adds beside it
	$(LOCK) --upgrade --extra examples --extra bench --extra postgres --extra dev --output-file requirements.lock
	$(LOCK) --upgrade --extra spark --constraint requirements.lock --output-file requirements-spark.lock \
		$$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' requirements.lock)
	sed -i.old '/^# The following packages were excluded/,$$d' requirements-spark.lock && rm requirements-spark.lock.old

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	@awk '/^[^ ]/ {wanted = /^uv==/} wanted' requirements.lock > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
	$(INSTALL) --compile-bytecode --require-hashes -r requirements.lock
	$(INSTALL) --no-build-isolation --no-deps -e .
	$(BIN)/python -m compileall -q helpers
	@touch $(READY)

# Spark is 400 MB and needs Java, so that only who wants it gets it.
spark: $(READY) ## Add Spark to the environment, for tables that stand there (it needs a Java runtime)
	@command -v java >/dev/null || { echo "Spark needs a Java runtime, 17 or newer (Debian: default-jre-headless)" >&2; exit 1; }
	$(INSTALL) --no-build-isolation --require-hashes -r requirements-spark.lock

engines: spark ## Run the studies on a PostgreSQL and a Spark of their own, and compare with files (needs both and Java)
	STUDIES_ENGINES=1 .ci/with_postgres $(BIN)/python -m pytest -n 0 -W "ignore:The copy keyword" tests/engines
