"""The page of failures is the tables, written out."""

from __future__ import annotations

from pathlib import Path

from holdfast.providers.failures.page import page

PAGE = Path(__file__).parents[3] / "docs" / "failures.md"


def test_the_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text() == page(), "run: python -m holdfast.providers.failures.page > docs/failures.md"


def test_every_row_of_a_table_on_the_page_has_its_cells() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| ")]
    assert rows
    assert {line.replace("\\|", "").count("|") for line in rows} <= {5, 6}
