# Needs python3 (3.11 or newer) with venv, make and git; everything else comes from requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
# Measured against, and kept out of the lock: gbstats asks for pandas 1, and runs with ours; --no-deps.
PEERS := gbstats==0.8.0 polars==2.1.0 polars-runtime-32==2.1.0

.DEFAULT_GOAL := help
.PHONY: reports test lab bench validate lock help

reports: $(READY) ## Render every run of notebooks/reports.yaml; ends with the path of reports/index.html
	$(BIN)/studies report

test: $(READY) ## Run every check: style, import direction, notebooks, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lab: $(READY) ## Open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

bench: $(READY) ## Compare our queries with other packages, `studies report --force` with a plain loop; time the ranking
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --target .venv/bench $(PEERS)
	PYTHONPATH=.venv/bench $(BIN)/python tests/bench/compare_engines.py --large
	$(BIN)/python tests/bench/compare_loop.py
	$(BIN)/python tests/bench/ranking.py

validate: $(READY) ## Measure every method on the deep grid (hours, resumable), and render its report
	$(BIN)/studies validate --record data/validation/deep.csv

lock: $(READY) ## Resolve the dependencies of pyproject.toml anew into requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --fork-strategy fewest --python-version 3.11 \
		--generate-hashes --no-emit-index-url --extra examples --extra bench --extra dev \
		--custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $(READY)
