# The commands people type. Everything that sets up is in packaging/setup.sh; a second run costs no set-up time.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint unit windows wheel app words clean

BIN := .venv/bin
OUT := out
SAMPLE := $(firstword $(wildcard resources/samples/*.jpg resources/samples/*.png))
# A screen of its own for what opens windows, where there is a tool for it; Qt's off-screen platform elsewhere.
SCREEN = $(shell command -v xvfb-run >/dev/null && command -v xauth >/dev/null && echo 'xvfb-run -a -s "-screen 0 1920x1200x24"' || echo 'env QT_QPA_PLATFORM=offscreen')

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-9s %s\n", $$1, $$2 }'

setup: ## system libraries, .venv and the package (done by the others too)
	@sh packaging/setup.sh

demo: setup ## the bundled photo becomes a head in out/
	@$(BIN)/facestudio reconstruct "$(SAMPLE)" --output "$(OUT)" --name demo --subdivision 1 --overwrite
	@$(BIN)/facestudio render "$(OUT)/demo.glb" --views front,45,side --size 640x800 --photo "$(SAMPLE)" \
		--sheet "$(OUT)/demo-views.png" --overwrite

app: setup ## open the app
	@$(BIN)/facestudio app

test: lint unit windows ## all that CI runs: lint, types, import contracts, tests, wheel

lint: setup ## ruff, pyright and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

# The core's tests run as if Qt were not installed: nothing below the app may need it.
unit: setup ## tests without windows (ARGS="..." goes to pytest)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest tests --ignore tests/app -p no:pytest-qt --without-qt \
		--numprocesses auto --dist loadfile $(ARGS)

windows: setup ## tests of the app, on a screen of their own
	$(SCREEN) $(BIN)/pytest tests/app --reruns 3 --reruns-delay 1 $(ARGS)

wheel: setup ## build dist/*.whl
	$(BIN)/python -m build --wheel --no-isolation

words: setup ## collect the app's texts for translators (resources/translations)
	$(BIN)/python packaging/translations.py

clean: ## remove .venv and everything made
	rm -rf .venv out build dist .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -exec rm -rf {} +
