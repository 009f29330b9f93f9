# Everything sets itself up: Python's environment in .venv, the lab's programs in .lab/bin. Nothing outside the ignored folders.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests demo test lab-up lab-down env bench differential test-routers jepsen hostile codes golang-migrate FORCE

LIBRARIES := meta/ee-requirements.txt lab/requirements.txt
SCRIPTS := lab/setup/_step.sh lab/setup/line.sh lab/setup/python.sh lab/setup/venv.sh tests/matrix
# An environment that was made for another place (a moved checkout) is made anew.
MOVED := $(if $(filter-out 0,$(shell [ "$$(cat .venv/root 2>/dev/null)" = "$$PWD" ]; echo $$?)),FORCE)

# The benches by name: what each runs, what has to be there before it (setup-tests where nothing is said), and which of them
# run as the lab's operator once the models of development are deployed.
BENCHES := capacity deploy engine forward lab registry routers step verify
BENCH_capacity = python -m tests.bench.capacity
BENCH_deploy = python -m tests.bench.deploy
BENCH_engine = python -m lab.tests.bench.engine
BENCH_forward = python -m tests.bench.forward
BENCH_lab = python -m lab.tests.bench.platform $(if $(LOAD),--load)
BENCH_registry = python -m tests.bench.registry $(if $(RUNS),--runs $(RUNS))
BENCH_routers = ROUTERS_FULL=1 python -m pytest -p no:cacheprovider tests/integration/registry/routers/test_routers.py -k "soon_after or shares"
BENCH_step = python -m tests.bench.step
BENCH_verify = python -m tests.bench.verify
BENCH_NEEDS_deploy := lab-up
BENCH_NEEDS_forward := lab-up
BENCH_NEEDS_routers := setup-tests .cache/litellm/ready
BENCH_NEEDS_step := lab-up
BENCH_NEEDS_verify := setup-tests bench-peers
BENCH_DEPLOYED := deploy step
ifneq ($(filter bench,$(MAKECMDGOALS)),)
  ifeq ($(filter $(NAME),$(BENCHES)),)
    $(error say which one: make bench NAME=..., where NAME is one of $(BENCHES))
  endif
endif

help:
	@echo 'make demo      set everything up, start the lab, deploy two models, print the next commands to try'
	@echo 'make test      set everything up and run every check; make test CHECKS="ruff unit" runs some'
	@echo 'make setup     make the virtual environment and build the programs of the lab; start nothing'
	@echo 'make lab-up    start a Kubernetes control plane, GPU nodes and the registry on this machine'
	@echo 'make lab-down  stop the lab and remove its state'
	@echo 'make differential CASES=1000 SEED=1   compare capacity answers with the real scheduler'
	@echo 'make jepsen DURATION=60 SEED=1   writers, readers, a network that breaks, kill -9: the registry must balance'
	@echo 'make hostile STRINGS=10000   strings that try to be something else, as names, reasons, endpoints'
	@echo 'make test-routers   real LiteLLM and HAProxy follow the registry'
	@echo 'make bench NAME=verify   print figures beside a peer or a limit; NAME is one of $(BENCHES)'
	@echo 'make codes     regenerate docs/codes.md from the table of codes'
	@echo 'make env       eval "$$(make -s env)" puts the environment and the lab into this shell'

# The two halves are independent: one waits for the network, the other for the processors.
setup:
	@$(MAKE) -s -j2 .venv/ready .lab/bin/ready

setup-tests:
	@$(MAKE) -s -j3 .venv/ready-tests .lab/bin/ready .cache/setup/second-line

.venv/ready: $(LIBRARIES) $(SCRIPTS) $(MOVED)
	@sh lab/setup/venv.sh .venv first $(LIBRARIES)
	@touch $@

.venv/ready-tests: $(LIBRARIES) tests/requirements.txt $(SCRIPTS) $(MOVED)
	@sh lab/setup/venv.sh .venv first $(LIBRARIES) tests/requirements.txt
	@touch .venv/ready $@

