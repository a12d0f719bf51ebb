"""The page about the agent says what is so: its examples run, and so does the example file."""

import asyncio
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "agent.md"


@pytest.mark.parametrize("number", range(2))
def test_the_examples_of_the_page_run(number):
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) == 2
    exec(compile(examples[number], str(PAGE), "exec"), {})  # noqa: S102  # our own page


def test_the_example_survives_a_model_that_fails_nine_times_in_ten(capsys, monkeypatch):
    monkeypatch.delenv("HOLDFAST_SIM_URL", raising=False)
    asyncio.run(runpy.run_path(str(ROOT / "examples" / "agent.py"))["main"]())
    shown = capsys.readouterr().out
    assert "We are open from 9 to 5." in shown
    assert "* list_files(" in shown
    assert shown.count("in the window") == 3
