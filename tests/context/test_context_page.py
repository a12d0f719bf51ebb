"""The page about context says what is so: its examples run."""

import re
from pathlib import Path

import pytest

pytest.importorskip("splintr")

PAGE = Path(__file__).parents[2] / "docs" / "context.md"


@pytest.mark.parametrize("number", range(3))
def test_the_examples_of_the_page_run(number):
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) == 3
    exec(compile(examples[number], str(PAGE), "exec"), {})  # noqa: S102  # our own page
