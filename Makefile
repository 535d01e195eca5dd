# Every target sets up .venv itself; nothing else needs to be installed but Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TOUR ?= merian-tour
WORK ?= pocket-work
# what `frontend/` is built into, by the build hook (hatch_build.py), whenever its sources have changed
PAGES := src/merian/web/static/index.html
SOURCES := hatch_build.py $(shell find frontend -name node_modules -prune -o -type f -print)

.PHONY: demo test check bench web pocket clean

$(READY): pyproject.toml src/merian/__init__.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Merian needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	@echo "Setting up $(VENV): once, some minutes (PyTorch is large) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $(READY)

$(PAGES): $(SOURCES) | $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

demo: $(READY) $(PAGES)  ## the main job: the whole path on the drawn tree of life, then the web page
	$(BIN)/merian tour $(TOUR) $(ARGS)

test: $(READY) $(PAGES)  ## all tests; fails when none ran
	$(BIN)/python -m pytest $(ARGS)

check: $(READY) $(PAGES)  ## format, lint, types, floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) $(PAGES)  ## every promise of speed against a named peer or floor
	@for file in bench/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

web: $(READY) $(PAGES)  ## the web page over the demo's folder
	$(BIN)/merian serve $(TOUR)

pocket: $(READY)  ## the model in the package, made anew: make pocket PHOTOS=photos.csv
	$(BIN)/merian train recipes/pocket.toml $(WORK) --source $(PHOTOS)
	rm -rf src/merian/pocket
	cp -r $(WORK)/pocket src/merian/pocket

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis .import_linter_cache
