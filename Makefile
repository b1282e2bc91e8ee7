# What a developer types; `make` alone lists it.

python := .venv/bin/python
installed := .venv/.installed
installed_tests := .venv/.installed-tests
migration := sql/add-automation-monitoring.sql
parts := $(sort $(wildcard sql/parts/*.sql))
compile := uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run worker dashboard receiver reset backup restore test contract fuzz check bench browser sql docs advisors agree lock faults screenshots

help: ## this list
	@sed -nE 's/^([a-z]+):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: $(installed) ## start everything; with SUPABASE_URL set, only the dashboard
	@exec $(python) -m local run --stop-with-parent

worker: $(installed) ## start one more worker, for the running stack or for SUPABASE_URL
	@exec $(python) -m local worker --stop-with-parent

dashboard: $(installed) ## start one more dashboard, likewise, on DASHBOARD_PORT
	@exec $(python) -m local dashboard --stop-with-parent

receiver: $(installed) ## start one more receiver of Facebook's webhook, likewise, on RECEIVER_PORT
	@exec $(python) -m local receiver --stop-with-parent

reset: $(installed) ## delete all local data (refused while it runs)
	@$(python) -m local reset

backup: $(installed) ## write all local data and keys to one file (file=...), also while it runs
	@$(python) -m local backup --file "$(file)"

restore: $(installed) ## read it back after a reset: make restore file=...
	@$(python) -m local restore --file "$(file)"

test: $(installed_tests) browser ## run all tests; one of them: make test args=tests/stack
	@$(python) -m pytest $(args)

contract: $(installed_tests) ## make every call of the app to the gateway, or to a project of yours (README)
	@$(python) -m pytest tests/contract $(args)

fuzz: $(installed_tests) ## send 20,000 random requests to the gateway; takes minutes
	@FUZZ_EXAMPLES=4000 $(python) -m pytest tests/gateway/test_fuzz.py $(args)

faults: $(installed_tests) ## kill workers, stop PostgreSQL, let Google and Facebook fail; takes about fifty minutes
	@$(python) -m tests.faults $(args)

check: $(installed_tests) ## style, types, layers, SQL
	@$(python) -m ruff check .
	@$(python) -m ruff format --check --quiet .
	@$(python) -m mypy app.py api pages pipeline local bench sql
	@.venv/bin/lint-imports --no-logo
	@$(python) -m sqlfluff lint --nocolor --disable-progress-bar sql/parts
	@cat $(parts) | cmp -s - $(migration) || { echo "$(migration) is not what sql/parts/ make: run 'make sql'." >&2; exit 1; }

bench: $(installed_tests) ## measure speed against the bars; takes minutes and both cores (args=--quick: seconds)
	@$(python) -m bench $(args)

sql: ## join sql/parts/ into the one file that is pasted into Supabase
	@cat $(parts) > $(migration)

docs: $(installed) ## write docs/database.md from the comments in sql/parts/
	@$(python) -m sql.describe

advisors: $(installed) ## let Supabase's own linter read the database (needs npx and a network)
	@$(python) -m sql.advisors

agree: $(installed) ## let Supabase's own CLI push, list and lint the migration (needs npx and a network)
	@$(python) -m sql.agree

screenshots: $(installed_tests) browser ## take every picture in docs/screenshots/, from a stack of its own
	@$(python) -m tests.pages.screenshots

lock: ## pin what pyproject.toml asks for, with hashes (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	@$(compile) --extra local --output-file requirements.lock pyproject.toml
	@$(compile) --extra local --extra test --output-file tests/requirements.lock pyproject.toml

$(installed): requirements.lock
	@command -v python3 >/dev/null || { echo "python3 was not found: install Python 3.11 or newer." >&2; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "python3 is $$(python3 -V), but 3.11 or newer is needed: install it and put it first on PATH." >&2; exit 1; }
	@echo "Installing into .venv (the first time this takes a minute) ..."
	@$(python) -c '' 2>/dev/null || python3 -m venv --clear .venv || \
		{ echo "python3 cannot make a virtual environment: install its venv module (Debian, Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@$(python) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(installed_tests): tests/requirements.lock $(installed)
	@echo "Installing what tests need into .venv ..."
	@$(python) -m pip install -qq --disable-pip-version-check --require-hashes -r tests/requirements.lock
	@touch $@

# The page tests use the system's Chromium, so that no browser is downloaded beside it.
browser:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium with apt ..."; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
			chromium fonts-noto-core fonts-noto-color-emoji >/dev/null; \
	else \
		echo "The page tests need Chromium: install it (Debian, Ubuntu: sudo apt-get install chromium) and try again." >&2; \
		exit 1; \
	fi
