from __future__ import annotations

from collections import Counter

import pytest

from holdfast.errors import ConfigurationError
from holdfast.simulator.faults import KINDS, KeepAlives, Refuse, ResetAfter, Stall, name_of, vocabulary
from holdfast.simulator.reading import BUILT_IN, fault_named, load, parse
from holdfast.simulator.scenario import Occasion, Rule, SimulatedModel, When, Window


def drawn(model: SimulatedModel, count: int, seed: int = 0, **fields) -> list[object]:
    return [model.fault(Occasion(model="m", prompt=f"prompt {n}", **fields), seed) for n in range(count)]


def test_a_scenario_says_what_each_model_does():
    scenario = parse("""
        seed = 4
        [models.flaky]
        latency = 0.5
        think = true
        continuation = "from_start"
        window = { tokens = 500 }
        rate_limit = { requests = 3, seconds = 2 }
        rules = [
          { fault = "rate_limit", retry_after = 2, first = 1 },
          { fault = "reset_after", after = 7, share = 0.5 },
        ]
    """)
    model = scenario.models["flaky"]
    assert scenario.seed == 4
    assert model.latency == 0.5
    assert model.manner.think
    assert model.manner.continuation == "from_start"
    assert model.window == Window(tokens=500)
    assert model.rules == (
        Rule(Refuse(kind="rate_limit", retry_after=2), When(first=1)),
        Rule(ResetAfter(after=7), When(share=0.5)),
    )


def test_calm_and_stormy_are_known_to_every_scenario_and_may_carry_their_prefix():
    scenario = parse("[models.mine]\n")
    assert scenario.model("calm") is scenario.model("sim/calm") is not None
    assert scenario.model("sim/stormy") is not None
    assert scenario.model("other") is None
    assert parse('[models."*"]\n').model("other") is not None


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_built_in_scenarios_can_be_read(name):
    assert "calm" in load(name).models


def test_a_scenario_is_read_from_a_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[models.mine]\n", encoding="utf-8")
    assert "mine" in load(file).models


@pytest.mark.parametrize("name", [*KINDS, *(entry.name for entry in vocabulary())])
def test_every_word_of_the_vocabulary_can_be_used_in_a_scenario(name):
    parameters = {"status": 418} if name == "status" else {}
    fault = fault_named(name, **parameters)
    assert name_of(fault) == ("server_error" if name == "error" else name)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("model = 1", "`model`"),
        ("models = 1", "`models`"),
        ("seed = 'x'", "`seed`"),
        ("[models.a]\nlatncy = 1", "`models.a.latncy`"),
        ("[models.a]\nlatency = -1", "`models.a.latency`"),
        ("[models.a]\ncontinuation = 'odd'", "`models.a.continuation`"),
        ("[models.a]\nwindow = { tokn = 1 }", "`models.a.window`"),
        ("[models.a]\nwindow = { tokens = 0 }", "`models.a.window.tokens`"),
        ("[models.a]\nrules = [{ fault = 'storm' }]", "`models.a.rules[0].fault`"),
        ("[models.a]\nrules = [{ share = 0.1 }]", "`models.a.rules[0].fault`"),
        ("[models.a]\nrules = [{ fault = 'html' }, { fault = 'stall', second = 1 }]", "`models.a.rules[1].second`"),
        ("[models.a]\nrules = [{ fault = 'stall', seconds = 'x' }]", "`models.a.rules[0].seconds`"),
        ("[models.a]\nrules = [{ fault = 'stall', share = 1.5 }]", "`models.a.rules[0].share`"),
        ("[models.a]\nrules = [{ fault = 'stall', prompt = '(' }]", "`models.a.rules[0].prompt`"),
        ("[models.a]\nrules = [{ fault = 'status' }]", "`models.a.rules[0]`"),
        ("[models.a]\nrules = [{ fault = 'html', share = 0.6 }, { fault = 'stall', share = 0.6 }]", "`models.a.rules`"),
        ("[models", "no TOML"),
    ],
)
def test_an_error_in_a_scenario_names_the_key(text, key):
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert key in str(caught.value)


def test_a_scenario_that_does_not_exist_is_an_error_that_names_those_that_do():
    with pytest.raises(ConfigurationError, match="storm, streams, windows"):
        load("hurricane")


@pytest.mark.parametrize(
    ("when", "occasion", "holds"),
    [
        (When(), Occasion(model="m"), True),
        (When(first=2), Occasion(model="m", number=2), True),
        (When(first=2), Occasion(model="m", number=3), False),
        (When(every=3), Occasion(model="m", number=6), True),
        (When(every=3), Occasion(model="m", number=7), False),
        (When(attempts=1), Occasion(model="m", attempt=1), True),
        (When(attempts=1), Occasion(model="m", attempt=2), False),
        (When(prompt="(?i)bomb"), Occasion(model="m", prompt="a Bomb"), True),
        (When(prompt="bomb"), Occasion(model="m", prompt="a rose"), False),
        (When(stream=True), Occasion(model="m", stream=True), True),
        (When(stream=True), Occasion(model="m", stream=False), False),
        (When(first=2, prompt="x"), Occasion(model="m", number=1, prompt="y"), False),
    ],
)
def test_a_rule_holds_when_all_its_conditions_do(when, occasion, holds):
    assert when.holds(occasion) is holds


def test_the_first_rule_without_a_share_wins_over_every_lot():
    model = SimulatedModel(
        rules=(Rule(KeepAlives(), When(share=1.0)), Rule(Stall(), When(first=1)), Rule(Refuse(), When(first=5)))
    )
    assert [type(model.fault(Occasion(model="m", number=n))) for n in (1, 2, 6)] == [Stall, Refuse, KeepAlives]


def test_shares_are_kept_over_many_prompts_and_exclude_each_other():
    model = SimulatedModel(rules=(Rule(Stall(), When(share=0.25)), Rule(Refuse(), When(share=0.5))))
    counts = Counter(type(fault) for fault in drawn(model, 4000))
    assert counts[Stall] / 4000 == pytest.approx(0.25, abs=0.03)
    assert counts[Refuse] / 4000 == pytest.approx(0.5, abs=0.03)
    assert counts[type(None)] / 4000 == pytest.approx(0.25, abs=0.03)


def test_the_lot_depends_on_seed_prompt_and_attempt_and_on_nothing_else():
    model = load("storm").models["stormy"]
    assert drawn(model, 100) == drawn(model, 100, number=77, stream=True)
    assert drawn(model, 100) != drawn(model, 100, seed=1)
    assert drawn(model, 100) != drawn(model, 100, attempt=2)


def test_the_storm_shows_every_fault_it_lists_and_lets_a_few_through():
    model = load("storm").models["stormy"]
    seen = set(map(repr, drawn(model, 3000, seed=20)))
    assert {repr(rule.fault) for rule in model.rules} <= seen
    assert "None" in seen


@pytest.mark.parametrize(
    ("window", "sizes"),
    [
        (Window(tokens=100), [100, 100, 100]),
        (Window(tokens=100, shrinks_by=30), [100, 70, 40]),
        (Window(tokens=100, shrinks_by=60, least=50), [100, 50, 50]),
    ],
)
def test_a_window_shrinks_with_every_request_down_to_its_least(window, sizes):
    assert [window.at(number) for number in (1, 2, 3)] == sizes


def test_every_fault_has_a_sentence_and_its_own_name():
    entries = vocabulary()
    assert len({entry.name for entry in entries}) == len(entries) == 30
    assert all(entry.summary.endswith(".") for entry in entries)
    assert {entry.name for entry in entries if entry.positional} >= {"stall", "reset_after", "early_end", "garbage"}
