"""The order of proofs, and what must hold for every rule in the tables."""

from __future__ import annotations

from collections import Counter

import pytest

from holdfast.errors import ContentFilterError, InvalidRequestError, ModelError, QuotaExhaustedError, RateLimitError
from holdfast.providers.anthropic.errors import TABLE as ANTHROPIC
from holdfast.providers.bedrock.errors import TABLE as BEDROCK
from holdfast.providers.failures.evidence import Evidence
from holdfast.providers.failures.phrases import near, phrase_of
from holdfast.providers.failures.rule import Rule, Table
from holdfast.providers.gemini.errors import TABLE as GEMINI
from holdfast.providers.openai_chat.errors import TABLE as OPENAI
from holdfast.providers.openai_responses.errors import TABLE as RESPONSES

PROOFS = ("codes", "test", "phrases", "types", "pairs", "vague", "hints", "statuses")
TABLES = (ANTHROPIC, BEDROCK, GEMINI, OPENAI, RESPONSES)

TABLE = Table(
    (
        Rule(name="status", error=ModelError, source="-", statuses=(400,)),
        Rule(name="hint", error=ModelError, source="-", hints=("perhaps money",)),
        Rule(name="vague", error=InvalidRequestError, source="-", vague=("your_fault",)),
        Rule(name="pair", error=QuotaExhaustedError, source="-", pairs=(near("gold silver", "gone, lost"),)),
        Rule(name="type", error=InvalidRequestError, source="-", types=("general",)),
        Rule(name="phrase", error=QuotaExhaustedError, source="-", phrases=("out of money",)),
        Rule(name="test", error=RateLimitError, source="-", test=lambda evidence: "n" in evidence.details),
        Rule(name="code", error=ContentFilterError, source="-", codes=("special",)),
        Rule(name="numbered", error=RateLimitError, source="-", codes=("17",), providers=("here",)),
        Rule(name="only-429", error=RateLimitError, source="-", phrases=("too much",), at=(429,)),
        Rule(name="never-401", error=RateLimitError, source="-", phrases=("too many",), not_at=(401,)),
    )
)


@pytest.mark.parametrize(
    ("evidence", "name"),
    [
        (
            Evidence(
                status=400,
                codes={"general": "general", "special": "special"},
                text="out of money",
                details={"n": 1},
            ),
            "code",
        ),
        (Evidence(status=400, codes={"general": "general"}, text="out of money", details={"n": 1}), "test"),
        (Evidence(status=400, codes={"general": "general"}, text="You are Out of `money`!"), "phrase"),
        (Evidence(status=400, codes={"general": "general"}, text="perhaps money"), "type"),
        (Evidence(status=400, text="perhaps money"), "hint"),
        (Evidence(status=400, codes={"your_fault": "your_fault"}, text="perhaps money"), "vague"),
        (Evidence(status=400, codes={"your_fault": "your_fault"}, text="All the silver is gone"), "pair"),
        (Evidence(status=400, codes={"your_fault": "your_fault"}, text="Gone is the gold"), "pair"),
        (Evidence(status=503, codes={"your_fault": "your_fault"}, text="Gone is the gold"), "vague"),
        (Evidence(status=400, codes={"your_fault": "your_fault", "gold_gone": "GoldGone"}), "pair"),
        (Evidence(status=400, codes={"general": "general", "out_of_money": "out_of_money"}), "phrase"),
        (Evidence(status=400, text="zork"), "status"),
        (Evidence(status=404, text="perhaps money"), None),
        (Evidence(codes={"17": "17"}, provider="here"), "numbered"),
        (Evidence(codes={"17": "17"}, provider="there"), None),
        (Evidence(status=429, text="too much"), "only-429"),
        (Evidence(status=503, text="too much"), None),
        (Evidence(status=401, text="too many"), None),
        (Evidence(text="too many"), "never-401"),
    ],
)
def test_the_most_telling_proof_wins(evidence: Evidence, name: str | None) -> None:
    match = TABLE.match(evidence)
    assert (match.rule.name if match else None) == name


@pytest.mark.parametrize("table", TABLES, ids=range(len(TABLES)))
def test_every_rule_has_a_source_and_something_to_look_at(table: Table) -> None:
    for rule in table.rules:
        assert rule.source, rule.name
        assert any(getattr(rule, field) for field in PROOFS), rule.name


@pytest.mark.parametrize("rule", RESPONSES.rules, ids=lambda rule: rule.name)
def test_no_phrase_says_what_a_shorter_one_of_its_rule_says_already(rule: Rule) -> None:
    for written in (rule.phrases, rule.hints):
        said = [phrase_of(phrase) for phrase in written]
        short = [(phrase, phrase.parts[0]) for phrase in said if len(phrase.parts) == 1]
        assert [
            (long.written, phrase.written)
            for long in said
            for phrase, words in short
            if phrase is not long and any(words in part for part in long.parts)
        ] == []


def test_names_of_rules_are_unique() -> None:
    assert [name for name, times in Counter(rule.name for rule in RESPONSES.rules).items() if times > 1] == []


def test_every_status_of_a_failure_has_a_rule() -> None:
    for table in TABLES:
        assert [status for status in range(400, 600) if table.match(Evidence(status=status)) is None] == []


def test_a_rate_limit_of_any_wording_is_never_an_overflow() -> None:
    for rule in RESPONSES.rules:
        if rule.error.kind == "context_overflow" and rule.phrases:
            assert 429 in rule.not_at, rule.name
