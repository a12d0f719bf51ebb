"""The right name for a failure from anywhere: exceptions of others, texts, raw parts of a response.

Nothing is imported to look at an exception: what counts are the names of its classes and the attributes that the SDKs
give it. Whatever comes in, a typed error comes out; looking at a failure never fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, overload

import msgspec

from holdfast.errors import InvalidResponseError, ModelError
from holdfast.providers.failures.answers import failure_in_answer
from holdfast.providers.failures.body import BOUND, EXCEPTION, read_body, reading_of
from holdfast.providers.failures.naming import name_failure
from holdfast.providers.failures.origin import origin_of
from holdfast.providers.failures.reading import Reading, lowered
from holdfast.providers.failures.words import names
from holdfast.providers.openai_responses.errors import TABLE

_CHAIN: Final = 8
_TEXT: Final = 16_384
_STATUS_NAMES: Final = ("status_code", "http_status", "status", "code", "status_code_int")
_BODY_NAMES: Final = ("body", "response_json", "details", "http_body", "response_body", "error")
_HEADER_NAMES: Final = ("headers", "litellm_response_headers", "response_headers")
_SSE: Final = ("data:", "event:", "id:", ":", "retry:")
_HOLDERS: Final = ("data", "response", "Response", "base_resp", "header")  # z.ai, Responses, Tencent, MiniMax, Spark
_SSE_LINES: Final = 2_000
_KNOWN: Final = names(
    "choices candidates output content data object id model usage embedding embeddings results result type error"
    " message messages name models response text status detail promptFeedback metadata stopReason messageStop"
    " predictions totalTokens input_tokens inputTokens done items completion generations outputs generated_text"
    " files file url version code finish_reason event_type"
)
"""Fields of answers, lists, files and counts: a body of status 200 with none of them is no answer."""
_ANSWERS: Final = names(
    "choices candidates output content stopReason messageStop finish_reason embeddings predictions"
    " input_tokens inputTokens totalTokens"
)
"""Fields that only an answer, or a count of tokens, has."""


@overload
def classify(
    exception_or_text: BaseException | str,
    /,
    *,
    provider: str | None = None,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    now: float | None = None,
) -> ModelError: ...
@overload
def classify(
    *,
    provider: str | None = None,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    now: float | None = None,
) -> ModelError | None: ...
def classify(
    exception_or_text: BaseException | str | None = None,
    /,
    *,
    provider: str | None = None,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    now: float | None = None,
) -> ModelError | None:
    """The typed error of a failure.

        classify(exception)                                       an exception of any SDK, framework or HTTP library
        classify("Error code: 429 - {...}")                       a text, such as a line of a log
        classify(provider="groq", status=413, headers=h, body=b)  the parts of a response

    An error of ours comes back as it is. A cancellation becomes a `CallCancelledError`: a report, not something to
    raise; let the cancellation itself through. Never raises, and looks at 64 KiB at most.

    Args:
        exception_or_text: what was raised or said; None to judge a response by its parts.
        provider: the endpoint's name, for codes that mean something at one provider only.
        status: the HTTP status; headers and body likewise of the response. With an exception, they fill in what it
            does not carry.
        headers: of the response, in any case.
        body: bytes, text, or JSON that was read already.
        now: seconds since 1970, for waiting times that are given as a moment, where no `Date` header tells it.

    Returns:
        The error, or None for a response with a status of 2xx and nothing wrong in its body.
    """
    headers = lowered(headers)
    if isinstance(exception_or_text, BaseException):
        return _of_exception(exception_or_text, provider, status, headers, body, now)
    if exception_or_text is not None:
        return _of_text(str(exception_or_text), provider, status, headers, body, now)
    return _of_response(provider, status, headers, body, now)


def _of_text(
    text: str, provider: str | None, status: int | None, headers: Mapping[str, str], body: Any, now: float | None
) -> ModelError:
    provider = provider or origin_of(text)
    if body is not None and (found := _of_response(provider, status, headers, body, now)) is not None and found.certain:
        return found
    reading = reading_of(_shorter(text), status=status, headers=headers, provider=provider, now=now)
    return name_failure(reading, TABLE)


def _of_response(
    provider: str | None, status: int | None, headers: Mapping[str, str], body: Any, now: float | None
) -> ModelError | None:
    if (status is None or 200 <= status < 300) and ":exception-type" not in headers:
        value = read_body(body)
        inner = _in_success(value, provider, headers, known=status is not None)
        if inner is not None or status is not None or _is_answer(value):
            return inner
    reading = reading_of(body, status=status, headers=headers, provider=provider, now=now)
    return name_failure(reading, TABLE)


def _in_success(value: Any, provider: str | None, headers: Mapping[str, str], *, known: bool) -> ModelError | None:
    """The failure inside a response that says it is none."""
    if isinstance(value, str):
        text = value.lstrip("\ufeff \r\n\t")
        if text.startswith(_SSE):
            return _in_events(text, provider, headers)
        if not known:
            return None
        return _unreadable(text, provider, headers)
    if isinstance(value, Mapping) and not _carries_error(value):
        if known and _KNOWN.isdisjoint(value):
            return _strange(value, provider)
        return failure_in_answer(value, provider=provider) or _bare_error(value, provider, headers)
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        return next(
            (found for item in value[:_SSE_LINES] if (found := _in_chunk(item, provider, headers)) is not None), None
        )
    if isinstance(value, Mapping):
        return name_failure(reading_of(value, status=200, headers=headers, provider=provider), TABLE)
    return None


def _in_events(text: str, provider: str | None, headers: Mapping[str, str]) -> ModelError | None:
    for line in text.splitlines()[:_SSE_LINES]:
        if line.startswith("data:") and ("error" in line or "lock" in line):
            chunk = _json(line[5:].strip())
            if isinstance(chunk, Mapping) and (found := _in_chunk(chunk, provider, headers)) is not None:
                return found
    return None


def _in_chunk(chunk: Mapping[str, Any], provider: str | None, headers: Mapping[str, str]) -> ModelError | None:
    if _carries_error(chunk):
        return name_failure(reading_of(chunk, status=200, headers=headers, provider=provider), TABLE)
    feedback = chunk.get("promptFeedback")
    if isinstance(feedback, Mapping) and "blockReason" in feedback:
        return failure_in_answer(chunk, provider=provider)
    return None


def _bare_error(value: Mapping[str, Any], provider: str | None, headers: Mapping[str, str]) -> ModelError | None:
    """An error object that stands alone, as in some events of a stream: a message, and perhaps a code."""
    if not isinstance(value.get("message"), str) or not _ANSWERS.isdisjoint(value):
        return None
    named = name_failure(reading_of(value, status=200, headers=headers, provider=provider), TABLE)
    return named if named.certain else None


def _carries_error(value: Mapping[str, Any]) -> bool:
    """Whether a body tells of a failure in one of the places where servers do that inside a 200."""
    if value.get("error") or value.get("type") == "error" or value.get("errors"):
        return True
    if value.get("error_code") or value.get("success") is False:  # Baidu, Cloudflare
        return True
    if isinstance(value.get("last_error"), Mapping):  # OpenAI: a run of the Assistants API
        return True
    if any(isinstance(holder := value.get(name), Mapping) and _not_well(holder) for name in _HOLDERS):
        return True
    return any(isinstance(name, str) and name.endswith(EXCEPTION) for name in value)


def _not_well(holder: Mapping[str, Any]) -> bool:
    codes = (holder.get("status_code"), holder.get("code"))
    details = holder.get("status_details")  # OpenAI Realtime
    if isinstance(details, Mapping) and details.get("error"):
        return True
    return bool(holder.get("error") or holder.get("Error")) or any(
        isinstance(code, int) and code not in (0, 200) for code in codes
    )


def _strange(value: Mapping[str, Any], provider: str | None) -> ModelError:
    names = ", ".join(list(map(str, value))[:8]) or "none"
    return InvalidResponseError(
        f"The body has none of the fields of an answer (it has: {names})", provider=provider, status=200, certain=False
    )


def _is_answer(value: Any) -> bool:
    """Whether a body that came without a status is an answer, a stream of one, or a count."""
    if isinstance(value, str):
        return value.lstrip("\ufeff \r\n\t").startswith(_SSE) or ":event-type" in value[:400]
    if not isinstance(value, Mapping) or _carries_error(value):
        return False
    return value.get("object") == "list" or not _ANSWERS.isdisjoint(value)


def _unreadable(text: str, provider: str | None, headers: Mapping[str, str]) -> ModelError | None:
    """What is wrong with a body of status 200 that is no JSON."""
    if "eventstream" in headers.get("content-type", "") or "octet-stream" in headers.get("content-type", ""):
        return None
    reading = reading_of(text[:BOUND], status=200, headers=headers, provider=provider)
    named = name_failure(reading, TABLE)
    if not text:
        return InvalidResponseError("The body is empty", provider=provider, status=200, rule="empty-answer")
    if reading.html:
        message = f"A web page came in place of an answer: {named.message}"
        return InvalidResponseError(message, provider=provider, status=200, raw=reading.raw, rule="page-for-json")
    if named.certain:
        return named
    return InvalidResponseError("The body is no JSON", provider=provider, status=200, raw=reading.raw, certain=False)


def _of_exception(
    exception: BaseException,
    provider: str | None,
    status: int | None,
    headers: Mapping[str, str],
    body: Any,
    now: float | None,
) -> ModelError:
    best: ModelError | None = None
    for link in _chain(exception):
        if isinstance(link, ModelError):
            return link
        reading = _reading(link, provider, status, headers, body, now)
        found = name_failure(reading, TABLE, model=_text_of(link, "model") or _text_of(link, "model_name"))
        if found.certain and not _general(found):
            return found
        if best is None or found.certain:  # of two that say no more than "connection", the cause says which
            best = found
    return best if best is not None else ModelError(_say(exception), certain=False)


def _general(error: ModelError) -> bool:
    return error.status is None and (error.rule or "").startswith(("general-", "no-connection", "no-answer"))


def _chain(exception: BaseException) -> Iterator[BaseException]:
    """The exception and what caused it, nearest first; of a group its members."""
    seen: set[int] = set()
    waiting = [exception]
    while waiting and len(seen) < _CHAIN:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        if isinstance(link, BaseExceptionGroup):
            waiting.extend(link.exceptions[:_CHAIN])
        waiting.extend(
            inner
            for inner in (link.__cause__, None if link.__suppress_context__ else link.__context__)
            if inner is not None
        )


def _reading(
    exception: BaseException,
    provider: str | None,
    status: int | None,
    headers: Mapping[str, str],
    body: Any,
    now: float | None,
) -> Reading:
    response = _get(exception, "response")
    said = _say(exception)
    provider = provider or _module_provider(exception) or origin_of(said)
    found = _body(exception, response) if body is None else body
    carried = _body_evidence(found, said)
    reading = reading_of(
        carried,
        status=status if status is not None else _status(exception, response),
        headers=headers or _headers(exception, response),
        provider=provider,
        now=now,
    )
    classes = {
        cls.__name__.lower(): cls.__name__
        for cls in type(exception).__mro__
        if cls.__name__.lower() not in ("object", "exception", "baseexception", "oserror", "valueerror")
    }
    reading.names = {**classes, **reading.names}
    return reading


def _body_evidence(body: Any, said: str) -> Any:
    """The body with what the exception says beside it, where both tell something."""
    if body is None or body in ("", b"", {}, []):
        return said
    value = read_body(body)
    if isinstance(value, str):
        return value if value in said or not said else f"{value[:_TEXT]}\n{said}"
    return value if not said else {"body": value, "message": said}


def _body(exception: BaseException, response: Any) -> Any:
    if isinstance(response, Mapping):  # botocore's ClientError
        return response
    for name in _BODY_NAMES:
        value = _get(exception, name)
        if isinstance(value, Mapping | list | str | bytes) and value:
            return value
    for name in ("content", "text"):
        value = _get(response, name)
        if isinstance(value, str | bytes) and value:
            return value
    return None


def _status(exception: BaseException, response: Any) -> int | None:
    if isinstance(response, Mapping):
        metadata = response.get("ResponseMetadata")
        return _http(metadata.get("HTTPStatusCode")) if isinstance(metadata, Mapping) else None
    for holder, attributes in ((exception, _STATUS_NAMES), (response, ("status_code", "status"))):
        for name in attributes:
            if (found := _http(_get(holder, name))) is not None:
                return found
    return None


def _headers(exception: BaseException, response: Any) -> Mapping[str, str]:
    if isinstance(response, Mapping):
        metadata = response.get("ResponseMetadata")
        return lowered(metadata.get("HTTPHeaders")) if isinstance(metadata, Mapping) else {}
    for holder, attributes in ((exception, _HEADER_NAMES), (response, ("headers",))):
        for name in attributes:
            if found := lowered(_get(holder, name)):
                return found
    return {}


def _module_provider(exception: BaseException) -> str | None:
    told = _get(exception, "llm_provider")  # LiteLLM
    if isinstance(told, str) and told:
        return told
    root = type(exception).__module__.partition(".")[0]
    return {"anthropic": "anthropic", "botocore": "bedrock", "google": "google", "groq": "groq"}.get(root)


def _get(holder: Any, name: str) -> Any:
    try:
        return getattr(holder, name, None)
    except Exception:  # noqa: BLE001  # httpx raises for the text of a response that was not read
        return None


def _say(exception: BaseException) -> str:
    try:
        return _shorter(str(exception))
    except Exception:  # noqa: BLE001  # a foreign __str__ may fail
        return ""


def _shorter(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[: _TEXT // 2]} ... {text[-_TEXT // 2 :]}"


def _text_of(holder: Any, name: str) -> str | None:
    value = _get(holder, name)
    return value if isinstance(value, str) and value else None


def _http(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        value = int(value)
    return int(value) if isinstance(value, int) and 100 <= value < 600 else None


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
