"""What stands in a message's odd fields: lists of content, pictures, sounds, reasoning details, log probabilities."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from holdfast.messages import Audio, Image

Piece: TypeAlias = tuple[Literal["text", "thinking", "refusal", "annotation", "image"], Any]


def read_content(content: Any) -> Iterator[Piece]:
    """The pieces of a content that is not plain text: a list, as Mistral and Cohere send it, or one item of one."""
    for item in content if isinstance(content, list) else [content]:
        if isinstance(item, str):
            yield "text", item
        elif isinstance(item, dict):
            yield from _read_item(item)


def _read_item(item: dict[str, Any]) -> Iterator[Piece]:
    match item.get("type"):
        case "thinking" | "reasoning":
            yield "thinking", text_of(item.get("thinking") or item.get("reasoning") or item.get("text"))
        case "refusal":
            yield "refusal", text_of(item.get("refusal"))
        case "image_url" | "image":
            image = read_image(item)
            if image is not None:
                yield "image", image
        case "text" | "output_text" | None:
            yield "text", text_of(item.get("text"))
            for annotation in item.get("annotations") or ():
                yield "annotation", annotation
        case _:  # Mistral's references, and what others will think of
            yield "annotation", item


def text_of(value: Any) -> str:
    """The words in a text, an item with a text, or a list of these."""
    match value:
        case str():
            return value
        case list():
            return "".join(map(text_of, value))
        case dict():
            return text_of(value.get("text") or value.get("content") or value.get("summary"))
        case _:
            return ""


def read_image(item: Any) -> Image | None:
    """A picture from `{"image_url": {"url": ...}}`, its URL or its bytes."""
    source = item.get("image_url") if isinstance(item, dict) else None
    url = source.get("url") if isinstance(source, dict) else source
    if not isinstance(url, str) or not url:
        return None
    detail = source.get("detail") if isinstance(source, dict) else None
    media_type, data = split_data_url(url)
    return Image(url=url, detail=detail) if data is None else Image(data=data, media_type=media_type, detail=detail)


def split_data_url(url: str) -> tuple[str | None, bytes | None]:
    """Media type and bytes of a `data:` URL in base64; `(None, None)` for any other."""
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None, None
    decoded = read_base64(data)
    return (head[5:-7].partition(";")[0] or None, decoded) if decoded is not None else (None, None)


def read_base64(data: str) -> bytes | None:
    """The bytes, or None when it is no base64."""
    try:
        return b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None


class AudioPieces:
    """A sound that comes in pieces: id, transcript and data, each when it is there."""

    def __init__(self) -> None:
        self._id: str | None = None
        self._transcript: list[str] = []
        self._data: list[bytes] = []

    def add(self, piece: Any) -> None:
        """Take one more piece."""
        if not isinstance(piece, dict):
            return
        self._id = piece.get("id") or self._id
        self._transcript.append(text_of(piece.get("transcript")))
        data = read_base64(text_of(piece.get("data")))
        if data:
            self._data.append(data)

    def part(self, media_type: str | None) -> Audio | None:
        """The whole sound; None when there is none."""
        if not self._id and not self._data:
            return None
        transcript = "".join(self._transcript) or None
        return Audio(data=b"".join(self._data) or None, media_type=media_type, id=self._id, transcript=transcript)


class ReasoningDetails:
    """OpenRouter's `reasoning_details`, joined as they stream: pieces of one item share type and index."""

    def __init__(self) -> None:
        self._items: dict[Any, dict[str, Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._items)

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items so far, in the form in which they go back."""
        return list(self._items.values())

    def add(self, details: Any) -> str:
        """Take more of them; what comes back is the words in them that can be read."""
        words = []
        for detail in details if isinstance(details, list) else ():
            if isinstance(detail, dict):
                self._join(detail)
                words.append(text_of(detail.get("text") or detail.get("summary")))
        return "".join(words)

    def _join(self, detail: dict[str, Any]) -> None:
        index = detail.get("index")
        key = (detail.get("type"), len(self._items) if index is None else str(index))
        known = self._items.setdefault(key, {})
        for name, value in detail.items():
            if name in ("text", "summary", "data") and isinstance(value, str) and isinstance(known.get(name), str):
                known[name] += value
            elif value is not None or name not in known:
                known[name] = value


def read_logprobs(logprobs: Any) -> tuple[Any, ...] | None:
    """The tokens with their log probabilities, in OpenAI's present form; the older form of parallel lists, too."""
    if not isinstance(logprobs, dict):
        return None
    if content := logprobs.get("content"):
        return tuple(content) if isinstance(content, list) else None
    tokens, chances = logprobs.get("tokens"), logprobs.get("token_logprobs")
    if isinstance(tokens, list) and isinstance(chances, list):
        pairs = zip(tokens, chances, strict=False)
        return tuple({"token": token, "logprob": chance} for token, chance in pairs) or None
    return None
