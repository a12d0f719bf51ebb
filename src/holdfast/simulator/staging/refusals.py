"""Faults that come instead of an answer. Pure."""
# ruff: noqa: ARG001  # every fault is staged by the same signature, also one that has no parameter

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Final

from msgspec.structs import replace

from holdfast.errors import ERRORS, Facts, Limit, ModelError
from holdfast.simulator import faults as f
from holdfast.simulator.reply import (
    Draft,
    Scene,
    Stage,
    answered,
    drafted,
    joined,
    whole,
    with_null,
)
from holdfast.simulator.staging.wires import ALIVE, CHOICES

_MESSAGES: Final[Mapping[str, str]] = {
    "rate_limit": "Rate limit reached for requests per minute.",
    "quota_exhausted": "The credit of this account is used up.",
    "request_too_large": "The request is larger than this server lets through.",
    "context_overflow": "The prompt is longer than the maximum context length.",
    "content_filter": "The prompt was refused by the content policy.",
    "overloaded": "The model is overloaded at the moment.",
    "server_error": "The server had an error while it worked on the request.",
    "timeout": "The request took too long.",
    "authentication": "The API key is not valid.",
    "permission": "This key may not use the model.",
    "model_not_found": "The model does not exist.",
    "invalid_request": "A parameter of the request is not valid.",
}


def error_of(kind: str, scene: Scene, message: str | None = None, **facts: Any) -> ModelError:
    """The error called `kind` as the simulated provider raises it."""
    stated: Facts = {"model": scene.served.model, "provider": "sim", **facts}  # type: ignore[typeddict-item]
    if kind == "content_filter":
        stated.setdefault("scope", "prompt")
        stated.setdefault("categories", ("violence",))
    if kind == "context_overflow":
        asked = scene.response.usage.input_tokens
        limit = Limit(max_tokens=max(asked // 2, 1), requested_tokens=asked, input_tokens=asked)
        message = message or _overflow(stated.setdefault("limit", limit) or limit)
    return ERRORS[kind](message or _MESSAGES[kind], **stated)


def _overflow(limit: Limit | None) -> str | None:
    """The words that most servers choose, so that the numbers are there on every wire."""
    if limit is None or limit.max_tokens is None:
        return None
    return (
        f"This model's maximum context length is {limit.max_tokens} tokens. "
        f"However, your messages resulted in {limit.requested_tokens} tokens."
    )


def _refuse(fault: f.Refuse, scene: Scene) -> Draft:
    wait = fault.retry_after
    message = fault.message
    if wait is not None and fault.wait == "text":
        message = f"{message or _MESSAGES[fault.kind]} Please try again in {wait:g}s."
    native = wait if fault.wait == "native" else None
    facts = {"status": fault.status, "code": fault.code, "retry_after": native}
    stated = {name: value for name, value in facts.items() if value is not None}
    reply = scene.service.error(error_of(fault.kind, scene, message, **stated))
    draft = drafted(reply, fault.status)
    return draft if wait is None else replace(draft, headers={**draft.headers, **_waits(fault.wait, wait, scene.now)})


def _waits(form: f.WaitForm, seconds: float, now: float) -> Mapping[str, str]:
    match form:
        case "seconds":
            return {"retry-after": f"{seconds:g}"}
        case "milliseconds":
            return {"retry-after-ms": str(round(seconds * 1000))}
        case "date":
            return {"retry-after": formatdate(now + seconds, usegmt=True)}
        case "reset":
            return {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": f"{seconds:g}s"}
        case _:
            return {}


def _status(fault: f.Status, scene: Scene) -> Draft:
    headers = {"content-type": "application/json", **{name.lower(): text for name, text in fault.headers.items()}}
    return Draft(status=fault.status, headers=headers, body=(fault.body.encode(),))


def _html(fault: f.Html, scene: Scene) -> Draft:
    page = (
        f"<!DOCTYPE html>\n<html><head><title>{fault.title}</title></head><body><h1>{fault.title}</h1></body></html>\n"
    )
    return Draft(status=fault.status, headers={"content-type": "text/html; charset=utf-8"}, body=(page.encode(),))


def _empty_body(fault: f.EmptyBody, scene: Scene) -> Draft:
    return Draft(status=fault.status, headers=answered(scene).headers)


def _redirect(fault: f.Redirect, scene: Scene) -> Draft:
    return Draft(status=fault.status, headers={"location": fault.location})


def _error_in200(fault: f.ErrorIn200, scene: Scene) -> Draft:
    return drafted(scene.service.error(error_of(fault.kind, scene)), 200)


def _cut_json(fault: f.CutJson, scene: Scene) -> Draft:
    draft = whole(scene)
    data = joined(draft)
    return replace(draft, body=(data[: min(round(len(data) * fault.keep), len(data) - 1)],))


def _null_choices(fault: f.NullChoices, scene: Scene) -> Draft:
    draft = with_null(whole(scene), (CHOICES[scene.service.name],))
    if not scene.streamed or scene.service.name not in ALIVE:
        return draft
    return replace(answered(scene), body=(b"data: " + joined(draft) + b"\n\n",))


def _json_for_stream(fault: f.JsonForStream, scene: Scene) -> Draft:
    return whole(scene)


STAGES: Final[Mapping[type[f.Fault], Stage]] = {
    f.Refuse: _refuse,
    f.Status: _status,
    f.Html: _html,
    f.EmptyBody: _empty_body,
    f.Redirect: _redirect,
    f.ErrorIn200: _error_in200,
    f.CutJson: _cut_json,
    f.NullChoices: _null_choices,
    f.JsonForStream: _json_for_stream,
}
