# What a developer types; `make` alone lists it.

python := .venv/bin/python
parts := $(sort $(wildcard sql/parts/*.sql))
migration := sql/add-automation-monitoring.sql

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14
.PHONY: help

sql: ## join sql/parts/ into the file that is pasted into Supabase
	@cat $(parts) > $(migration)
.PHONY: sql
