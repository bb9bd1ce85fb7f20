VENV := .venv
PYTHON := $(VENV)/bin/python
# Created when the whole setup has succeeded. Its name depends on setup.py: new pins make a new environment.
READY := $(VENV)/ready-$(shell cksum < setup.py | tr ' ' -)
# Hides packaging warnings, which concern packagers only.
INSTALL := PYTHONWARNINGS=ignore $(PYTHON) -m pip install --quiet --disable-pip-version-check
# Variables of the paper's tables and figures. SCALE=paper uses DATA_DIR (records of icdpm-prepare) and STRATEGY (single, mirrored,
# tpu), SCALE=small uses FOLDER, PAIRS, KERNELS and SEEDS. TRAINED_ONLY=1 trains nothing; RUNS is the folder of the runs.
SCALE ?= micro
BENCH_FLAGS = --scale=$(SCALE) $(if $(DATA_DIR),--data_dir='$(DATA_DIR)') $(if $(STRATEGY),--strategy=$(STRATEGY)) \
  $(if $(FOLDER),--folder='$(FOLDER)') $(foreach each,$(PAIRS),--pairs='$(each)') \
  $(if $(KERNELS),--kernels='$(KERNELS)') $(if $(SEEDS),--seeds=$(SEEDS)) $(if $(TRAINED_ONLY),--trained_only) \
  $(if $(RUNS),--runs='$(RUNS)') $(foreach each,$(RESTORED),--restored='$(each)') $(if $(ANSWERS),--answers='$(ANSWERS)') \
  $(foreach each,$(CROPS),--crops='$(each)') $(if $(PHOTOS),--photos='$(PHOTOS)')
# Data of bench-samplers, bench-presets and bench-grid; --help describes the flags.
SWEEP_FLAGS = $(if $(DATA),--data='$(DATA)') $(if $(DATA_DIR),--data_dir='$(DATA_DIR)') $(if $(IMAGES),--images=$(IMAGES)) \
  $(if $(CROP),--crop=$(CROP)) $(if $(SAMPLES),--samples=$(SAMPLES))
PAPER := bench-table1 bench-table2 bench-table3 bench-table4 bench-table5 bench-table6 bench-table7 bench-table8 \
  bench-table9 bench-fig4 bench-fig5 bench-fig7 bench-fig8 bench-fig9 bench-hidiff bench-hidiff-ablation \
  bench-fig1 bench-fig6 bench-fig11 bench-fig12 bench-fig13 bench-fig14 bench-fig15 bench-fig16 bench-fig17 bench-fig18 \
  bench-fig19 bench-fig20 bench-fig21 bench-fig22 bench-fig23 bench-fig24 bench-fig25 bench-fig26 \
  bench-failures bench-hidiff-realblur bench-hidiff-photos bench-hidiff-chain bench-small-page
# One process more than cores, because some tests wait for other processes; at most four, because of memory.
WORKERS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN 2> /dev/null || echo 1); echo $$((cores > 3 ? 4 : cores + 1)))
# One thread per process, because the processes keep the cores busy.
PYTEST = TF_CPP_MIN_LOG_LEVEL=3 TF_NUM_INTRAOP_THREADS=1 $(PYTHON) -m pytest --numprocesses=$(WORKERS) --dist=worksteal
# Python versions that setup looks for, on the path and in pyenv, and the check that one has to pass.
PYTHONS := python3.11 python3.10 python3.9 python3.12 python3.13 python3
FITS := import ensurepip, sys, venv; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 13))
# TensorFlow differs between Python up to 3.11 and from 3.12 on (setup.py). `make … $(OTHER)` uses the version that .venv lacks.
OTHER_VENV := .venv-other
OTHER = VENV=$(OTHER_VENV) PYTHONS="$$($(PYTHON) -c \
  'import sys; print("python3.13 python3.12" if sys.version_info < (3, 12) else "python3.11 python3.10 python3.9")')"

