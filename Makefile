# Every target sets itself up: a virtual environment in .venv, filled from the lock file. Python 3.11+ and make are all
# that has to be there.
.PHONY: demo test check lint bench clean

PYTHON ?= python3
RUN := .venv/bin/
UV := .tools/bin/uv

demo: .venv/ready  ## 200 requests through a storm, with a calm fallback
	$(RUN)holdfast run examples/storm.jsonl build/demo.jsonl --model sim/stormy --fallback sim/calm \
		--fallback-filtered --first-event 2 --rest 0 --fresh

test: .venv/ready  ## all tests
	$(RUN)pytest -n 2

check: .venv/ready  ## format, lint, types, import contracts
	$(RUN)ruff format --check .
	$(RUN)ruff check .
	$(RUN)mypy
	$(RUN)basedpyright
	$(RUN)lint-imports

bench: .venv/ready  ## against the peers, in one run
	$(RUN)python bench/overhead.py

.venv/ready: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --frozen --all-extras --python $(PYTHON)
	@touch $@

$(UV):
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv==0.13.8

clean:
	rm -rf .venv .tools build
