"""Messages and their parts: what is said to a model and what it says back.

    Message            content
    SystemMessage      str | Text, CachePoint, Opaque ...
    UserMessage        str | Text, Image, Document, Audio, CachePoint, Opaque ...
    AssistantMessage   str | Text, Thinking, ToolCall, Image, Audio, Document, Opaque ...
    ToolMessage        ToolResult ...

All of them are frozen; a list given as content is kept as a tuple. `origin` names the wire (a codec's name) that
made a part: a signature or an opaque item goes back to its own wire only, and is dropped everywhere else.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from holdfast.errors import InvalidResponseError

_ARGUMENTS: Final = msgspec.json.Decoder(dict[str, Any])


class Text(Struct, frozen=True, tag="text", omit_defaults=True, repr_omit_defaults=True):
    """Words. `annotations` keeps citations in the provider's own form."""

    text: str
    annotations: tuple[Any, ...] = ()
    id: str | None = None
    signature: str | None = None
    origin: str | None = None


class Image(Struct, frozen=True, tag="image", omit_defaults=True, repr_omit_defaults=True, kw_only=True):
    """A picture: a `url`, the bytes in `data` (with `media_type`, such as `"image/png"`), or a provider's `file_id`."""

    url: str | None = None
    data: bytes | None = None
    file_id: str | None = None
    media_type: str | None = None
    detail: str | None = None


class Document(Struct, frozen=True, tag="document", omit_defaults=True, repr_omit_defaults=True, kw_only=True):
    """Any other file, PDF and plain text first of all; `media_type` says what it is, video included."""

    url: str | None = None
    data: bytes | None = None
    text: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    name: str | None = None


class Audio(Struct, frozen=True, tag="audio", omit_defaults=True, repr_omit_defaults=True, kw_only=True):
    """Sound. `media_type` such as `"audio/wav"`; `transcript` is what the provider says was spoken."""

    url: str | None = None
    data: bytes | None = None
    media_type: str | None = None
    id: str | None = None
    transcript: str | None = None


class Thinking(Struct, frozen=True, tag="thinking", omit_defaults=True, repr_omit_defaults=True):
    """What a model thought before it spoke.

    `signature` proves it to its provider; `data` is the encrypted or redacted form, where there is one.
    """

    text: str
    id: str | None = None
    signature: str | None = None
    data: str | None = None
    origin: str | None = None


class ToolCall(Struct, frozen=True, tag="tool_call", omit_defaults=True, repr_omit_defaults=True):
    """A request to run a tool. `arguments` is the text of a JSON object, complete."""

    id: str
    name: str
    arguments: str = "{}"
    item_id: str | None = None
    signature: str | None = None
    origin: str | None = None

    @property
    def input(self) -> dict[str, Any]:
        """The arguments as a dict; raises `InvalidResponseError` when they are not the text of a JSON object."""
        try:
            return _ARGUMENTS.decode(self.arguments or "{}")
        except msgspec.DecodeError as error:
            message = f"The arguments of tool call {self.name!r} are not a JSON object: {error}"
            raise InvalidResponseError(message, raw=self.arguments) from error


class Opaque(Struct, frozen=True, tag="opaque"):
    """An item that only its own wire understands (a built-in tool's call, a search result): kept and sent back."""

    origin: str
    data: Any


class ToolResult(Struct, frozen=True, tag="tool_result", omit_defaults=True, repr_omit_defaults=True):
    """What a tool gave back for the call `call_id`; `max_tokens` limits how much of it is sent."""

    call_id: str
    content: str | tuple[Text | Image | Document | Opaque, ...] = ""
    name: str | None = None
    is_error: bool = False
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        _freeze_content(self)

    @property
    def text(self) -> str:
        """The words of the result."""
        return _text_of(self.content)


class CachePoint(Struct, frozen=True, tag="cache_point", omit_defaults=True, repr_omit_defaults=True):
    """Everything up to here may be cached by a provider that is told so (`ttl` such as `"5m"`, `"1h"`)."""

    ttl: str | None = None


SystemPart: TypeAlias = Text | CachePoint | Opaque
UserPart: TypeAlias = Text | Image | Document | Audio | CachePoint | Opaque
AssistantPart: TypeAlias = Text | Thinking | ToolCall | Image | Audio | Document | Opaque | CachePoint
Part: TypeAlias = Text | Image | Document | Audio | Thinking | ToolCall | ToolResult | Opaque | CachePoint


class SystemMessage(Struct, frozen=True, tag_field="role", tag="system", omit_defaults=True, repr_omit_defaults=True):
    """Instructions. Encoded as `developer`, or merged, where a model wants it so."""

    content: str | tuple[SystemPart, ...]

    def __post_init__(self) -> None:
        _freeze_content(self)

    @property
    def parts(self) -> tuple[SystemPart, ...]:
        """The content as parts."""
        return _parts_of(self.content)

    @property
    def text(self) -> str:
        """The words of the message."""
        return _text_of(self.content)


class UserMessage(Struct, frozen=True, tag_field="role", tag="user", omit_defaults=True, repr_omit_defaults=True):
    """What the user, or another agent called `name`, says."""

    content: str | tuple[UserPart, ...]
    name: str | None = None

    def __post_init__(self) -> None:
        _freeze_content(self)

    @property
    def parts(self) -> tuple[UserPart, ...]:
        """The content as parts."""
        return _parts_of(self.content)

    @property
    def text(self) -> str:
        """The words of the message."""
        return _text_of(self.content)


class AssistantMessage(
    Struct, frozen=True, tag_field="role", tag="assistant", omit_defaults=True, repr_omit_defaults=True
):
    """What a model said: text, thinking, tool calls."""

    content: str | tuple[AssistantPart, ...]
    name: str | None = None

    def __post_init__(self) -> None:
        _freeze_content(self)

    @property
    def parts(self) -> tuple[AssistantPart, ...]:
        """The content as parts."""
        return _parts_of(self.content)

    @property
    def text(self) -> str:
        """The words of the message, without its thinking."""
        return _text_of(self.content)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls of the message, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


class ToolMessage(Struct, frozen=True, tag_field="role", tag="tool", omit_defaults=True, repr_omit_defaults=True):
    """The results of the tool calls of the assistant message before it."""

    content: tuple[ToolResult, ...]

    def __post_init__(self) -> None:
        _freeze_content(self)

    @property
    def parts(self) -> tuple[ToolResult, ...]:
        """The results."""
        return self.content

    @property
    def text(self) -> str:
        """The words of all results."""
        return "\n".join(result.text for result in self.content)


Message: TypeAlias = SystemMessage | UserMessage | AssistantMessage | ToolMessage


def _freeze_content(value: Struct) -> None:
    content = value.content  # type: ignore[attr-defined]  # each caller has the field
    if isinstance(content, list):
        msgspec.structs.force_setattr(value, "content", tuple(content))


def _parts_of(content: Any) -> tuple[Any, ...]:
    return (Text(content),) if isinstance(content, str) else content


def _text_of(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content if isinstance(part, Text))
