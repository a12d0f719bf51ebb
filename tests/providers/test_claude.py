"""The table of Claudes: names find their rows on every wire, and settings become what each row takes."""

from __future__ import annotations

import pytest

from holdfast.providers.claude import CLAUDES, OTHER, Plan, claude, plan
from holdfast.request import Settings


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("anthropic/claude-opus-4-6", "claude-opus-4-6"),
        ("claude-opus-4@20250514", "claude-opus-4"),
        ("claude-opus-4-1-20250805", "claude-opus-4-1"),
        ("claude-sonnet-5-5", "claude-sonnet-5-5"),
        ("claude-3-5-haiku-latest", "claude-3-5"),
        ("anthropic.claude-v2:1", "claude-v"),
        ("claude-opus-9", "claude-"),
    ],
)
def test_a_name_finds_its_row_whatever_stands_around_it(name: str, row: str) -> None:
    assert claude(name) is CLAUDES[row]


def test_a_model_of_another_maker_gets_the_cautious_row() -> None:
    assert claude("MiniMax-M2") is OTHER


def test_a_claude_of_tomorrow_is_sent_nothing_that_todays_refuse() -> None:
    row = claude("claude-opus-9")
    assert (row.prefill, row.sampling, row.thinking) == (False, "none", "adaptive")


def test_no_row_asks_for_more_than_its_model_gives() -> None:
    assert all(row.usual_output <= row.max_output for row in CLAUDES.values())


def test_no_wish_to_think_is_no_plan() -> None:
    assert plan(Settings(), "claude-opus-5") == Plan()


def test_a_budget_leaves_room_for_the_answer() -> None:
    found = plan(Settings(thinking_budget=50_000, max_tokens=8000), "claude-sonnet-4-5")
    assert found.thinking == {"type": "enabled", "budget_tokens": 4000}
    assert "half of max_tokens" in found.notes[0]


def test_only_thinking_by_a_budget_forbids_prefill_and_forced_tools() -> None:
    assert plan(Settings(reasoning_effort="high"), "claude-sonnet-4-5").strict
    assert not plan(Settings(reasoning_effort="high"), "claude-opus-4-6").strict
