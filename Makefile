# Every target sets itself up from a bare Python 3.11 or newer.
PYTHON ?= python3
# Environments of `make`: development; the reference under torch; other servers.
VENV := .venv
PARITY_VENV := .venv-parity
WIRE_VENV := .venv-wire
UV := .venv-uv/bin/uv
RUN := $(VENV)/bin/python
PARITY_RUN := $(PARITY_VENV)/bin/python
WIRE_RUN := $(WIRE_VENV)/bin/python
INSTALLED := $(VENV)/.installed
PARITY_INSTALLED := $(PARITY_VENV)/.installed
WIRE_INSTALLED := $(WIRE_VENV)/.installed

# Two processes share the tests, each file whole.
WORKERS ?= 2
PYTEST := -m pytest --numprocesses $(WORKERS) --dist loadfile
ELSEWHERE := parity or serving or engines or matrix or packaging or docs
export TF_CPP_MIN_LOG_LEVEL := 3

.PHONY: help demo test test-fast lint parity serving engines packaging matrix \
	docs pictures contact-sheet benchmark clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r name text; do printf '%-14s %s\n' "$$name" "$$text"; done

demo: $(INSTALLED) ## run everything on real photographs; writes demo/index.html
	$(RUN) -m examples.demo --output demo

test: $(INSTALLED) lint ## run lint and all tests but those with a target of their own
	$(RUN) $(PYTEST) -m "not ($(ELSEWHERE))" --ignore=tests/integration

test-fast: $(INSTALLED) ## run the tests that take seconds
	$(RUN) $(PYTEST) -m "not (slow or distributed or $(ELSEWHERE))" \
	  --ignore=tests/integration

lint: $(INSTALLED) ## check style, formatting and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

parity: $(PARITY_INSTALLED) ## compare with the reference under torch, live
	$(PARITY_RUN) -m pytest tests/integration/parity

serving: $(WIRE_INSTALLED) ## test the client with TensorFlow Serving, Ray and KServe
	$(WIRE_RUN) -m pytest tests/integration/wire

engines: $(INSTALLED) ## run the pipelines on Flink (Java, Maven) and Prism (Go)
	$(RUN) -m pytest tests/integration/engines

packaging: $(INSTALLED) ## build the sdist and the wheel, install and try both
	$(RUN) -m pytest -m packaging

matrix: | $(UV) ## try other versions, backends and Pythons, or ENVIRONMENTS="oldest jax"
	$(UV) run --no-project --python $(PYTHON) \
	  tests/integration/matrix/run.py $(ENVIRONMENTS)

docs: $(INSTALLED) ## build the documentation and run its examples
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --site-dir build/docs
	$(RUN) -m pytest -m docs

pictures: $(INSTALLED) contact-sheet ## draw the pictures of the documentation
	$(RUN) -m docs.pictures

contact-sheet: $(INSTALLED) ## draw every type of distortion for the documentation
	$(RUN) -m pipelines.contact_sheet --size 64 --scale 0.5 \
	  --sheet docs/images/contact_sheet.jpg

benchmark: $(PARITY_INSTALLED) ## measure speed and memory against the reference
	$(PARITY_RUN) -m benchmarks.speed --output benchmarks/results

clean: ## delete environments and everything that was built
	rm -rf $(VENV) $(PARITY_VENV) $(WIRE_VENV) .venv-uv demo build dist *.egg-info

COMMA := ,
define CHECK_PYTHON
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.11" >&2; exit 1; }
endef

# $(call INSTALL,VENV,EXTRAS): an environment of the versions in constraints.txt.
define INSTALL
	@echo "Installing into $(1); this takes minutes the first time."
	$(PYTHON) -m venv $(1)
	$(UV) pip install --python $(1)/bin/python --compile-bytecode \
	  --constraints constraints.txt --editable '.[$(2)]'
endef

$(UV):
	$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check uv

# Written last, so that an installation that was interrupted is repeated.
$(INSTALLED): setup.py constraints.txt | $(UV)
	$(call INSTALL,$(VENV),test$(COMMA)docs)
	touch $@

$(PARITY_INSTALLED): setup.py constraints.txt | $(UV)
	$(call INSTALL,$(PARITY_VENV),parity)
	$(UV) pip install --quiet --python $(PARITY_RUN) --no-deps lpips==0.1.4
	touch $@

$(WIRE_INSTALLED): setup.py constraints.txt | $(UV)
	$(call INSTALL,$(WIRE_VENV),wire)
	touch $@
