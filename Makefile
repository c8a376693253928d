# Lamplight in one word each. All the work is in packaging/setup.py, which Windows calls directly.
#
#   make run CUDA=1             build llama.cpp for an NVIDIA GPU (CUDA=0 goes back)
#   make run TORCH_INDEX=...    take PyTorch from another index (docs/installing.md says why)
#   make run LLAMA_WHEEL=...    take a built llama.cpp, for machines without a compiler
#   make run ARGS='novel.md'    hand words on to lamplight (or, in `make test`, to pytest)
#   make run PYTHON=python3.12  use another Python

PYTHON ?= python3
SETUP = $(PYTHON) packaging/setup.py

.PHONY: help run test check bench core models test-models lock clean

help:
	@echo 'make run     set up and open the editor; without a display, write in the terminal'
	@echo 'make test    set up, check the code and run every test'
	@echo 'make check   the checks alone: style, types, import directions'
	@echo 'make bench   measure everything [CORPUS=folder of texts]'
	@echo 'make core    set up what writing needs, without PyTorch'
	@echo 'make models  get two larger models for bench and test-models (1.6 GB)'
	@echo 'make lock    renew packaging/constraints.txt from pyproject.toml (needs uv)'
	@echo 'make clean   remove .venv and what the tools left behind; texts are never touched'

run:
	@$(SETUP) run -- $(ARGS)

test:
	@$(SETUP) test -- $(ARGS)

check:
	@$(SETUP) check

bench:
	@$(SETUP) bench -- $(if $(CORPUS),--corpus '$(CORPUS)') $(ARGS)

core:
	@$(SETUP) core

models:
	@$(SETUP) models

test-models:
	@$(SETUP) test-models -- $(ARGS)

lock:
	@$(PYTHON) packaging/lock.py

clean:
	@$(SETUP) clean
