# Two commands do all the set-up: `make lab` opens the workbench, `make test` runs every test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STORE ?= .whymiss
CORPUS := data/helpdesk/docs
# Tests have stores of their own: the corpus and nothing else, and a copy that notebooks add to.
TESTED := build/helpdesk
PLAYED := build/notebooks
# No network at run time and nothing sent anywhere; pip is not concerned.
export HF_HUB_OFFLINE = 1
export TRANSFORMERS_OFFLINE = 1
export HF_HUB_DISABLE_TELEMETRY = 1
export DO_NOT_TRACK = 1
export TOKENIZERS_PARALLELISM = true

.PHONY: help lab demo test lint notebooks ingest clean
.DEFAULT_GOAL := help

help: ## List the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

lab: $(VENV)/.lab ingest ## Set up, ingest the bundled corpus, open JupyterLab on the first notebook
	$(BIN)/whymiss lab --store $(STORE)

demo: $(VENV)/.lab ## The same walk in the terminal
	$(BIN)/whymiss demo --corpus $(CORPUS) --store $(STORE)

ingest: $(VENV)/.lab ## Bring the store up to date with the bundled corpus
	$(BIN)/whymiss ingest $(CORPUS) --store $(STORE)

test: $(VENV)/.test ## Set up and run all tests: code, docstrings, panels in a browser, notebooks
	$(BIN)/whymiss ingest $(CORPUS) --store $(TESTED)
	WHYMISS_HELPDESK_STORE=$(abspath $(TESTED)) \
	  $(BIN)/python -m pytest tests src --doctest-modules
	test -d $(PLAYED) || cp -R $(TESTED) $(PLAYED)
	WHYMISS_STORE=$(abspath $(PLAYED)) \
	  $(BIN)/python -m pytest notebooks --nbval-lax --nbval-current-env --nbval-cell-timeout 120

lint: $(VENV)/.test ## Formatting, types and layers only
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

notebooks: $(VENV)/.test ## Run every notebook and store what it prints; remake the README's picture
	$(BIN)/whymiss ingest $(CORPUS) --store $(TESTED)
	test -d $(PLAYED) || cp -R $(TESTED) $(PLAYED)
	WHYMISS_STORE=$(abspath $(PLAYED)) $(BIN)/python tools/notebooks.py notebooks/*.ipynb
	$(BIN)/python tools/screenshots.py --store $(TESTED)

# The constraints file pins the tested set; it also keeps pip from the CUDA build of torch.
$(VENV)/.lab: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "whymiss needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[lab]'
	touch $@

$(VENV)/.test: $(VENV)/.lab
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[lab,test]'
	touch $@

clean: ## Remove the virtual environment, the store and all caches
	rm -rf $(VENV) $(STORE) $(TESTED) $(PLAYED) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
