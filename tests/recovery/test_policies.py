"""Decisions as tables: a history in, a decision out, no event loop."""

from __future__ import annotations

import pytest

from holdfast.errors import (
    ERRORS,
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    InvalidResponseError,
    ModelConnectionError,
    ModelError,
    ModelNotFoundError,
    ModelTimeoutError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
    StreamInterruptedError,
)
from holdfast.messages import AssistantMessage, Text, UserMessage
from holdfast.recovery.attempt import Answer, Attempt, Decision, Fail, Failure, History, Policy
from holdfast.recovery.policies import (
    DEFAULT_POLICIES,
    answer,
    ask_again,
    decide,
    fallback,
    on_content_filter,
    on_error,
    on_overflow,
    retry,
)
from holdfast.request import Request
from holdfast.response import Response
from holdfast.testing import ScriptedModel

A, B, C = ScriptedModel(name="a"), ScriptedModel(name="b"), ScriptedModel(name="c")
REQUEST = Request(messages=(UserMessage("Hi"),))


def history(*errors: ModelError, models=(A, B), current=A, **changes) -> History:
    failures = tuple(Failure(model=current.name, request=REQUEST, error=error) for error in errors)
    facts = {"remaining": 60.0, "attempts_left": 4, "jitter": 0.5} | changes
    return History(failures=failures, models=models, current=current, request=REQUEST, **facts)


def run(policies: Policy | tuple[Policy, ...], past: History) -> Decision:
    """`decide` has nothing to wait for when no handler is async: one step ends it."""
    steps = decide(policies if isinstance(policies, tuple) else (policies,), past)
    with pytest.raises(StopIteration) as done:
        steps.send(None)
    return done.value.value


def told(decision: Decision) -> str:
    match decision:
        case Attempt():
            return f"{decision.model.name}+{decision.delay:g}"
        case None:
            return "raise"
        case _:
            return type(decision).__name__


# The table of the design: what the default policies do about each class, with and without a fallback, the first time.
FIRST = {
    RateLimitError: ("a+0.25", "a+0.25"),
    QuotaExhaustedError: ("b+0", "raise"),
    RequestTooLargeError: ("b+0", "raise"),
    ContextOverflowError: ("b+0", "raise"),
    ContentFilterError: ("raise", "raise"),
    OverloadedError: ("a+0.25", "a+0.25"),
    ServerError: ("a+0.25", "a+0.25"),
    ModelTimeoutError: ("b+0", "a+0.25"),
    ModelConnectionError: ("a+0.25", "a+0.25"),
    StreamInterruptedError: ("a+0.25", "a+0.25"),
    InvalidResponseError: ("a+0.25", "a+0.25"),
    AuthenticationError: ("b+0", "raise"),
    PermissionDeniedError: ("b+0", "raise"),
    ModelNotFoundError: ("b+0", "raise"),
    InvalidRequestError: ("raise", "raise"),
}


@pytest.mark.parametrize(("kind", "expected"), FIRST.items(), ids=lambda value: getattr(value, "kind", None))
def test_the_default_policies_act_on_every_class_as_the_design_says(kind, expected):
    with_fallback, alone = expected
    assert told(run(DEFAULT_POLICIES, history(kind("x")))) == with_fallback
    assert told(run(DEFAULT_POLICIES, history(kind("x"), models=(A,)))) == alone


def test_the_table_covers_every_class_a_call_can_end_in():
    assert {kind.kind for kind in FIRST} == set(ERRORS) - {"configuration", "cancelled"}


@pytest.mark.parametrize(
    ("retry_after", "remaining", "models", "expected"),
    [
        (0.5, 60.0, (A, B), "a+0.5"),  # short: worth waiting
        (7.0, 60.0, (A, B), "b+0"),  # the wait costs more than the next model
        (7.0, 60.0, (A,), "a+7"),  # nobody else: wait as long as the server asked
        (7.0, 5.0, (A,), "raise"),  # a wait that the deadline cannot hold is never begun
        (3600.0, 600.0, (A,), "raise"),
        (0.0, 60.0, (A, B), "a+0"),
    ],
)
def test_waiting_or_switching_is_one_decision(retry_after, remaining, models, expected):
    past = history(RateLimitError("slow", retry_after=retry_after), models=models, remaining=remaining)
    assert told(run(DEFAULT_POLICIES, past)) == expected


def test_retry_after_of_the_server_wins_over_backoff():
    assert run(retry(), history(ServerError("x", retry_after=0.75))).delay == 0.75


def test_a_model_is_asked_twice_then_the_next_and_once_more_when_it_is_alone():
    twice = (ServerError("1"), ServerError("2"))
    assert told(run(DEFAULT_POLICIES, history(*twice))) == "b+0"
    assert told(run(DEFAULT_POLICIES, history(*twice, models=(A,)))).startswith("a+")
    assert told(run(DEFAULT_POLICIES, history(*twice, ServerError("3"), models=(A,)))) == "raise"


