"""Where the wires differ: what each of them calls the things that faults touch. Data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# The list without which an answer on this wire is none (each provider's API reference, "Response").
CHOICES: Final = {
    "openai_chat": "choices",
    "openai_responses": "output",
    "anthropic": "content",
    "gemini": "candidates",
    "bedrock": "output",
}
# Where a whole answer says how it ended.
FINISH: Final[Mapping[str, tuple[str | int, ...]]] = {
    "openai_chat": ("choices", 0, "finish_reason"),
    "openai_responses": ("status",),
    "anthropic": ("stop_reason",),
    "gemini": ("candidates", 0, "finishReason"),
    "bedrock": ("stopReason",),
}
# What ends a stream, on the wires that have such a thing besides the event with the finish reason.
TERMINATOR: Final = {"openai_chat": b"data: [DONE]", "anthropic": b"event: message_stop"}
# Where the event that states the finish reason says more, so that it cannot simply be left out.
REASON: Final = {"anthropic": re.compile(rb'"stop_reason":"\w+"')}
# What each wire sends to keep a connection open. Bedrock's frames know no such thing.
ALIVE: Final = {
    "openai_chat": b": keep-alive\n\n",
    "openai_responses": b": keep-alive\n\n",
    "anthropic": b'event: ping\ndata: {"type": "ping"}\n\n',
    "gemini": b": keep-alive\n\n",
}
