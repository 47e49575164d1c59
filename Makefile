# Every target makes the environment it needs: a virtual environment in the
# user's cache folder, named after the hash of pyproject.toml, made once.
SHELL      := /bin/bash
PYTHON     ?= python3.11
CACHE      ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/reds-torch
ENV        := $(CACHE)/env-$(shell sha256sum pyproject.toml | cut -c1-16)
PY         := $(ENV)/bin/python
# A stamp, written last, marks an environment whose installation was completed.
READY      := $(ENV)/.ready
RECIPE     ?= kws_dnn
ARGS       ?=
# of `make flash`: a board of firmware/platformio.ini
BOARD      ?= nano33ble
# of `make emulate`: a .tflite file of the bridge; without one, the network that was trained last is converted
MODEL      ?=

.PHONY: help env demo train flash emulate test lint format clean clean-env

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

env: $(READY)  ## make the environment and print the path of its Python
	@echo $(PY)

demo: $(READY)  ## from nothing to a table of nested networks, on synthetic speech
	$(PY) -m reds_torch.train recipe=kws_demo

train: $(READY)  ## train RECIPE=kws_dnn ARGS="key=value ..."
	$(PY) -m reds_torch.train recipe=$(RECIPE) $(ARGS)

flash: $(READY)  ## BOARD=nano33ble: convert the network that was trained last, build the firmware, upload it
	$(PY) -m firmware.flash $(BOARD) $(ARGS)

emulate: $(READY)  ## instructions of every subnetwork on an emulated Cortex-M4F
	@command -v arm-none-eabi-gcc >/dev/null && command -v qemu-system-arm >/dev/null || { echo "error: the emulation needs arm-none-eabi-gcc and qemu-system-arm: on Debian, apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm" >&2; exit 2; }
	$(if $(MODEL),,$(PY) -m firmware.flash emulator $(ARGS))
	$(MAKE) --silent --no-print-directory -C firmware emulate BUILD=../build/firmware MODEL=$(abspath $(or $(MODEL),build/flash/model.tflite))

# A process for each core, of one thread each.
test: $(READY)  ## the whole test suite
	OMP_NUM_THREADS=1 $(PY) -m pytest --numprocesses auto --dist loadfile $(ARGS)

lint: $(READY)  ## ruff (lint and format) and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(READY)  ## let ruff rewrite what it can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean:  ## remove what the commands left in this folder, trained runs included
	rm -rf runs build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis lightning_logs *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

clean-env:  ## remove the environments of all versions
	rm -rf $(CACHE)/env-*

# The name says which pyproject.toml an environment was made for, so its age does not matter. Its stamp is written
# last, when it is complete. Only the dependencies stay installed: the package itself is imported from this
# folder, so that two checkouts can share one environment.
$(READY):
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install it, or say where it is: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@mkdir -p $(CACHE)
	@flock $(CACHE)/lock $(MAKE) --no-print-directory _make_env

.PHONY: _make_env
_make_env:
	@test -f $(READY) || { \
	    echo "making the environment $(ENV) (some minutes, once)"; \
	    set -e; rm -rf $(ENV); source=$$(mktemp -d); trap 'rm -rf $$source' EXIT; \
	    cp -r pyproject.toml README.md LICENSE reds_torch bridge recipes $$source; \
	    $(PYTHON) -m venv $(ENV); \
	    $(PY) -m pip install --quiet --disable-pip-version-check --upgrade pip; \
	    $(PY) -m pip install --quiet --disable-pip-version-check --progress-bar off "$$source[bridge,device,sweep,dev]"; \
	    $(PY) -m pip uninstall --quiet --yes reds-torch; \
	    touch $(READY); }
