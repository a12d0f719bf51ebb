"""Every Python example of the README and the docs runs as it stands, against the simulator."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import types
from pathlib import Path

import pytest

from holdfast.providers.catalog import CATALOG
from holdfast.simulator import Scenario, SimulatedModel, start_in_thread

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)#]+)[^)]*\)")


@pytest.fixture(scope="module")
def simulator():
    with start_in_thread(Scenario(models={"*": SimulatedModel()})) as simulator:
        yield simulator


@pytest.fixture
def anywhere(simulator, monkeypatch, tmp_path):
    """Every endpoint of the catalog that has an address to set is the simulator, every key is invented."""
    for spec in CATALOG.values():
        for name in spec.auth.env:
            monkeypatch.setenv(name, "an-invented-key")
        for name in spec.base_url_env:
            monkeypatch.setenv(name, simulator.base_url(spec.codec).rstrip("/"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", [page for page in PAGES if BLOCK.search(page.read_text())], ids=lambda page: page.stem)
async def test_the_examples_of_a_page_run(page, anywhere):
    text = page.read_text()
    module = types.ModuleType(f"docs_{page.stem}")
    for block in BLOCK.finditer(text):
        line = text[: block.start()].count("\n") + 1
        source = "\n" * line + block[1]
        code = compile(source, str(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, vars(module))  # noqa: S307  # our own documentation
        else:  # a script, which may run a loop of its own
            await asyncio.to_thread(exec, code, vars(module))
    for value in vars(module).values():
        closing = getattr(value, "close", None) if type(value).__module__.startswith("holdfast") else None
        if closing is not None and inspect.isawaitable(waiting := closing()):
            await waiting


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_links_of_a_page_lead_somewhere(page):
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target
