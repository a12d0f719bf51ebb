"""From our request to what a Pydantic AI model is asked: the agent's own words, or ours translated back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, cast

from msgspec import Struct
from pydantic_ai.messages import (
    AudioUrl,
    BinaryContent,
    DocumentUrl,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    SystemPromptPart,
    ToolReturnPart,
    UploadedFile,
    UserContent,
    UserPromptPart,
    VideoUrl,
)
from pydantic_ai.messages import CachePoint as TheirCachePoint
from pydantic_ai.models import Model as PydanticAIModel
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext, ToolDefinition

from holdfast.adapters.pydantic_ai.request import SETTINGS, AgentRequest, Asked
from holdfast.adapters.pydantic_ai.responses import part_of
from holdfast.messages import (
    AssistantMessage,
    Audio,
    CachePoint,
    Document,
    Image,
    Message,
    SystemMessage,
    Text,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.providers.continuation import carry_on
from holdfast.request import NamedTool, OutputSchema, Request, Settings


class Question(Struct, frozen=True, kw_only=True):
    """The arguments of `Model.request` and `Model.request_stream`."""

    messages: list[ModelMessage]
    settings: ModelSettings | None
    parameters: ModelRequestParameters
    run: RunContext[Any] | None = None


def question_of(request: Request, model: PydanticAIModel[Any]) -> Question:
    """What `model` is asked; an answer that broke is gone on with by an instruction."""
    asked = request.asked if isinstance(request, AgentRequest) else None
    whole = carry_on(request, native=False)
    parameters = asked.parameters if asked is not None and _as_asked(request, asked) else _parameters(request, model)
    if asked is not None and _goes_on(whole, asked):
        messages = [*asked.messages, *to_history(whole.messages[len(asked.converted) :], model.system)]
    else:  # our messages hold the instructions
        messages = to_history(whole.messages, model.system)
        parameters = replace(parameters, instruction_parts=[])
    return Question(
        messages=model.prepare_messages(messages, parameters),
        settings=_settings(request, asked),
        parameters=parameters,
        run=asked.run if asked is not None else None,
    )


def _as_asked(request: Request, asked: Asked) -> bool:
    built = asked.built
    return built is not None and (request.tools, request.tool_choice, request.output) == built[:3]


def _goes_on(request: Request, asked: Asked) -> bool:
    """Whether the request's messages begin with those that the agent's were made to."""
    return request.messages[: len(asked.converted)] == asked.converted


def to_history(messages: Iterable[Message], provider: str) -> list[ModelMessage]:
    """Our messages as a history; `provider` is whose uploaded files they name."""
    history: list[ModelMessage] = []
    names: dict[str, str] = {}
    for message in messages:
        if isinstance(message, AssistantMessage):
            names.update((call.id, call.name) for call in message.tool_calls)
            parts = [theirs for part in message.parts if (theirs := part_of(part, provider)) is not None]
            history.append(ModelResponse(parts=parts, provider_name=provider))
            continue
        said = list(_request_parts(message, names, provider))
        last = history[-1] if history else None
        if isinstance(last, ModelRequest):
            history[-1] = replace(last, parts=[*last.parts, *said])
        else:
            history.append(ModelRequest(parts=said))
    return history


def _request_parts(message: Message, names: dict[str, str], provider: str) -> Iterator[ModelRequestPart]:
    match message:
        case SystemMessage():
            yield SystemPromptPart(message.text)
        case UserMessage(content=str() as text):
            yield UserPromptPart(text)
        case UserMessage():
            yield UserPromptPart([theirs for part in message.parts if (theirs := _content(part, provider)) is not None])
        case ToolMessage():
            for result in message.content:
                yield _result(result, names, provider)


def _result(result: ToolResult, names: dict[str, str], provider: str) -> ToolReturnPart:
    name = result.name or names.get(result.call_id, "tool")
    content: Any = result.content
    if not isinstance(content, str):
        content = [theirs for part in content if (theirs := _content(part, provider)) is not None]
    return ToolReturnPart(name, content, result.call_id, outcome="failed" if result.is_error else "success")


def _content(part: object, provider: str) -> UserContent | None:
    match part:
        case Text():
            return part.text
        case CachePoint():
            return TheirCachePoint(ttl=cast("Any", part.ttl or "5m"))
        case Image() | Document() | Audio() if part.data is not None:
            media_type = part.media_type or "application/octet-stream"
            return BinaryContent(part.data, media_type=media_type, vendor_metadata=_detail(part))
        case Image() | Document() if part.file_id is not None:
            return UploadedFile(part.file_id, cast("Any", provider), media_type=part.media_type)
        case Document() if part.text is not None:
            return part.text
        case Image() if part.url is not None:
            return ImageUrl(part.url, media_type=part.media_type, vendor_metadata=_detail(part))
        case Audio() if part.url is not None:
            return AudioUrl(part.url, media_type=part.media_type)
        case Document() if part.url is not None:
            video = (part.media_type or "").startswith("video/")
            return (VideoUrl if video else DocumentUrl)(part.url, media_type=part.media_type)
        case _:
            return None


def _detail(part: Image | Document | Audio) -> dict[str, Any] | None:
    return {"detail": part.detail} if isinstance(part, Image) and part.detail else None


def _settings(request: Request, asked: Asked | None) -> ModelSettings | None:
    """The agent's settings, with what a policy has changed laid over them."""
    before = asked.built[3] if asked is not None and asked.built is not None else Settings()
    settings: dict[str, Any] = dict(asked.settings) if asked is not None else {}
    now = request.settings
    for theirs, ours in SETTINGS.items():
        if getattr(now, ours) != getattr(before, ours):
            settings[theirs] = getattr(now, ours)
    if now.stop != before.stop:
        settings["stop_sequences"] = list(now.stop or ())
    if now.reasoning_effort != before.reasoning_effort:
        settings["thinking"] = False if now.reasoning_effort == "none" else now.reasoning_effort
    if asked is None or not _as_asked(request, asked):
        settings |= _without_agent(request)
    return cast("ModelSettings", settings) or None


def _without_agent(request: Request) -> dict[str, Any]:
    choice = request.tool_choice
    stated: dict[str, Any] = {"tool_choice": [choice.name] if isinstance(choice, NamedTool) else choice}
    if request.extra:
        stated["extra_body"] = dict(request.extra)
    if request.headers:
        stated["extra_headers"] = dict(request.headers)
    return stated


def _parameters(request: Request, model: PydanticAIModel[Any]) -> ModelRequestParameters:
    tools = [
        ToolDefinition(
            name=tool.name,
            parameters_json_schema=tool.parameters or _NOTHING,
            description=tool.description or None,
            strict=tool.strict,
        )
        for tool in request.tools
    ]
    output = request.output
    if not isinstance(output, OutputSchema):
        return ModelRequestParameters(function_tools=tools, instruction_parts=[])
    shape = OutputObjectDefinition(
        json_schema=output.schema, name=output.name, description=output.description, strict=output.strict
    )
    native = _can(model, "supports_json_schema_output")
    return ModelRequestParameters(
        function_tools=tools,
        output_mode="native" if native else "prompted",
        output_object=shape,
        instruction_parts=[],
    )


_NOTHING = {"type": "object", "properties": {}}


def _can(model: PydanticAIModel[Any], flag: str) -> bool:
    try:
        return bool(model.profile.get(flag))
    except NotImplementedError:  # a router has no profile of its own
        return False
