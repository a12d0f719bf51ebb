"""From Pydantic AI's history to ours. The history is a prepared one: what an agent hands to a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import (
    ERROR_OUTCOMES,
    AudioUrl,
    BinaryContent,
    CompactionPart,
    DocumentUrl,
    FilePart,
    FileUrl,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    NativeToolCallPart,
    NativeToolReturnPart,
    SpeechPart,
    SystemPromptPart,
    TextContent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UploadedFile,
    UserPromptPart,
    VideoUrl,
)
from pydantic_ai.messages import CachePoint as TheirCachePoint

from holdfast.adapters.pydantic_ai.naming import notes_of, wire_of
from holdfast.messages import (
    AssistantMessage,
    AssistantPart,
    Audio,
    CachePoint,
    Document,
    Image,
    Message,
    Opaque,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
    UserPart,
)

OWN: Final = "pydantic_ai"
"""The origin of items that only Pydantic AI's own models understand."""
_STATE: Final = ("instruction-delta", "instruction-baseline")
"""Kinds of parts that note a state and say nothing to a model."""


def from_history(messages: Iterable[ModelMessage], instructions: Sequence[str] = ()) -> tuple[Message, ...]:
    """The history in our messages; `instructions` follow the system messages that stand first.

    Raises:
        UserError: the history holds parts that an agent turns into others before it asks a model.
    """
    listed: list[Message] = []
    for message in messages:
        listed.extend(_response(message) if isinstance(message, ModelResponse) else _request(message))
    head = next((at for at, message in enumerate(listed) if not isinstance(message, SystemMessage)), len(listed))
    listed[head:head] = [SystemMessage(text) for text in instructions]
    return tuple(listed)


def _request(message: ModelRequest) -> Iterator[Message]:
    """Results of tools stand first: every provider wants them right after their calls."""
    results: list[ToolResult] = []
    others: list[Message] = []
    for part in message.parts:
        match part:
            case SystemPromptPart():
                others.append(SystemMessage(part.content))
            case UserPromptPart():
                others.append(UserMessage(_content(part.content)))
            case ToolReturnPart():
                text, files = part.model_response_str_and_user_content()
                failed = part.outcome in ERROR_OUTCOMES
                results.append(ToolResult(part.tool_call_id, text, part.tool_name, is_error=failed))
                if files:
                    others.append(UserMessage(_content(files)))
            case _ if part.part_kind not in _STATE:
                raise UserError(f"A {type(part).__name__} cannot be sent: prepare the history with `prepare_messages`.")
    if results:
        yield ToolMessage(tuple(results))
    yield from others


def _content(content: str | Sequence[Any]) -> str | tuple[UserPart, ...]:
    return content if isinstance(content, str) else tuple(_user_part(item) for item in content)


def _user_part(item: Any) -> UserPart:
    match item:
        case str():
            return Text(item)
        case TextContent():
            return Text(item.content)
        case TheirCachePoint():
            return CachePoint(item.ttl)
        case BinaryContent():
            return _file(item)
        case ImageUrl():
            return Image(url=item.url, media_type=_media_type(item), detail=(item.vendor_metadata or {}).get("detail"))
        case AudioUrl():
            return Audio(url=item.url, media_type=_media_type(item))
        case DocumentUrl() | VideoUrl():
            return Document(url=item.url, media_type=_media_type(item))
        case UploadedFile():
            if item.media_type.startswith("image/"):
                return Image(file_id=item.file_id, media_type=item.media_type)
            return Document(file_id=item.file_id, media_type=item.media_type)
        case _:
            raise UserError(f"A user's message cannot hold a {type(item).__name__}.")


def _media_type(item: FileUrl) -> str | None:
    try:
        return item.media_type
    except ValueError:  # neither stated nor in the address
        return None


def _file(item: BinaryContent) -> Image | Audio | Document:
    if item.is_image:
        detail = (item.vendor_metadata or {}).get("detail")
        return Image(data=item.data, media_type=item.media_type, detail=detail)
    if item.is_audio:
        return Audio(data=item.data, media_type=item.media_type)
    return Document(data=item.data, media_type=item.media_type, name=item.identifier)


def _response(message: ModelResponse) -> Iterator[Message]:
    parts = tuple(part for theirs in message.parts for part in _assistant_part(theirs))
    if parts:
        yield AssistantMessage(parts)


def _assistant_part(part: Any) -> Iterator[AssistantPart]:
    own = notes_of(part)
    match part:
        case TextPart():
            if part.content or own:
                yield Text(part.content, (), part.id, own.get("signature"), wire_of(part))
        case ThinkingPart():
            yield _thinking(part)
        case ToolCallPart():
            arguments = part.args_as_json_str()
            yield ToolCall(
                part.tool_call_id,
                part.tool_name,
                arguments,
                own.get("item_id") or part.id,
                _signed(part),
                wire_of(part),
            )
        case NativeToolCallPart() if "item" in own:
            yield Opaque(str(own.get("origin")), own["item"])
        case NativeToolCallPart() | NativeToolReturnPart():
            yield Opaque(OWN, part)
        case FilePart():
            yield _file(part.content)
        case SpeechPart() if part.transcript:
            yield Text(part.transcript)
        case CompactionPart() if part.content:
            yield Text(part.content)


def _thinking(part: ThinkingPart) -> Thinking:
    own, wire = notes_of(part), wire_of(part)
    data, signature = own.get("data"), part.signature
    if not own and wire == "openai_responses":  # there the signature is the encrypted reasoning
        data, signature = signature, None
    elif not own and part.id == "redacted_thinking":  # so Pydantic AI keeps what Anthropic redacted
        return Thinking("", data=signature, origin=wire)
    return Thinking(part.content, part.id, signature, data, wire)


def _signed(part: Any) -> str | None:
    signature: str | None = notes_of(part).get("signature")
    return signature or (part.provider_details or {}).get("thought_signature")  # Google's, by Pydantic AI's name
