"""The Anthropic SDK over a Holdfast client: messages, streamed or not, with any provider behind.

    client = Client("anthropic/claude-sonnet-4-5", "openai/gpt-5-mini", on_break="resume")
    anthropic = AsyncAnthropic(http_client=holdfast_http_client(client), api_key="unused")

It works as `holdfast.adapters.openai_sdk` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from holdfast import sync
from holdfast.adapters.in_process import InProcess, Route
from holdfast.adapters.openai_sdk import unwrapped
from holdfast.adapters.web import async_client, sync_client

if TYPE_CHECKING:
    import httpx2

_WIRES: Final = ("anthropic",)


def holdfast_http_client(client: Route, *, library: str | None = None) -> httpx2.AsyncClient:
    """An HTTP client for `AsyncAnthropic(http_client=...)` that is answered by `client`."""
    http: httpx2.AsyncClient = async_client(InProcess(client, _WIRES), library)
    return http


def holdfast_sync_http_client(
    client: sync.Client | Callable[[str], sync.Client], *, library: str | None = None
) -> httpx2.Client:
    """The same for `Anthropic(http_client=...)`; `client` is a `holdfast.sync.Client`."""
    http: httpx2.Client = sync_client(InProcess(unwrapped(client), _WIRES), library)
    return http
