"""AutoGen's messages, tools and choices as Holdfast's, and messages back. Nothing given is ever changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any, Final, Literal, TypeAlias
from weakref import WeakKeyDictionary

import autogen_core
from autogen_core import FunctionCall
from autogen_core import models as theirs
from autogen_core.tools import Tool as TheirTool
from autogen_core.tools import ToolSchema

from holdfast.errors import InvalidRequestError, InvalidResponseError
from holdfast.messages import (
    AssistantMessage,
    AssistantPart,
    Image,
    Message,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
    UserPart,
)
from holdfast.providers.arguments import arguments_text
from holdfast.request import NamedTool, Tool, ToolChoice

Choice: TypeAlias = TheirTool | Literal["auto", "required", "none"]
Remembered: TypeAlias = Callable[[Sequence[FunctionCall]], tuple[AssistantPart, ...] | None]
"""The parts that a model answered with when it made these calls, where they are still known."""

_PNG: Final[WeakKeyDictionary[autogen_core.Image, bytes]] = WeakKeyDictionary()
"""Pictures as they are sent. A history sends the same ones again with every turn."""


class Naming:
    """How the source of a message is told to a model."""

    def __init__(self, *, names: bool = True, prefixes: bool = False) -> None:
        self.names = names
        self.prefixes = prefixes

    def user(self, message: theirs.UserMessage) -> UserMessage:
        """A user's message, with its source as the name, in front of its words, or neither."""
        content: Any = message.content if isinstance(message.content, str) else _user_parts(message.content)
        if self.prefixes:
            said = f"{message.source} said:\n"
            content = said + content if isinstance(content, str) else (Text(said), *content)
        return UserMessage(content, name=message.source or None if self.names else None)


PLAIN: Final = Naming()


def _nothing(_: Sequence[FunctionCall]) -> None:
    return None


def messages_of(
    messages: Iterable[theirs.LLMMessage], naming: Naming = PLAIN, remembered: Remembered = _nothing
) -> tuple[Message, ...]:
    """AutoGen's messages as Holdfast's, one for one.

    Args:
        messages: as an agent or a context gives them; calls without results, and results without calls, too.
        naming: how sources are told.
        remembered: gives back what the model said around its calls (signed thinking), which AutoGen does not keep.

    Raises:
        InvalidRequestError: one of them is no message of AutoGen's.
    """
    return tuple(_message(index, message, naming, remembered) for index, message in enumerate(messages))


def _message(index: int, message: theirs.LLMMessage, naming: Naming, remembered: Remembered) -> Message:
    match message:
        case theirs.SystemMessage():
            return SystemMessage(message.content)
        case theirs.UserMessage():
            return naming.user(message)
        case theirs.AssistantMessage():
            return _assistant(message, remembered)
        case theirs.FunctionExecutionResultMessage():
            return ToolMessage(tuple(map(_result, message.content)))
    raise InvalidRequestError(f"Message {index} is a {type(message).__name__}, not one of AutoGen's messages.")


def _user_parts(content: Sequence[str | autogen_core.Image]) -> tuple[UserPart, ...]:
    return tuple(
        Text(part) if isinstance(part, str) else Image(data=png(part), media_type="image/png") for part in content
    )


def png(image: autogen_core.Image) -> bytes:
    """The picture as PNG."""
    data = _PNG.get(image)
    if data is None:
        buffer = BytesIO()
        image.image.save(buffer, format="PNG")
        data = _PNG[image] = buffer.getvalue()
    return data


def _assistant(message: theirs.AssistantMessage, remembered: Remembered) -> AssistantMessage:
    if isinstance(message.content, str):
        # No signature goes with it: each wire keeps or drops it by its own rule.
        thought = (Thinking(message.thought),) if message.thought else ()
        return AssistantMessage((*thought, Text(message.content)) if thought else message.content)
    parts = remembered(message.content)
    if parts is not None:
        return AssistantMessage(parts)
    # With calls, AutoGen keeps the words that a model says before them as the thought, and sends them as such.
    said = (Text(message.thought),) if message.thought else ()
    return AssistantMessage((*said, *map(_call, message.content)))


def _call(call: FunctionCall) -> ToolCall:
    return ToolCall(call.id or call.name, call.name, _sendable(call.arguments))


def _sendable(arguments: Any) -> str:
    """Arguments as they stand in a history; what is no object there, each wire makes one of by its own rule."""
    try:
        return arguments_text(arguments)
    except InvalidResponseError:
        return arguments if isinstance(arguments, str) else repr(arguments)


def _result(result: theirs.FunctionExecutionResult) -> ToolResult:
    return ToolResult(result.call_id, result.content, result.name or None, bool(result.is_error))


def message_to_autogen(message: Message, source: str) -> theirs.LLMMessage:
    """One of Holdfast's messages as AutoGen's; pictures other than inline ones become words."""
    match message:
        case SystemMessage():
            return theirs.SystemMessage(content=message.text)
        case UserMessage():
            return theirs.UserMessage(content=_user_content(message), source=message.name or source)
        case AssistantMessage():
            calls = [FunctionCall(call.id, call.arguments, call.name) for call in message.tool_calls]
            thought = "".join(part.text for part in message.parts if isinstance(part, Thinking))
            if calls:
                return theirs.AssistantMessage(content=calls, thought=thought or message.text or None, source=source)
            return theirs.AssistantMessage(content=message.text, thought=thought or None, source=source)
        case ToolMessage():
            return theirs.FunctionExecutionResultMessage(content=[_result_to_autogen(each) for each in message.content])


def _user_content(message: UserMessage) -> Any:
    if all(isinstance(part, Text) for part in message.parts):
        return message.text
    content: list[str | autogen_core.Image] = []
    for part in message.parts:
        if isinstance(part, Image) and part.data is not None:
            from PIL import Image as Pictures  # noqa: PLC0415  # AutoGen has it; most histories have no picture

            content.append(autogen_core.Image.from_pil(Pictures.open(BytesIO(part.data))))
        else:
            content.append(part.text if isinstance(part, Text) else "[A file was here.]")
    return content


def _result_to_autogen(result: ToolResult) -> theirs.FunctionExecutionResult:
    return theirs.FunctionExecutionResult(
        content=result.text, name=result.name or "", call_id=result.call_id, is_error=result.is_error
    )


def tools_of(tools: Iterable[TheirTool | ToolSchema]) -> tuple[Tool, ...]:
    """AutoGen's tools, or their schemas, as Holdfast's."""
    return tuple(_tool(tool) for tool in tools)


def _tool(tool: TheirTool | ToolSchema) -> Tool:
    schema: Mapping[str, Any] = tool.schema if isinstance(tool, TheirTool) else tool
    return Tool(
        schema["name"], schema.get("description", ""), dict(schema.get("parameters") or {}), schema.get("strict")
    )


def choice_of(choice: Choice) -> ToolChoice:
    """AutoGen's tool choice as Holdfast's."""
    return NamedTool(choice.schema["name"]) if isinstance(choice, TheirTool) else choice
