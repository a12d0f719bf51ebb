"""A call to a language model that always ends well: in a complete response, an answer you chose, or one typed error.

The names here are the stable ones. More values are in `holdfast.events` and `holdfast.request`, layers in
`holdfast.runtime.layers`, tools for tests in `holdfast.testing`, and what goes under other frameworks in
`holdfast.adapters`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from holdfast.errors import (
    AuthenticationError,
    ConfigurationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    InvalidResponseError,
    ModelConnectionError,
    ModelError,
    ModelNotFoundError,
    ModelTimeoutError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
    StreamInterruptedError,
)
from holdfast.events import Finish, Restart, TextDelta
from holdfast.messages import (
    AssistantMessage,
    Audio,
    Document,
    Image,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.recovery.policies import (
    DEFAULT_POLICIES,
    answer,
    fallback,
    on_content_filter,
    on_error,
    on_overflow,
    retry,
)
from holdfast.recovery.screen import HoldBack
from holdfast.request import Timeouts, Tool
from holdfast.response import Response
from holdfast.runtime.client import Client
from holdfast.runtime.endpoint import Endpoint
from holdfast.usage import Usage

if TYPE_CHECKING:
    from holdfast.agent import Agent
    from holdfast.context import Conversation
    from holdfast.providers.classify import classify

_LAZY = {
    "Agent": "holdfast.agent",
    "Conversation": "holdfast.context",
    "classify": "holdfast.providers.classify",
}
"""Names that only some need, and where they are."""

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_POLICIES",
    "Agent",
    "AssistantMessage",
    "Audio",
    "AuthenticationError",
    "Client",
    "ConfigurationError",
    "ContentFilterError",
    "ContextOverflowError",
    "Conversation",
    "Document",
    "Endpoint",
    "Finish",
    "HoldBack",
    "Image",
    "InvalidRequestError",
    "InvalidResponseError",
    "ModelConnectionError",
    "ModelError",
    "ModelNotFoundError",
    "ModelTimeoutError",
    "OverloadedError",
    "PermissionDeniedError",
    "QuotaExhaustedError",
    "RateLimitError",
    "RequestTooLargeError",
    "Response",
    "Restart",
    "ServerError",
    "StreamInterruptedError",
    "SystemMessage",
    "Text",
    "TextDelta",
    "Thinking",
    "Timeouts",
    "Tool",
    "ToolCall",
    "ToolMessage",
    "ToolResult",
    "Usage",
    "UserMessage",
    "answer",
    "classify",
    "fallback",
    "on_content_filter",
    "on_error",
    "on_overflow",
    "retry",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
