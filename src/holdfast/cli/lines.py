"""The lines of a batch: from a line to a request, from a response or an error to a line.

in    {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {...}}      OpenAI's batch form
      {"id": "a", "prompt": "..."}   or   {"id": "a", "messages": [{"role": ..., "content": ...}], ...}
out   {"line": 1, "custom_id": "a", "response": {"status_code": 200, "body": {...}}, "error": null, ...}
      {"line": 1, "id": "a", "response": {"text": ..., ...}, "error": null, "attempts": [...]}
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.errors import InvalidRequestError, ModelError
from holdfast.events import AttemptRecord
from holdfast.messages import UserMessage
from holdfast.providers.catalog import make_service
from holdfast.providers.codec import ServedRequest
from holdfast.request import Request
from holdfast.response import Response

_PATHS: Final = ("/v1/chat/completions", "/chat/completions")
_BITS: Final = 63


class Job(Struct, frozen=True, kw_only=True):
    """One line, read. `served` is set for OpenAI's batch form, whose answer takes that form too."""

    number: int
    id: Any
    request: Request
    served: ServedRequest | None = None


def read_job(number: int, line: bytes) -> Job | dict[str, Any]:
    """The job of a line, or the output line that says what is wrong with it."""
    fields: Any = None
    try:
        fields = msgspec.json.decode(line)
        if not isinstance(fields, dict):
            raise InvalidRequestError(f"Line {number} is not a JSON object.")
        name = _name(number, fields)
        return _batch_job(number, name, fields) if "body" in fields else _plain_job(number, name, fields)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _refused(number, fields, InvalidRequestError(f"Line {number} is no JSON: {error}"))
    except OverflowError as error:
        return _refused(number, fields, InvalidRequestError(f"Line {number} has a number too large to send: {error}"))
    except ModelError as error:
        return _refused(number, fields, error)


def _name(number: int, fields: dict[str, Any]) -> str | float | None:
    """What the line calls itself; its number, if it has no name."""
    name = fields.get("custom_id", fields.get("id", number))
    if name is not None and not isinstance(name, (str, int, float)):
        raise InvalidRequestError(f"Line {number} has an id that is neither text nor a number.")
    # Beyond 64 bits a number goes back as text.
    return str(name) if isinstance(name, int) and name.bit_length() > _BITS else name


def _batch_job(number: int, name: Any, fields: dict[str, Any]) -> Job:
    path = fields.get("url", _PATHS[0])
    if path not in _PATHS:
        raise InvalidRequestError(f"Line {number} asks for {path!r}; only {_PATHS[0]} can be run.")
    served = _service().read(path, {}, msgspec.json.encode(fields["body"]))
    return Job(number=number, id=name, request=served.request, served=served)


def _plain_job(number: int, name: Any, fields: dict[str, Any]) -> Job:
    prompt = fields.get("prompt")
    if isinstance(prompt, str):
        return Job(number=number, id=name, request=Request(messages=(UserMessage(prompt),)))
    if not isinstance(fields.get("messages"), list):
        raise InvalidRequestError(f"Line {number} has neither a prompt (text) nor messages (a list).")
    body = {"model": "any"} | {key: value for key, value in fields.items() if key != "id"}
    return Job(number=number, id=name, request=_service().read(_PATHS[0], {}, msgspec.json.encode(body)).request)


def answered(job: Job, response: Response) -> dict[str, Any]:
    """The output line of a job that has a response."""
    if job.served is None:
        told = {"id": job.id, "response": {"text": response.text, **_facts(response)}, "error": None}
    else:
        reply = _service().write(response, job.served)
        body = msgspec.Raw(reply.body)
        told = {
            "custom_id": job.id,
            "response": {"status_code": 200, "request_id": response.request_id or response.id, "body": body},
            "error": None,
        }
    return {"line": job.number, **told, "attempts": [_attempt(record) for record in response.attempts]}


def failed(job: Job, error: ModelError) -> dict[str, Any]:
    """The output line of a job that has none."""
    return _failed(job.number, job.id, error, batch=job.served is not None)


def _refused(number: int, fields: Any, error: ModelError) -> dict[str, Any]:
    """The output line of a line that cannot be asked."""
    try:
        name = _name(number, fields) if isinstance(fields, dict) else None
    except InvalidRequestError:
        name = None
    return _failed(number, name, error, batch=isinstance(fields, dict) and "custom_id" in fields)


def _failed(number: int, name: Any, error: ModelError, *, batch: bool) -> dict[str, Any]:
    attempts = [_attempt(failure.record) for failure in error.history]
    named = {"custom_id" if batch else "id": name}
    return {"line": number, **named, "response": None, "error": error.info, "attempts": attempts}


def _facts(response: Response) -> dict[str, Any]:
    calls = [msgspec.structs.asdict(call) for call in response.tool_calls]
    facts: dict[str, Any] = {
        "model": response.model,
        "provider": response.provider,
        "finish_reason": response.finish_reason,
        "usage": response.usage,
        "tool_calls": calls or None,
        "degraded": response.degraded,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _attempt(record: AttemptRecord) -> dict[str, Any]:
    error = record.error.kind if record.error else None
    return {
        "model": record.model,
        "error": error,
        "seconds": round(record.elapsed, 3),
        "waited": round(record.delay, 3),
    }


def _service() -> Any:
    return make_service("openai_chat")
