# Everything a user types. `make help` lists it; each line forwards to a script or to the CLI (controller/dist/cxlpod.mjs).
SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c

CXLPOD   := node controller/dist/cxlpod.mjs
NAMED     = $(if $(POD),--name $(POD))
VITEST   := npx vitest run --config infra/vitest.config.ts
# The only one that is up, unless it is said.
POD      ?=
TOPOLOGY ?= infra/topologies/two.yaml
SCENARIO ?= infra/scenarios/latency/ping.yaml
ONLY     ?=
SECONDS  := 60
SCENARIOS ?= crash
PROVIDER ?= local

.PHONY: help prepare build images demo test test-unit test-local test-cluster test-deep check cluster-up cluster-down status run campaign traces report shell logs doctor bench package clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

prepare: ## install and start what is missing: Docker engine, compiler, image tools
	@infra/host/prepare

node_modules/.package-lock.json: package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error && touch $@

build: prepare node_modules/.package-lock.json ## compile core, addon, agent and controller
	@node infra/build.mjs

images: prepare ## build the machine and controller images (nothing to do when they are current)
	@images/build

demo: build images ## boot two machines, gate, ping against TCP and the floor, crash test, report, down
	@infra/demo

test: build images check ## everything: static checks, unit, crash, interleave, local, and cluster tests on real machines, pages in a browser
	@infra/host/prepare --browser
	@$(VITEST)

test-unit: build ## the tests that need no process and no machine
	@$(VITEST) --project unit --project crash --project interleave

test-local: build ## real processes and real SIGKILL on this host
	@$(VITEST) --project local

test-cluster: build images ## containers and virtual machines
	@$(VITEST) --project cluster

test-deep: build images ## as `test`, with twenty times the random schedules
	@infra/host/prepare --browser
	@CXLPOD_DEEP=1 $(VITEST)

check: build ## format, lint, types
	@npm run --silent check

cluster-up: build images ## boot the pod: make cluster-up TOPOLOGY=infra/topologies/three.yaml
	@$(CXLPOD) up $(TOPOLOGY)

cluster-down: build ## remove the pod and everything that belongs to it: make cluster-down POD=three
	@$(CXLPOD) down $(NAMED)

status: build ## machines, pool, agents and workers of the pod
	@$(CXLPOD) status $(NAMED)

run: build ## run a scenario on the pod, or all of a folder: make run SCENARIO=latency
	@$(CXLPOD) run $(NAMED) $(SCENARIO)

campaign: build ## scenarios x seeds on pods of their own: make campaign SECONDS=600 SCENARIOS=crash (on processes of this host; machines: PROVIDER=qemu; all: PROVIDER=)
	@$(CXLPOD) campaign $(SCENARIOS) --seconds $(SECONDS) $(if $(PROVIDER),--provider $(PROVIDER))

traces: build ## latency quantiles and the trace of the newest run
	@$(CXLPOD) traces

report: build ## where the report of the newest run is
	@$(CXLPOD) report

shell: build ## a shell on a machine: make shell MACHINE=vm2
	@$(CXLPOD) shell $(NAMED) $(or $(MACHINE),vm1)

logs: build ## console and agent logs: make logs MACHINE=vm1
	@$(CXLPOD) logs $(NAMED) $(MACHINE)

doctor: build ## what this host offers and what it lacks
	@$(CXLPOD) doctor

bench: build images ## the figures of docs/measuring.md: make bench ONLY=ping
	@$(CXLPOD) bench $(if $(ONLY),--only $(ONLY))

package: build ## the npm package, .build/cxlpod-<version>.tgz
	@node infra/pack.mjs

clean: ## delete what building and running made (images and pods stay; see cluster-down)
	@rm -rf agent/dist controller/dist agent/src/generated agent/core/build .build .runs node_modules
