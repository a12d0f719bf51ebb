"""Bodies of any kind: forms that servers use, and forms that are meant to hurt."""

from __future__ import annotations

import json
from importlib import import_module
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import ModelError
from holdfast.providers.classify import classify
from holdfast.providers.failures.body import reading_of

WIRES = ("openai_chat", "openai_responses", "anthropic", "gemini", "bedrock")
MESSAGE = "Insufficient Balance"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": MESSAGE}},
        {"error": MESSAGE},
        {"error": {"error": {"message": MESSAGE}}},
        {"detail": MESSAGE},
        {"detail": [{"msg": MESSAGE, "input": "Rate limit exceeded"}]},
        {"message": MESSAGE},
        {"Message": MESSAGE},
        {"errors": [{"message": MESSAGE}]},
        [{"error": {"message": MESSAGE}}],
        {"error": {"message": json.dumps({"error": {"message": MESSAGE}})}},
        {"error": {"message": "wrapped: " + json.dumps({"message": MESSAGE})}},
        {"error": {"message": str({"error": {"message": MESSAGE}})}},
        {"error": {"metadata": {"raw": json.dumps({"message": MESSAGE})}, "message": "Provider returned error"}},
        f"<html><head><title>{MESSAGE}</title></head><body>x</body></html>",
        MESSAGE,
        f'"{MESSAGE}"',
        f'{{"error": {{"message": "{MESSAGE}", "type": "cut of',
    ],
)
def test_a_message_is_found_wherever_servers_put_it(body: object) -> None:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    error = classify(status=400, body=raw)
    assert error is not None
    assert error.kind == "quota_exhausted"


def test_a_body_of_very_many_fields_is_read_from_its_beginning() -> None:
    many = {f"k{i}": {"x": i} for i in range(2_000)}
    error = classify(status=400, body={"error": {"message": MESSAGE}, **many})
    assert error is not None
    assert error.kind == "quota_exhausted"
    listed = classify(status=400, body=[{"error": {"message": MESSAGE}}, *({"x": i} for i in range(2_000))])
    assert listed is not None
    assert listed.kind == "quota_exhausted"


def test_what_the_caller_sent_proves_nothing() -> None:
    body = {
        "detail": [{"type": "missing", "loc": ["body", "n"], "msg": "Field required", "input": "insufficient quota"}]
    }
    error = classify(status=422, body=body)
    assert error is not None
    assert error.kind == "invalid_request"


def test_a_status_inside_a_body_counts_only_where_http_said_success() -> None:
    inner = {"error": {"message": "zork", "code": 503}}
    assert reading_of(inner, status=200).status == 503
    assert reading_of(inner, status=400).status == 400


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Error code: 429 - {'error': {}}", 429),
        ("litellm.X: status_code: 404, body: y", 404),
        ("Server error '502 Bad Gateway' for url 'http://localhost:8000/'", 502),
        ("http status 400, message: zork", 400),
        ("api.openai.com | 524: A timeout occurred", 524),
        ("got 12 of 500 rows", None),
        ("took 504 ms", None),
    ],
)
def test_a_status_is_read_from_a_text_only_where_it_is_said_to_be_one(text: str, status: int | None) -> None:
    assert reading_of(text).status == status


@pytest.mark.parametrize("status", [None, 500, 502])
def test_a_relay_that_tells_of_a_status_is_named_by_it(status: int | None) -> None:
    error = classify(status=status, body={"error": {"message": "Request failed with status code 429", "type": "x"}})
    assert error is not None
    assert (error.kind, error.status) == ("rate_limit", 429)


def test_a_status_of_its_own_is_kept_whatever_a_message_tells() -> None:
    error = classify(status=403, body={"error": {"message": "bad response status code 429"}})
    assert error is not None
    assert error.status == 403


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"type": "tokens", "code": "rate_limit_exceeded", "message": "Limit 9, Used 8, Requested 2"}, "rate_limit"),
        ({"message": "The system encountered an unexpected error during processing."}, "server_error"),
        ({"object": "thread.run", "last_error": {"code": "rate_limit_exceeded", "message": "Wait."}}, "rate_limit"),
    ],
)
def test_an_error_that_stands_alone_in_a_success_is_found(body: dict[str, object], kind: str) -> None:
    error = classify(status=200, body=body)
    assert error is not None
    assert error.kind == kind


@pytest.mark.parametrize(
    "body", [{"message": "pong"}, {"message": {"role": "assistant", "content": "x"}, "done": True}]
)
def test_a_message_that_tells_of_no_failure_is_none(body: dict[str, object]) -> None:
    assert classify(status=200, body=body) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("status = StatusCode.PERMISSION_DENIED details = 'no'", "permission"),
        ('{created_time:"x", grpc_status:8, grpc_message:"Quota"}', "rate_limit"),
        ('{created_time:"x", grpc_status:16, grpc_message:"no"}', "authentication"),
        ("grpc_status:99", "invalid_request"),
    ],
)
def test_a_grpc_status_is_read_by_its_word_or_its_number(text: str, kind: str) -> None:
    assert classify(text).kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "The answer was empty. This may be caused by rate limiting, or by a content filter.",
        "Input should be 'stop', 'content_filter' or 'rate_limit' [type=literal_error, input_value='x', input_type=str]",
        "empty answer; headers: x-ratelimit-remaining-tokens: 7",
    ],
)
def test_what_a_client_guesses_at_or_would_accept_proves_nothing(text: str) -> None:
    assert classify(text).kind not in ("rate_limit", "content_filter")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("WeeklyUsageLimitReached", "quota_exhausted"),
        ("model_context_length_exceeded", "context_overflow"),
        ("AccountBalanceTooLow", "quota_exhausted"),
        ("EndpointDoesNotExist", "model_not_found"),
    ],
)
def test_a_code_that_no_rule_knows_is_read_as_words(code: str, kind: str) -> None:
    error = classify(status=400, body={"error": {"type": "invalid_request_error", "code": code, "message": "No."}})
    assert error is not None
    assert error.kind == kind


