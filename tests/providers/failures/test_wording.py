"""One wording, one name: texts in the forms in which people meet them, by the class they belong to."""

from __future__ import annotations

import pytest

from holdfast.providers.classify import classify
from holdfast.providers.failures.again import retry_same

SAYINGS: dict[str, list[str]] = {
    "authentication": [
        "Incorrect API key provided: sk-abc. Find yours in the settings.",
        "Error code: 401 - {'error': {'type': 'authentication_error', 'message': 'invalid x-api-key'}}",
        "400 INVALID_ARGUMENT. API key not valid. Please pass a valid API key.",
        "botocore.exceptions.NoCredentialsError: Unable to locate credentials",
        "An error occurred (ExpiredTokenException) when calling the Converse operation: token is expired",
        "google.auth.exceptions.DefaultCredentialsError: Your default credentials were not found.",
        "The api_key client option must be set",
        "No auth credentials found",
        "无效的令牌",
    ],
    "permission": [
        "Country, region, or territory not supported",
        "User location is not supported for the API use.",
        "An error occurred (AccessDeniedException) when calling the InvokeModel operation: no",
        "Your organization must be verified to stream this model.",
        "Project `proj_x` does not have access to model `gpt-4.1`",
        "The `models` permission is required to access this endpoint",
        "error code: 1020",
    ],
    "quota_exhausted": [
        "Insufficient Balance",
        "You exceeded your current quota, please check your plan and billing details.",
        "Your credit balance is too low to access the API",
        "This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 10",
        "You have exceeded your monthly included credits for Inference Providers.",
        "您的账户已欠费 请充值后重试",
        "该令牌额度已用尽",
        "Your team has either used all available credits or reached its monthly spending limit.",
    ],
    "rate_limit": [
        "Rate limit reached for requests",
        "429 Too Many Requests",
        "Too many tokens, please wait before trying again.",
        "Requests rate limit exceeded",
        "Resource has been exhausted (e.g. check quota).",
        "An error occurred (ThrottlingException) when calling the InvokeModel operation: slow down",
        "您当前使用该API的并发数过高 请降低并发",
        "Quota exceeded for aiplatform.googleapis.com/generate_content_requests_per_minute_per_project",
    ],
    "overloaded": [
        "Overloaded",
        "The model is overloaded. Please try again later.",
        "HTTP 529: overloaded",
        "Service Unavailable: no healthy upstream",
        "Model foo/bar is currently loading",
        "server busy, please try again; maximum pending requests exceeded",
        "当前分组上游负载已饱和 请稍后再试",
    ],
    "request_too_large": [
        "413 Request Entity Too Large",
        "image exceeds 5 MB maximum: 8259148 bytes > 5242880 bytes",
        "Request payload size exceeds the limit: 20971520 bytes.",
        "'foo/bar' supports at most 1 image per prompt.",
        "Invalid 'input[0].content': string too long. Expected a string with maximum length 10485760",
    ],
    "context_overflow": [
        "This model's maximum context length is 4097 tokens",
        "prompt is too long: 200001 tokens > 200000 maximum",
        "Input is too long for requested model.",
        "the request exceeds the available context size",
        "The input token count exceeds the maximum number of tokens allowed",
        "max_tokens must be at least 1, got -186.",
        "Prompt 超长",
    ],
    "content_filter": [
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        "Output blocked by content filtering policy",
        "Content Exists Risk",
        "<400> InternalError.Algo.DataInspectionFailed: Input data may contain inappropriate content.",
        "Candidate was blocked due to SAFETY",
        "系统检测到输入或生成内容可能包含不安全或敏感内容",
        "Your request was rejected as a result of our safety system.",
    ],
    "model_not_found": [
        "The model `gpt-9` does not exist or you do not have access to it.",
        "model 'qwen3' not found, try pulling it first",
        "Model Not Exist",
        "The provided model identifier is invalid.",
        "The API deployment for this resource does not exist.",
        "The model `mixtral-8x7b` has been decommissioned and is no longer supported.",
        "当前分组 default 下对于模型 gpt-5 无可用渠道",
    ],
    "invalid_request": [
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
        "Unsupported parameter: 'max_tokens' is not supported with this model.",
        "`tool_use` ids were found without `tool_result` blocks immediately after",
        "Invalid schema for function 'f': 'additionalProperties' is required",
        "registry.ollama.ai/library/gemma:2b does not support tools",
        "400 status code (no body)",
        "Not found: cached content metadata for 123.",
    ],
    "server_error": [
        "The server had an error while processing your request. Sorry about that!",
        "502 Bad Gateway",
        "Error code: 500 - {'error': {'type': 'api_error', 'message': 'Internal server error'}}",
        "error code: 520",
    ],
    "timeout": [
        "Request timed out.",
        "504 Gateway Time-out",
        "httpx.ReadTimeout",
        "error code: 524",
        "Error 503, UNAVAILABLE, 'Deadline expired before operation could complete.'",
        "asyncio.exceptions.TimeoutError",
    ],
    "connection": [
        "httpx.ConnectError: [Errno 111] Connection refused",
        "getaddrinfo ENOTFOUND api.openai.com",
        "socket hang up",
        "Connection error.",
        "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
    ],
    "stream_interrupted": [
        "peer closed connection without sending complete message body (incomplete chunked read)",
        "aiohttp.client_exceptions.ClientPayloadError: Response payload is not completed",
        "stream disconnected before completion",
    ],
    "malformed_response": [
        "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
        "'NoneType' object is not subscriptable",
        "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.",
        "Data returned by API invalid for expected schema.",
    ],
    "cancelled": ["asyncio.exceptions.CancelledError: Cancelled by cancel scope 7fd1", "Request was aborted."],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in SAYINGS.items() for text in texts])
