"""Failures that arrive as success."""

from __future__ import annotations

import pytest

from holdfast.errors import ContentFilterError, ContextOverflowError, InvalidResponseError, ServerError
from holdfast.messages import Text, Thinking, ToolCall
from holdfast.recovery.verdict import verdict
from holdfast.response import Response

SAID, THOUGHT, CALL = Text("Words"), Thinking("Hm"), ToolCall("1", "f")


@pytest.mark.parametrize(
    ("reason", "parts", "failure"),
    [
        ("stop", (SAID,), None),
        ("stop", (CALL,), None),
        ("stop", (), InvalidResponseError),
        ("stop", (Text(" \n"), THOUGHT), InvalidResponseError),
        ("length", (THOUGHT,), InvalidResponseError),
        ("context_length", (SAID,), None),
        ("context_length", (THOUGHT,), ContextOverflowError),
        ("content_filter", (SAID,), None),
        ("content_filter", (), ContentFilterError),
        ("content_filter", (THOUGHT,), ContentFilterError),
        ("error", (SAID,), ServerError),
        ("pause", (), None),
    ],
)
def test_a_response_is_good_when_it_has_something_to_use(reason, parts, failure):
    error = verdict(Response(parts=parts, finish_reason=reason))
    assert (error if failure is None else type(error)) == failure


def test_what_a_guardrail_says_in_the_place_of_the_model_is_a_refusal():
    extra = {"blocked": True, "categories": ("HATE",), "block_reason": "guardrail"}
    response = Response(parts=(Text("Sorry, I cannot."),), finish_reason="content_filter", extra=extra)
    error = verdict(response)
    assert isinstance(error, ContentFilterError)
    assert (error.scope, error.categories, error.partial) == ("prompt", ("HATE",), response)


def test_an_answer_that_a_policy_gave_is_not_judged():
    assert verdict(Response(degraded="answered by policy")) is None