.PHONY: help setup demo test test-fast lint docs $(PAPER) bench-micro report bench-table11 bench-hidiff-size bench-hidiff-speed bench-hidiff-tiny bench-samplers bench-presets bench-grid bench-tiles bench-input bench-export weights bench-weights bench-peers \
  bench-guided wheel-check test-keras test-stacks stack-check clean

help:  ## list these targets
	@awk -F ':.*  ## ' '/^[a-z0-9-]+:.*  ## / {printf "make %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## create the environment in .venv (other targets do this automatically)

demo: $(READY)  ## restore blurred scenes with the packaged model, and train for a few steps
	@$(PYTHON) -m icdpm_experiments.demo

test: $(READY)  ## run the tests
	@$(PYTEST) --durations=15

test-fast: $(READY)  ## run the fast tests only: without training, serving and long compilation
	@$(PYTEST) -m 'not slow'

lint: $(READY)  ## check style and types
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy

docs: $(READY)  ## build the API reference from the docstrings, in docs/; fails if a docstring cannot be parsed
	@$(PYTHON) -c 'import griffe, pdoc' 2> /dev/null || $(INSTALL) --editable '.[docs]'
	@$(PYTHON) -m griffe dump icdpm datasets --search . --docstyle google --full --output /dev/null 2>&1 | { ! grep WARNING; }
	@$(PYTHON) -W error::UserWarning:pdoc -m pdoc --docformat google --output-directory docs icdpm '!icdpm.commands' icdpm_datasets

bench-table1:  ## FID and KID between two domains, of inputs and of guidance regressions
bench-table2:  ## with and without guidance, small and large networks: best of the sampling grid
bench-table3:  ## GoPro, all metrics (RESTORED=NAME=DIR adds another method, as in tables 4 to 6)
bench-table4:  ## RealBlur-J, all metrics
bench-table5:  ## REDS, all metrics
bench-table6:  ## HIDE, all metrics
bench-table7:  ## page for raters who compare methods; ANSWERS='answers/*.json' fills the table
bench-table8:  ## settings of the guidance
bench-table9:  ## with and without the blurry image as input
bench-fig4:  ## regressions of the guidance at each scale
bench-fig5:  ## perception against distortion, RealBlur-J
bench-fig7:  ## perception against distortion, GoPro, HIDE and REDS
bench-fig8:  ## feature maps of the guidance
bench-fig9:  ## guidance features with and without alignment to another domain
bench-hidiff:  ## HI-Diff on GoPro, HIDE, RealBlur-J and RealBlur-R (RESTORED=NAME=DIR with a folder for each set)
bench-hidiff-ablation:  ## ablation of HI-Diff on GoPro: prior, guidance at several scales, joint training
bench-fig1:  ## fixed crops of RealBlur-J (in all of these figures: RESTORED=NAME=DIR, CROPS='NAME=LEFT,TOP,WIDTH,HEIGHT …')
bench-fig6:  ## three fixed crops of RealBlur-J
bench-fig11:  ## a fixed crop of REDS
bench-fig12:  ## a fixed crop of REDS
bench-fig13:  ## a fixed crop of REDS
bench-fig14:  ## a fixed crop of REDS
bench-fig15:  ## a fixed crop of HIDE
bench-fig16:  ## a fixed crop of HIDE
bench-fig17:  ## a fixed crop of HIDE
bench-fig18:  ## a fixed crop of HIDE
bench-fig19:  ## a fixed crop of GoPro
bench-fig20:  ## a fixed crop of GoPro
bench-fig21:  ## a fixed crop of GoPro
bench-fig22:  ## a fixed crop of GoPro
bench-fig23:  ## a fixed crop of RealBlur-J
bench-fig24:  ## a fixed crop of RealBlur-J
bench-fig25:  ## a fixed crop of RealBlur-J
bench-fig26:  ## a fixed crop of RealBlur-J
bench-failures:  ## images of RealBlur-J with the least gain and light, and what failed in them (Figures 27 to 30)
bench-hidiff-realblur:  ## HI-Diff on fixed crops of RealBlur-J (RESTORED, CROPS)
bench-hidiff-photos:  ## HI-Diff on photos without sharp counterparts, such as RWBI (PHOTOS=DIR, RESTORED, CROPS)
bench-hidiff-chain:  ## HI-Diff's output at each step of its reverse chain (CROPS)
bench-small-page:  ## the paper's two claims at SCALE=small: plots, images and answers on one page, results/small.md

$(PAPER): $(READY)
	@$(PYTHON) -m icdpm_experiments.paper.bench $(@:bench-%=%) $(BENCH_FLAGS)

bench-micro: $(READY)  ## all of these tables and figures on the embedded data, as a test of the whole path
	@$(PYTHON) -m icdpm_experiments.paper.bench all --scale=micro

report: $(READY)  ## collect results/ in one page, results/report.html (DATA_DIR as for the tables)
	@$(PYTHON) -m icdpm_experiments.report $(if $(DATA_DIR),--data_dir='$(DATA_DIR)')

weights: $(READY)  ## train and package the packaged model (FOLDER=DIR of images)
	@$(PYTHON) -m icdpm_experiments.packaged_model.weights $(if $(FOLDER),--folder='$(FOLDER)')

bench-weights: $(READY)  ## the packaged model on pairs it has not seen (PAIRS='NAME=FOLDER …'; FOLDER=DIR with photos/; WORKDIR=DIR of another model)
	@$(PYTHON) -m icdpm_experiments.packaged_model.bench_weights $(foreach each,$(PAIRS),--pairs='$(each)') $(if $(FOLDER),--folder='$(FOLDER)') \
	  $(if $(WORKDIR),--workdir='$(WORKDIR)')

bench-peers: $(READY)  ## the packaged model compared with MAXIM's published weights (MAXIM=DIR of its model.json, PAIRS='NAME=FOLDER …')
	@$(PYTHON) -m icdpm_experiments.measurements.peers $(if $(MAXIM),--maxim='$(MAXIM)') $(foreach each,$(PAIRS),--pairs='$(each)')

bench-guided: $(READY)  ## guided against unguided with equal compute, three seeds each (FOLDER=DIR, PAIRS='NAME=FOLDER …'; or GUIDED=DIR UNGUIDED=DIR)
	@$(PYTHON) -m icdpm_experiments.packaged_model.guided $(if $(FOLDER),--folder='$(FOLDER)') $(foreach each,$(PAIRS),--pairs='$(each)') \
	  $(if $(GUIDED),--guided='$(GUIDED)') $(if $(UNGUIDED),--unguided='$(UNGUIDED)')

bench-table11: $(READY)  ## parameters and FLOPs of the paper's Table 11
	@$(PYTHON) -m icdpm_experiments.paper.model_sizes table11

bench-hidiff-size: $(READY)  ## parameters and multiply-adds of HI-Diff's configs, with the published values of six other methods
	@$(PYTHON) -m icdpm_experiments.paper.model_sizes hidiff

bench-hidiff-speed: $(READY)  ## time of HI-Diff's restoration and training step, compared with the official PyTorch code (REFERENCE=DIR of it)
	@test -z '$(REFERENCE)' || $(PYTHON) -c 'import torch, einops' 2> /dev/null || { echo "Installing PyTorch for the comparison."; $(INSTALL) --editable '.[bench]'; }
	@$(PYTHON) -m icdpm_experiments.measurements.hidiff_speed $(if $(REFERENCE),--reference='$(REFERENCE)')

bench-samplers: $(READY)  ## quality for each sampler and number of network evaluations (WORKDIR=DIR of another model)
	@$(PYTHON) -m icdpm_experiments.measurements.samplers $(if $(WORKDIR),--workdir='$(WORKDIR)') $(SWEEP_FLAGS)

