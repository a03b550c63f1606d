# make help is the map.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= digits
RUNTIMES := .runtimes
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo runtimes test test-fast lint format bench bench-diff wheel clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.demo ## train a GRU and an LSTM, run both on emulated Cortex-M (DATA=path.npz for your own)
	@$(BIN)/edgeseq demo --data '$(DATA)'

runtimes: $(RUNTIMES)/.done ## tflite-runtime, tflite-micro and onnxruntime-web for the tests, from PyPI and npm

# The tests take them where they are.
ifneq ($(wildcard $(RUNTIMES)/.done),)
test test-fast: export EDGESEQ_TFLITE_RUNTIME = $(CURDIR)/$(RUNTIMES)/tflite-runtime/bin/python
test test-fast: export EDGESEQ_TFLITE_MICRO = $(CURDIR)/$(RUNTIMES)/tflite-micro/bin/python
test test-fast: export EDGESEQ_ONNXRUNTIME_WEB = $(CURDIR)/$(RUNTIMES)/web
endif

# Tests run two at a time; a BLAS that starts a thread per core would make them wait for each other.
test test-fast: export OPENBLAS_NUM_THREADS = 1

test: $(VENV)/.dev ## lint, types, room order and all tests, slow ones included
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -n 2 --dist worksteal --durations 25

test-fast: $(VENV)/.dev ## tests without the slow ones
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not slow'

lint: $(VENV)/.dev ## ruff, mypy, import-linter, clang-format
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	@git ls-files 'firmware_templates/*.c' 'firmware_templates/*.h' | xargs $(BIN)/clang-format --dry-run --Werror

format: $(VENV)/.dev ## rewrite Python and C in the house style
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .
	@git ls-files 'firmware_templates/*.c' 'firmware_templates/*.h' | xargs $(BIN)/clang-format -i

bench: $(VENV)/.bench ## measure costs on every core and accuracy on the data sets; rewrite the documents (hours)
	@$(BIN)/python -m benchmarks.models
	@$(BIN)/python -m benchmarks.cores
	@$(BIN)/python -m benchmarks.host
	@$(BIN)/python -m benchmarks.accuracy --methods ptq,qat
	@$(BIN)/python -m benchmarks.compact
	@$(BIN)/python -m benchmarks.pruned
	@$(BIN)/python -m benchmarks.sparse
	@$(BIN)/python -m benchmarks.tflite
	@$(BIN)/python -m benchmarks.onnx_forms
	@$(BIN)/python -m benchmarks.other_runtimes --environments $(RUNTIMES)
	@$(BIN)/python -m benchmarks.predictor_rows --count 200
	@$(BIN)/python -m benchmarks.predictor --fit
	@$(BIN)/python -m benchmarks.compare --fronts
	@$(BIN)/python -m benchmarks.choose
	@$(BIN)/python -m benchmarks.scaleout
	@$(BIN)/python -m benchmarks.plot
	@$(BIN)/python -m benchmarks.readme

bench-diff: $(VENV)/.bench ## measure costs again and fail if one grew by 2 % (CORES=cortex-m4,rv32imc for some)
	@$(BIN)/python -m benchmarks.cores --diff $(if $(CORES),--cores $(CORES))

wheel: $(VENV)/.dev ## build dist/*.whl
	@$(BIN)/python -m build --wheel --outdir dist . >/dev/null && ls dist

clean: ## remove the virtual environment and all build output
	@rm -rf $(VENV) $(RUNTIMES) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@echo "creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed (PYTHON=python3.11 make ...)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# A stamp per set of extras: a second call does not reinstall.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	@echo "installing edgeseq, a compiler, an emulator and TensorFlow (once, about a minute)"
	@$(PIP) -e '.[train,emulate]'
	@touch $@

$(VENV)/.bench: pyproject.toml | $(VENV)/.dev
	@$(PIP) -e '.[bench]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "installing edgeseq with everything the tests use (once)"
	@$(PIP) -e '.[train,emulate,runtimes,choose,cluster,report,dev]'
	@touch $@ $(VENV)/.demo

$(RUNTIMES)/.done: | $(VENV)/.dev
	@$(BIN)/python -m benchmarks.other_runtimes --environments $(RUNTIMES) --build-only
	@touch $@