.cache/setup/second-line: $(LIBRARIES) tests/requirements.txt $(SCRIPTS) $(MOVED)
	@mkdir -p $(@D)
	@if [ -n "$$(sh lab/setup/line.sh second)" ]; then sh lab/setup/venv.sh .venv-next second $(LIBRARIES) tests/requirements.txt; fi
	@touch $@

.lab/bin/ready: lab/go.mod lab/go.sum lab/setup/programs.sh lab/setup/_go.sh
	@sh lab/setup/programs.sh
	@touch $@

lab-up: setup
	@.venv/bin/python -m lab up
	@eval "$$(sh lab/setup/env.sh --path)" && access=$$(sh lab/setup/env.sh --as migrator) && eval "$$access" && ansible-playbook playbooks/registry_schema.yml

lab-down:
	@if [ -x .venv/bin/python ]; then .venv/bin/python -m lab down; fi

demo: lab-up
	@access=$$(sh lab/setup/env.sh) && eval "$$access" && python -m lab.demo

env:
	@sh lab/setup/env.sh

test: setup-tests
	@.venv/bin/python -m tests.runner $(CHECKS)

# More of the same than a test run has time for; CASES and SEED choose how much and which.
differential: setup-tests
	@.venv/bin/python -m tests.integration.capacity.differential --cases $(or $(CASES),1000) --seed $(or $(SEED),1)

# Each bench prints its figures beside a peer of the same run, or beside a limit; on a busy machine they say little.
bench: $(or $(BENCH_NEEDS_$(NAME)),setup-tests)
	@$(if $(filter $(NAME),$(BENCH_DEPLOYED)),access=$$(sh lab/setup/env.sh) && eval "$$access" && ansible-playbook deploy.yml -i inventories/development,eval "$$(sh lab/setup/env.sh --path)") && \
	  $(BENCH_$(NAME))

.PHONY: bench-peers
bench-peers: | setup-tests
	@sh tests/bench/peers.sh

# LiteLLM is large and slow to start, so it has an environment of its own and is no part of make test.
.cache/litellm/ready: tests/integration/registry/routers/requirements.txt | setup-tests
	@mkdir -p .cache && rm -rf .cache/litellm && .venv/bin/python -m venv .cache/litellm
	@index=$$(.venv/bin/python -m pip config get global.index-url 2>/dev/null) && export UV_DEFAULT_INDEX="$$index"; \
	  UV_SYSTEM_CERTS=true UV_HTTP_TIMEOUT=180 .venv/bin/uv pip install --python .cache/litellm/bin/python -r $<
	@touch $@

# The full samples: 50 new models, 2,000 requests, 60 s without the database; about four minutes.
test-routers: setup-tests .cache/litellm/ready
	@eval "$$(sh lab/setup/env.sh --path)" && ROUTERS_FULL=1 python -m pytest -p no:cacheprovider tests/integration/registry/routers

# A failure names its seed: the same seed makes the same calls, though not the same moments.
jepsen: setup-tests
	@eval "$$(sh lab/setup/env.sh --path)" && DURATION=$(or $(DURATION),60) $(if $(SEED),SEED=$(SEED)) python -m pytest -p no:cacheprovider -s tests/integration/registry/test_consistency.py

hostile: setup-tests
	@eval "$$(sh lab/setup/env.sh --path)" && HOSTILE_STRINGS=$(or $(STRINGS),10000) python -m pytest -p no:cacheprovider -s tests/integration/registry/test_hostile.py

# The table of the page comes from plugins/module_utils/_codes.py; a test compares the two.
codes: .venv/ready
	@.venv/bin/python -m tests.runner.codes

# With it the tests prove that it and our migrations carry on from each other; without it they skip that.
golang-migrate:
	@GOBIN="$$PWD/.lab/bin" go install -tags postgres github.com/golang-migrate/migrate/v4/cmd/migrate@v4.20.1

FORCE:
