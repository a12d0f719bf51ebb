"""The examples of docs/simulator.md run, and its table is the vocabulary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfast.simulator import parse, vocabulary
from holdfast.simulator.faults import KINDS
from holdfast.simulator.scenario import When, Window

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", [text for language, text in BLOCKS if language == "toml"])
def test_every_scenario_of_the_page_can_be_read(text):
    assert parse(text).models


@pytest.mark.parametrize("code", [code for language, code in BLOCKS if language == "python"])
def test_every_program_of_the_page_runs(code):
    exec(compile(code, "docs/simulator.md", "exec"), {"__name__": "example"})  # noqa: S102  # our own page


def test_the_page_names_every_fault_with_its_parameters():
    rows = {row[0]: row[1] for row in re.findall(r"^\| `(\w+)` \| (.*?) \| .*? \|$", PAGE, re.MULTILINE)}
    for entry in vocabulary():
        if entry.name != "error":
            assert re.findall(r"`(\w+)", rows[entry.name]) == list(entry.parameters)
    assert all(f"`{kind}`" in PAGE for kind in KINDS)
    assert all(f"`{key}`" in PAGE for key in (*When.__struct_fields__, *Window.__struct_fields__) if key != "tokens")
