"""Tool arguments: the text of one complete JSON object, repaired only where no second reading exists.

    arguments_text(raw) -> str           raises InvalidResponseError

| what came | what it means |
|---|---|
| nothing, white space, `null` | `{}` |
| an object of the JSON around it | its text |
| an object in a code fence, after a byte order mark, or quoted as a JSON string | the object |
| an object with bare line breaks inside a string | the object, line breaks escaped |
| the same object twice, or empty objects before it | the object, once |
| anything else: cut off, a list, two different objects | an error; a guess could run the wrong tool call |
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import msgspec

from holdfast.errors import InvalidResponseError

_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_BETWEEN: Final = re.compile(r"\s*")
_FENCE: Final = re.compile(r"```(?:json)?\s*\n?(.*?)\n?\s*```", re.DOTALL | re.IGNORECASE)


def arguments_text(raw: Any) -> str:
    """The arguments of a tool call as the text of a JSON object; a text that is one already comes back as it is.

    Args:
        raw: what the wire had: text, bytes, an object, or None.

    Raises:
        InvalidResponseError: it is no complete JSON object, and cannot be made one with certainty.
    """
    if raw is None:
        return "{}"
    if isinstance(raw, Mapping):
        return msgspec.json.encode(raw).decode()
    if isinstance(raw, (bytes, bytearray)):
        raw = raw.decode("utf-8", "replace")
    if not isinstance(raw, str):
        raise InvalidResponseError("The arguments of a tool call are not a JSON object.", raw=repr(raw))
    if is_object(raw):
        return raw
    return _repaired(raw)


def is_object(text: str) -> bool:
    """Whether `text` is one JSON object, and nothing else."""
    try:
        _OBJECT.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _repaired(raw: str) -> str:
    text = raw.strip().lstrip("\ufeff").strip()
    fenced = _FENCE.fullmatch(text)
    if fenced:
        text = fenced[1].strip()
    if not text:
        return "{}"
    values = _values(text, raw)
    if len(values) == 1 and isinstance(values[0], str):
        values = _values(values[0].strip() or "{}", raw)
    if values == [None]:
        return "{}"
    objects = [value for value in values if value != {}] or values[:1]
    if isinstance(objects[0], dict) and all(value == objects[0] for value in objects):
        return json.dumps(objects[0], ensure_ascii=False, separators=(",", ":"))
    raise InvalidResponseError("The arguments of a tool call are not one JSON object.", raw=raw)


def _values(text: str, raw: str) -> list[Any]:
    """The JSON values that stand one after the other in `text`, and nothing but them."""
    decoder = json.JSONDecoder(strict=False, parse_constant=_no_json)
    values: list[Any] = []
    at = 0
    try:
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            values.append(value)
            at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]  # it matches anywhere
    except (ValueError, RecursionError) as error:
        message = f"The arguments of a tool call are not complete JSON: {error}"
        raise InvalidResponseError(message, raw=raw) from error
    return values


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
