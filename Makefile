# Every target makes the environment it needs, once: a virtual environment in the user's cache folder with the versions
# of environment/lock.txt. It says beforehand how much it downloads.
SHELL   := /bin/bash
# the interpreter; without one, the newest that runs
PYTHON  ?=
RECIPE  ?= kws_dnn
ARGS    ?=
# of `make env`: extras and dependency groups of pyproject.toml
PARTS   ?= all
# of `make flash`: a board of firmware/platformio.ini
BOARD   ?= nano33ble
# of `make emulate`: a .tflite file of the bridge; without one, the network that was trained last is converted
MODEL   ?=

# $(call python,PARTS) COMMAND: with PY, the Python that has these parts
python  = PY=$$(PYTHON=$(PYTHON) environment/python $(1)) &&
TESTS   := all test lint
# a process for each core, of one thread each
PYTEST  := -m pytest --numprocesses auto --dist loadfile

.PHONY: help env demo train flash emulate test test-oldest test-newest lint format lock wheel clean clean-env

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

env:  ## make the environment for PARTS=all and print the path of its Python
	@PYTHON=$(PYTHON) environment/python $(PARTS)

demo:  ## from nothing to a table of nested networks, on synthetic speech
	@$(call python,synthetic) $$PY -m reds_torch.train recipe=kws_demo $(ARGS)

train:  ## train RECIPE=kws_dnn ARGS="key=value ..."
	@$(call python,synthetic images resampling) $$PY -m reds_torch.train recipe=$(RECIPE) $(ARGS)

flash:  ## BOARD=nano33ble: convert the network that was trained last, build the firmware, upload it
	@$(call python,synthetic bridge device flash) $$PY -m firmware.flash $(BOARD) $(ARGS)

emulate:  ## instructions of every subnetwork on an emulated Cortex-M4F
	@command -v arm-none-eabi-gcc >/dev/null && command -v qemu-system-arm >/dev/null || { echo "error: the emulation needs arm-none-eabi-gcc and qemu-system-arm: on Debian, apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm" >&2; exit 2; }
	$(if $(MODEL),,@$(call python,synthetic bridge) $$PY -m firmware.flash emulator $(ARGS))
	@$(MAKE) --silent --no-print-directory -C firmware emulate BUILD=../build/firmware MODEL=$(abspath $(or $(MODEL),build/flash/model.tflite))

test:  ## the whole test suite
	@$(call python,$(TESTS)) OMP_NUM_THREADS=1 $$PY $(PYTEST) $(ARGS)

# The ends of the ranges in pyproject.toml, in throw-away environments. onnx2tf fixes the versions of all that it needs,
# so the bridge would hold the newest ones back.
test-oldest: RESOLUTION := --resolution lowest-direct
test-oldest: END := all test
test-newest: RESOLUTION := --resolution highest
test-newest: END := synthetic images resampling device sweep test
test-oldest test-newest:  ## the suite with the oldest, the newest versions that pyproject.toml allows
	@folder=$$(mktemp -d) && trap "rm -rf $$folder" EXIT && \
	UV=$$(PYTHON=$(PYTHON) environment/python --without-core lock) && export PATH=$$(dirname $$UV):$$PATH && \
	$(call python,$(RESOLUTION) --folder $$folder/env $(END)) OMP_NUM_THREADS=1 $$PY $(PYTEST) $(ARGS)

lint:  ## ruff (lint and format) and mypy
	@$(call python,$(TESTS)) set -x && $$PY -m ruff check . && $$PY -m ruff format --check . && $$PY -m mypy

format:  ## let ruff rewrite what it can
	@$(call python,$(TESTS)) $$PY -m ruff check --fix . && $$PY -m ruff format .

lock:  ## renew environment/lock.txt after a change of pyproject.toml; ARGS=--upgrade for the newest versions
	@$(call python,--without-core lock) $$PY environment/lock.py $(ARGS)

wheel:  ## dist/: a wheel and an sdist, checked
	@$(call python,--without-core release) rm -rf build/lib dist && $$PY -m build --quiet && $$PY -m twine check --strict dist/*

clean:  ## remove what the commands left in this folder, trained runs included
	rm -rf runs build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis lightning_logs *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

clean-env:  ## remove the environments of all versions
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}"/reds-torch/env-*