def test_a_wording_has_one_name(kind: str, text: str) -> None:
    assert classify(text).kind == kind


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "Invalid value: 'binary'. Supported values are: 'text', 'image_url' and 'refusal'.", "invalid_request"),
        (400, "Invalid schema: 'required' has to name every key in properties", "invalid_request"),
        (400, "'user' is not permitted here: only assistant and tool", "invalid_request"),
        (400, "The identifier of the function is not valid for this model", "invalid_request"),
        (400, "invalid request: message must be at least 1 token long", "invalid_request"),
        (400, "max_tokens (9000) is larger than the maximum of 8192", "invalid_request"),
        (400, "Usage: limit must be a number", "invalid_request"),
        (404, "This model does not support function calling", "invalid_request"),
        (429, "Rate limit reached for gpt-5. Check your plan and billing details to raise it.", "rate_limit"),
    ],
)
def test_words_of_other_failures_do_not_mislead(status: int, message: str, kind: str) -> None:
    error = classify(status=status, body={"error": {"message": message, "type": "invalid_request_error"}})
    assert error is not None
    assert error.kind == kind, error.proof


@pytest.mark.parametrize(
    ("provider", "status", "body", "kind"),
    [
        ("anthropic", 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}}, "quota_exhausted"),
        ("azure", 429, {"error": {"code": "429", "message": "have exceeded token rate limit; retry after 9 seconds"}}, "rate_limit"),
        ("google", 429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota, check your plan", "details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProject", "quotaValue": "50"}]}]}}, "rate_limit"),
        ("google", 429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded, limit: 0"}}, "quota_exhausted"),
        ("openrouter", 403, {"error": {"code": 403, "message": "Provider returned error", "metadata": {"raw": '{"error":{"code":"unsupported_country_region_territory"}}'}}}, "permission"),
        ("openrouter", 400, {"error": {"code": 400, "message": "Provider returned error", "metadata": {"raw": '{"error":{"message":"prompt is too long: 9 tokens > 8 maximum"}}'}}}, "context_overflow"),
        ("minimax", 500, {"type": "error", "error": {"type": "api_error", "message": "insufficient balance (1008)"}}, "quota_exhausted"),
        ("minimax", 200, {"base_resp": {"status_code": 1008, "status_msg": "x"}, "error": {"message": "x"}}, "quota_exhausted"),
        ("zhipu", 429, {"error": {"code": "1113", "message": "x"}}, "quota_exhausted"),
        ("zhipu", 400, {"error": {"code": "1261", "message": "x"}}, "context_overflow"),
        ("openai", 429, {"error": {"code": "1113", "message": "x"}}, "rate_limit"),
        ("openai", 403, {"error": {"code": "model_not_found", "message": "no access"}}, "permission"),
        ("xai", 403, {"code": "x", "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"}, "content_filter"),
        ("fireworks", 412, {"error": {"message": "Account x is suspended, perhaps for reaching the monthly spending limit"}}, "quota_exhausted"),
        ("huggingface", 503, {"error": "Model x is currently loading", "estimated_time": 20.0}, "overloaded"),
        ("vllm", 400, {"object": "error", "message": "max_tokens must be at least 1, got -186.", "code": 400}, "context_overflow"),
        ("cohere", 498, {"message": "blocked"}, "content_filter"),
    ],
)  # fmt: skip
def test_a_body_is_named_by_its_most_telling_part(provider: str, status: int, body: object, kind: str) -> None:
    error = classify(provider=provider, status=status, body=body)
    assert error is not None
    assert error.kind == kind


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("model requires more system memory (2.7 GiB) than is available", False),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", False),
        ("'str' object has no attribute 'choices'", False),
        ("rejected by our safety system; your request may succeed if retried", True),
        ("429 Too Many Requests", True),
        ("Insufficient Balance", False),
        ("Connection refused", True),
    ],
)
def test_sending_the_same_again_is_judged_by_rule_then_class(text: str, again: bool) -> None:
    assert retry_same(classify(text)) is again


