# Everything below sets itself up from a bare Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
# The reference under torch, beside this package.
PARITY_VENV := .venv-parity
PARITY_RUN := $(PARITY_VENV)/bin/python
PARITY_INSTALLED := $(PARITY_VENV)/.installed

# The client against servers that others maintain.
WIRE_VENV := .venv-wire
WIRE_RUN := $(WIRE_VENV)/bin/python
WIRE_INSTALLED := $(WIRE_VENV)/.installed

.PHONY: demo test parity serving benchmark lint clean

demo: $(INSTALLED)
	$(RUN) -m examples.demo --output demo

test: $(INSTALLED) lint
	$(RUN) -m pytest --ignore=tests/integration

# Against the reference itself, live.
parity: $(PARITY_INSTALLED)
	TF_CPP_MIN_LOG_LEVEL=3 $(PARITY_RUN) -m pytest tests/integration/parity

# And against TensorFlow Serving, where TENSORFLOW_MODEL_SERVER names its binary.
serving: $(WIRE_INSTALLED)
	TF_CPP_MIN_LOG_LEVEL=3 $(WIRE_RUN) -m pytest tests/integration/wire

benchmark: $(PARITY_INSTALLED)
	TF_CPP_MIN_LOG_LEVEL=3 $(PARITY_RUN) -m benchmarks.speed --output benchmarks/results

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

define CHECK_PYTHON
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.11" >&2; exit 1; }
endef

# Written last, so that an install that was cut is taken up again.
$(INSTALLED): setup.py
	$(CHECK_PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[datasets,distortions,serving,training,test]'
	touch $@

$(PARITY_INSTALLED): setup.py
	$(CHECK_PYTHON)
	$(PYTHON) -m venv $(PARITY_VENV)
	$(PARITY_RUN) -m pip install --quiet --disable-pip-version-check --editable '.[parity]'
	$(PARITY_RUN) -m pip install --quiet --disable-pip-version-check --no-deps lpips==0.1.4
	touch $@

$(WIRE_INSTALLED): setup.py
	$(CHECK_PYTHON)
	$(PYTHON) -m venv $(WIRE_VENV)
	$(WIRE_RUN) -m pip install --quiet --disable-pip-version-check --editable '.[wire]'
	touch $@

clean:
	rm -rf $(VENV) $(PARITY_VENV) $(WIRE_VENV) demo build *.egg-info