bench-presets: $(READY)  ## search the model's sampling presets on held-out pairs and write them (DATA=DIR; WORKDIR=DIR of another model)
	@$(PYTHON) -m icdpm_experiments.measurements.presets $(if $(WORKDIR),--workdir='$(WORKDIR)') $(SWEEP_FLAGS)

bench-grid: $(READY)  ## perception against distortion over the paper's sampling settings (WORKDIR='NAME=DIR …', DATA=DIR)
	@$(PYTHON) -m icdpm_experiments.measurements.grid $(foreach each,$(WORKDIR),--workdir='$(each)') $(SWEEP_FLAGS)

bench-hidiff-tiny: $(READY)  ## train hidiff_tiny and a model without prior on the embedded scenes, and plot their curves
	@$(PYTHON) -m icdpm_experiments.measurements.hidiff_tiny

bench-tiles: $(READY)  ## tiles against the whole image: error by overlap; time and memory up to 24 megapixels (WORKDIR=DIR, PHOTO=FILE)
	@$(PYTHON) -m icdpm_experiments.measurements.tiles $(if $(WORKDIR),--workdir='$(WORKDIR)') $(if $(PHOTO),--photo='$(PHOTO)')

bench-input: $(READY)  ## training pairs per second, compared with a PyTorch DataLoader (FRAMES=DIR of your own frames)
	@$(PYTHON) -c 'import torch' 2> /dev/null || { echo "Installing PyTorch for the comparison."; $(INSTALL) --editable '.[bench]'; }
	@$(PYTHON) -m icdpm_experiments.measurements.input_pipeline $(if $(FRAMES),--frames='$(FRAMES)')

bench-export: $(READY)  ## an exported model compared with Python: load, first answer, steady state (WORKDIR=DIR of another model)
	@$(PYTHON) -m icdpm_experiments.measurements.export $(if $(WORKDIR),--workdir='$(WORKDIR)')

wheel-check: $(READY)  ## build the wheel and use it in an empty environment
	@bash tests/wheel_check.sh $(VENV)

test-keras: $(READY)  ## what a Keras user expects of every model: build, fit, predict, save, load, and every front end
	@$(PYTEST) tests/models/test_keras_contract.py tests/models/test_front_ends.py tests/models/test_readme.py

test-stacks: $(READY)  ## run the tests with both TensorFlow versions, and stack-check (second environment in .venv-other)
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory test $(OTHER)
	@$(MAKE) --no-print-directory stack-check

stack-check: $(READY)  ## check that files written with one TensorFlow version load with the other (in .venv-other)
	@$(MAKE) --no-print-directory setup $(OTHER)
	@bash tests/stack_check.sh $(VENV) $(OTHER_VENV)
	@$(MAKE) --no-print-directory test-keras $(OTHER)

clean:  ## remove the files that setup, builds and tests create
	@rm -rf $(VENV) $(OTHER_VENV) build dist docs *.egg-info .pytest_cache .mypy_cache .ruff_cache
	@find icdpm datasets experiments tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY):
	@rm -rf $(VENV)
	@for name in $(PYTHONS); do \
	  for python in $$name $${PYENV_ROOT:-$$HOME/.pyenv}/versions/*/bin/$$name; do \
	    $$python -c '$(FITS)' 2> /dev/null && exec $$python -m venv $(VENV); \
	  done; \
	done; \
	command -v uv > /dev/null && exec uv venv --quiet --python $(patsubst python%,%,$(firstword $(PYTHONS))) --seed $(VENV); \
	echo "icdpm needs Python 3.9 to 3.13 with its venv module; none of $(PYTHONS) answers:" \
	  "install one (Debian: apt install $(firstword $(PYTHONS)) $(firstword $(PYTHONS))-venv) or uv, then run make again." >&2; \
	exit 1
	@echo "Setting up $(VENV): this downloads TensorFlow and takes a few minutes."
	@# Python 3.9 may bring a pip too old for editable installs (21.3) and for the wheel check (22.3).
	@$(INSTALL) 'pip>=22.3'
	@$(INSTALL) --editable '.[test,lint,serve]'
	@touch $@