def test_an_empty_retry_budget_means_the_next_model():
    assert told(run(DEFAULT_POLICIES, history(ServerError("x"), retry_allowed=False))) == "b+0"


def test_no_attempt_is_made_when_none_is_left():
    assert told(run(DEFAULT_POLICIES, history(QuotaExhaustedError("x"), attempts_left=0))) == "raise"


def test_an_answer_is_given_when_attempts_are_used_up():
    past = history(QuotaExhaustedError("x"), attempts_left=0, remaining=-1.0)
    assert isinstance(run((*DEFAULT_POLICIES, answer("Sorry.")), past), Answer)


def test_fallback_passes_over_a_resting_model_while_another_is_ready():
    past = history(QuotaExhaustedError("x"), models=(A, B, C), resting={"b": 20.0})
    assert told(run(fallback(), past)) == "c+0"


def test_fallback_keeps_the_wait_that_a_server_asked_for():
    past = history(QuotaExhaustedError("x"), resting={"b": 2.0}, asked={"b": 2.0})
    assert told(run(fallback(), past)) == "b+2"


def test_a_refused_prompt_goes_to_another_provider_only_if_asked():
    past = history(ContentFilterError("no", scope="prompt"))
    assert told(run(DEFAULT_POLICIES, past)) == "raise"
    assert told(run(fallback(on=(ContentFilterError,)), past)) == "b+0"


def test_after_an_overflow_only_a_larger_window_is_tried():
    windows = {"a": 100, "b": 50, "c": 200}.get
    error = ContextOverflowError("long")
    assert run(fallback(), history(error, models=(A, B), window=windows)) is None
    assert told(run(fallback(), history(error, models=(A, C), window=windows))) == "c+0"


def test_terminate_raises_an_overflow_at_once():
    past = history(ContextOverflowError("long"), repair=lambda *_: REQUEST)
    assert told(run((on_overflow("terminate"), *DEFAULT_POLICIES), past)) == "Fail"
    assert told(run(DEFAULT_POLICIES, past)) == "a+0"


def test_a_repaired_request_is_sent_again_to_the_same_model_at_most_twice():
    smaller = Request(messages=(UserMessage("H"),))
    policy = on_overflow(lambda request, error, name: smaller)
    decision = run(policy, history(ContextOverflowError("long")))
    assert (told(decision), decision.request) == ("a+0", smaller)
    assert run(policy, history(*[ContextOverflowError("long")] * 3)) is None


def test_an_overflow_that_cannot_be_repaired_is_passed_on():
    assert run(on_overflow(lambda request, error, name: None), history(ContextOverflowError("long"))) is None


def test_a_schema_failure_is_told_to_the_model_once():
    error = InvalidResponseError("expected int", partial=Response(parts=(Text('{"a": "x"}'),)))
    asked = REQUEST.replace(output="json")
    past = history(error).replace(request=asked)
    decision = run(ask_again(), past)
    *_, said, complaint = decision.request.messages
    assert said == AssistantMessage('{"a": "x"}')
    assert "expected int" in complaint.text
    assert run(ask_again(), history(error, error).replace(request=asked)) is None


def test_a_handler_is_asked_only_about_its_kinds_and_only_as_often_as_said():
    seen = []
    policy = on_error(ContentFilterError, lambda call: seen.append(call.error) or call.answer("No."))
    assert run(policy, history(ServerError("x"))) is None
    assert isinstance(run(policy, history(ContentFilterError("x"))), Answer)
    assert run(policy, history(ContentFilterError("x"), ContentFilterError("y"))) is None
    assert [str(error) for error in seen] == ["x"]


def test_each_verb_of_a_call_is_its_decision():
    past = history(ContentFilterError("x"))
    cases = [
        (lambda call: call.retry(after=2), "a+2"),
        (lambda call: call.resend(messages=[UserMessage("Other")]), "a+0"),
        (lambda call: call.switch("b"), "b+0"),
        (lambda call: call.switch(C), "c+0"),
        (lambda call: call.answer("No."), "Answer"),
        (lambda call: call.fail(), "Fail"),
        (lambda call: None, "raise"),
    ]
    for handler, expected in cases:
        assert told(run(on_content_filter(handler), past)) == expected
    resent = run(on_content_filter(cases[1][0]), past)
    assert resent.request.messages == (UserMessage("Other"),)
    assert REQUEST.messages == (UserMessage("Hi"),)


def test_switching_to_a_name_outside_the_chain_says_what_there_is():
    with pytest.raises(LookupError, match="a, b"):
        on_content_filter(lambda call: call.switch("z"))(history(ContentFilterError("x")))


def test_the_first_policy_that_decides_wins():
    policies = (lambda past: None, lambda past: Fail(), answer("late"))
    assert told(run(policies, history(ServerError("x")))) == "Fail"
