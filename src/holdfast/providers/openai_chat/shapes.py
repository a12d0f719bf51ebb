"""What bodies and events turn out to be that are no clean chunk: errors in any form, ends, chunks run together."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from holdfast.errors import InvalidResponseError
from holdfast.providers.openai_chat.wire import Choice, Chunk, Delta, decode_loosely

SHOWN: Final = 4096
"""Bytes of a body that is no answer which an error keeps: enough to say what it is."""

_ERROR_KEYS: Final = ("error", "errors", "detail", "error_msg", "error_message", "error_code", "fault", "exception")
NO_ERROR: Final[tuple[Any, ...]] = (None, False, "", 0, [], {})


def is_end(data: bytes) -> bool:
    """Whether this is the mark that ends a stream."""
    return data.strip(b'"').upper() == b"[DONE]"


def documents(data: bytes) -> list[bytes] | None:
    """The chunks in an event that is no clean one: it alone, or, where empty lines are missing, one in each line.

    Broken characters are replaced. None when there is anything in it that is no chunk.
    """
    text = data.decode("utf-8", "replace").encode()
    for lines in ([text], [line for line in text.split(b"\n") if line.strip()]):
        if all(is_end(line) or _is_chunk(line) for line in lines):
            return lines
    return None


def _is_chunk(data: bytes) -> bool:
    try:
        decode_loosely(data)
    except (ValueError, RecursionError):
        return False
    return True


def read_json(data: bytes) -> Any:
    """The JSON value, or the text where it is none."""
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")


def tells_error(payload: Any) -> bool:
    """Whether a body or chunk without choices tells of a failure, in any of the forms seen."""
    if isinstance(payload, list):  # Google wraps its errors so
        return bool(payload) and tells_error(payload[0])
    if not isinstance(payload, dict):
        return False
    if any(payload.get(key) not in NO_ERROR for key in _ERROR_KEYS):
        return True
    if choices := payload.get("choices"):
        found = choices if isinstance(choices, list) else ()
        return any(isinstance(choice, dict) and choice.get("error") for choice in found)
    if "error" in (payload.get("type"), payload.get("object")) or payload.get("success") is False:
        return True
    base = payload.get("base_resp")  # MiniMax
    if isinstance(base, dict) and base.get("status_code") not in (0, None):
        return True
    if isinstance(payload.get("data"), dict) and tells_error(payload["data"]):
        return True
    said = payload.get("message") or payload.get("msg")
    return isinstance(said, str) and bool(said)


def native_choices(chunk: Chunk, body: bytes) -> list[Choice | None]:
    """The answer of a body that has its message on the top (Cohere's native form); else there is none."""
    if isinstance(chunk.message, dict):
        try:
            message = msgspec.convert(chunk.message, Delta)
        except msgspec.ValidationError:
            pass
        else:
            return [Choice(index=0, message=message, finish_reason=chunk.finish_reason)]
    if chunk.prompt_filter_results:
        return []
    text = body[:SHOWN].decode("utf-8", "replace")
    raise InvalidResponseError("The response holds no choice.", raw=text)