def test_the_code_is_kept_as_it_was_written_and_keys_are_not() -> None:
    body = {"error": {"code": "DeploymentNotFound", "message": "no; key sk-abcdefghijklmnopqrstuvwx was used"}}
    error = classify(status=404, body=body)
    assert error is not None
    assert error.code == "DeploymentNotFound"
    assert "sk-abc" not in f"{error} {error.raw} {error!r}"


@pytest.mark.parametrize("name", ["code", "type", "reason", "message", "status"])
def test_a_key_in_any_place_of_a_body_is_in_no_fact_of_the_error(name: str) -> None:
    key = "sk-proj-abcdefghijklmnop1234"
    for error in (
        classify(status=400, body={"error": {name: key}}),
        classify(f"Error code: 400 - {{'error': {{'{name}': '{key}'}}}}"),
    ):
        assert error is not None
        assert key not in f"{error} {error!r} {error.info} {error.explain()} {error.args} {vars(error)}"


@pytest.mark.parametrize(
    ("headers", "request_id"),
    [
        ({"x-request-id": "req_1"}, "req_1"),
        ({"request-id": "req_2"}, "req_2"),
        ({"x-amzn-requestid": "r3"}, "r3"),
        ({"apim-request-id": "r4"}, "r4"),
        ({}, "r5"),
    ],
)
def test_the_request_id_is_kept(headers: dict[str, str], request_id: str) -> None:
    error = classify(status=500, headers=headers, body={"error": {"message": "x"}, "request_id": "r5"})
    assert error is not None
    assert error.request_id == request_id


HOSTILE = {
    "ten megabytes": b'{"error": {"message": "' + b"a" * 10_000_000 + b'"}}',
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"error":' * 50_000 + b"1" + b"}" * 50_000,
    "many fields": json.dumps({f"k{i}": {"message": "x" * 50} for i in range(5_000)}).encode(),
    "digits": b"9" * 60_000,
    "quotes": b"'code': '" * 7_000,
    "braces": b"{<" * 30_000,
    "escapes": b'\\"' * 30_000,
    "times": b"try again in " * 5_000,
    "statuses": b"status " * 9_000,
    "nested strings": json.dumps(json.dumps(json.dumps(json.dumps({"error": '{"error": "' * 500})))).encode(),
    "pairs": b"model token key not found exceeded " * 1_800,
    "gaps": b"prompt at most number of exceed " * 2_000,
    "classes": b"Error Exception" * 4_000,
    "clues": b"limit of 7 maximum context 8 requested 9 " * 1_500,
    "zeros": b"\x00" * 60_000,
    "tags": b"<title" * 10_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_body_costs_next_to_nothing(body: bytes) -> None:
    began = process_time()
    error = classify(status=500, body=body)
    assert error is not None
    assert classify(body[:64_000].decode("utf-8", "replace")) is not None
    assert process_time() - began < 0.25
    assert len(error.raw or "") <= 4_096


def test_the_time_is_linear_in_the_size() -> None:
    def cost(size: int) -> float:
        body = (b"word " * (size // 5))[:size]
        times = []
        for _ in range(5):
            began = process_time()
            classify(status=400, body=body)
            times.append(process_time() - began)
        return min(times)

    assert cost(64_000) < 40 * max(cost(4_000), 0.0001)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["error", "message", "code", "type", "status", "details", "detail", "retryDelay", "innererror"]
            )
            | st.text(max_size=6),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()), st.integers(100, 599))
def test_naming_never_raises_whatever_the_bytes(body: bytes, status: int) -> None:
    for wire in WIRES:
        error = import_module(f"holdfast.providers.{wire}.errors").error(status, {}, body, provider="x", now=1.0)
        assert isinstance(error, ModelError)
    result = classify(status=status, body=body)
    assert result is None or isinstance(result, ModelError)
    assert isinstance(classify(body.decode("utf-8", "replace")), ModelError)


@settings(max_examples=60, deadline=None)
@given(json_values)
def test_naming_an_error_inside_a_stream_never_raises(payload: object) -> None:
    for wire in WIRES[:-1]:
        assert isinstance(
            import_module(f"holdfast.providers.{wire}.errors").stream_error(payload, provider="x"), ModelError
        )
    bedrock = import_module("holdfast.providers.bedrock.errors")
    assert isinstance(bedrock.stream_error("internalServerException", payload, provider="bedrock"), ModelError)