@pytest.mark.parametrize(
    ("body", "scope", "categories"),
    [
        (
            {"error": {"code": "content_filter", "param": "prompt", "innererror": {"content_filter_result": {"hate": {"filtered": True}, "sexual": {"filtered": False}}}}},
            "prompt",
            ("hate",),
        ),
        ({"error": {"message": "flagged", "code": 403, "metadata": {"reasons": ["violence"], "flagged_input": "x"}}}, None, None),
        ({"error": {"message": "Output data may contain inappropriate content.", "code": "data_inspection_failed"}}, "response", ()),
        ({"error": {"message": "Input data may contain inappropriate content.", "code": "data_inspection_failed"}}, "prompt", ()),
    ],
)  # fmt: skip
def test_scope_and_categories_are_kept(body: object, scope: str | None, categories: tuple[str, ...] | None) -> None:
    error = classify(provider="azure", status=400, body=body)
    assert error is not None
    if categories is not None:
        assert error.kind == "content_filter"
        assert (error.scope, error.categories) == (scope, categories)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request"), (401, "authentication"), (402, "quota_exhausted"), (403, "permission"),
        (404, "model_not_found"), (405, "invalid_request"), (408, "timeout"), (409, "invalid_request"),
        (410, "model_not_found"), (413, "request_too_large"), (418, "invalid_request"), (422, "invalid_request"),
        (429, "rate_limit"), (499, "server_error"), (500, "server_error"), (501, "server_error"),
        (502, "server_error"), (503, "overloaded"), (504, "timeout"), (520, "server_error"), (524, "timeout"),
        (529, "overloaded"), (301, "model_not_found"),
    ],
)  # fmt: skip
def test_an_unseen_body_gets_the_class_of_its_status_and_keeps_the_body(status: int, kind: str) -> None:
    error = classify(provider="new", status=status, body=b'{"frob": "zork"}')
    assert error is not None
    assert (error.kind, error.raw, error.status) == (kind, '{"frob": "zork"}', status)


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_what_only_a_status_suggests_is_not_certain(status: int) -> None:
    error = classify(status=status, body=b"zork")
    assert error is not None
    assert not error.certain


def test_an_unknown_text_is_never_retried_as_if_it_were_harmless() -> None:
    error = classify("zork")
    assert not error.certain
    assert not retry_same(error)
