"""Files that a user wants downloaded here (`force_download`), because the provider could not reach them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic_ai.messages import BinaryContent, FileUrl, ModelMessage, ModelRequest, ModelRequestPart, UserPromptPart
from pydantic_ai.models import download_item


async def with_files(messages: list[ModelMessage]) -> list[ModelMessage]:
    """The messages with these files in the place of their addresses; a list without any comes back as it is."""
    if not any(_wanted(part) for message in messages for part in message.parts):
        return messages
    return [await _filled(message) if isinstance(message, ModelRequest) else message for message in messages]


def _wanted(part: object) -> bool:
    return (
        isinstance(part, UserPromptPart)
        and not isinstance(part.content, str)
        and any(isinstance(item, FileUrl) and item.force_download for item in part.content)
    )


async def _filled(message: ModelRequest) -> ModelRequest:
    return replace(message, parts=[await _part(part) for part in message.parts])


async def _part(part: ModelRequestPart) -> ModelRequestPart:
    if not _wanted(part) or not isinstance(part, UserPromptPart):
        return part
    return replace(part, content=[await _item(item) for item in part.content])


async def _item(item: Any) -> Any:
    if not isinstance(item, FileUrl) or not item.force_download:
        return item
    got = await download_item(item, data_format="bytes")
    return BinaryContent(got["data"], media_type=got["data_type"], vendor_metadata=item.vendor_metadata)
