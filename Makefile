VENV := .venv
PYTHON := $(VENV)/bin/python
# Present only once the whole set-up has succeeded, and named by what it was made from: new pins, new environment.
READY := $(VENV)/ready-$(shell cksum < setup.py | tr ' ' -)
# Packaging's warnings are for packagers.
INSTALL := PYTHONWARNINGS=ignore $(PYTHON) -m pip install --quiet --disable-pip-version-check
FITS := import ensurepip, sys, venv; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 11))

.PHONY: help setup demo test lint bench-table11 bench-input wheel-check clean

help:  ## list these targets
	@awk -F ':.*  ## ' '/^[a-z0-9-]+:.*  ## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## make the environment in .venv (the other targets do so by themselves)

demo: $(READY)  ## train on the embedded pictures and restore blurred ones
	@$(PYTHON) -m icdpm_experiments.demo

test: $(READY)  ## run the tests
	@TF_CPP_MIN_LOG_LEVEL=3 $(PYTHON) -m pytest --durations=15 tests

lint: $(READY)  ## check the code's style
	@$(PYTHON) -m ruff check .

bench-table11: $(READY)  ## parameters and FLOPs of the paper's Table 11
	@$(PYTHON) -m icdpm_experiments.table11

bench-input: $(READY)  ## training pairs a second, beside a PyTorch DataLoader (FRAMES=DIR: on your own frames)
	@$(PYTHON) -c 'import torch' 2> /dev/null || { echo "Installing PyTorch to compare with."; $(INSTALL) --editable '.[bench]'; }
	@$(PYTHON) -m icdpm_experiments.input_pipeline $(if $(FRAMES),--frames='$(FRAMES)')

wheel-check: $(READY)  ## build the wheel and use it in an empty environment
	@bash tests/wheel_check.sh

clean:  ## remove what set-up, build and tests have made
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache
	@find icdpm datasets experiments tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY):
	@rm -rf $(VENV)
	@for python in python3.11 python3.10 python3.9 python3; do \
	  $$python -c '$(FITS)' 2> /dev/null && exec $$python -m venv $(VENV); \
	done; \
	command -v uv > /dev/null && exec uv venv --quiet --python 3.11 --seed $(VENV); \
	echo "icdpm needs Python 3.9, 3.10 or 3.11 with its venv module and found none:" \
	  "install one (Debian: apt install python3.11 python3.11-venv) or uv, then run make again." >&2; \
	exit 1
	@echo "Setting up $(VENV): this downloads TensorFlow and takes a few minutes."
	@# Python 3.9 may bring a pip too old for editable installs (21.3) and for the wheel check (22.3).
	@$(INSTALL) 'pip>=22.3'
	@$(INSTALL) --editable '.[test,lint]'
	@touch $@
