"""The OpenAI SDK over a Holdfast client: chat completions and Responses, streamed or not, with any provider behind.

    client = Client("openai/gpt-5-mini", "anthropic/claude-sonnet-4-5", on_break="resume")
    openai = AsyncOpenAI(http_client=holdfast_http_client(client), api_key="unused")

Nothing leaves the process as OpenAI's wire: the SDK's requests are read, answered by the client, and written back. The
model's name in a request is only looked at by a route. What the wire has no word for comes in headers
(`x-holdfast-attempts`, `x-holdfast-degraded`); a truncated answer is an error to the SDK, never half a success.
Errors are those of the SDK, with the right status; it does not retry them, because the client has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from holdfast import sync
from holdfast.adapters.in_process import InProcess, Route
from holdfast.adapters.web import async_client, sync_client
from holdfast.runtime.client import Client

if TYPE_CHECKING:
    import httpx2

_WIRES: Final = ("openai_chat", "openai_responses")


def holdfast_http_client(client: Route, *, library: str | None = None) -> httpx2.AsyncClient:
    """An HTTP client for `AsyncOpenAI(http_client=...)` that is answered by `client`.

    Args:
        client: what answers, or a function from the model's name in the request to it.
        library: `"httpx2"` (OpenAI SDK 3) or `"httpx"` (before it); by default the first that is installed.
    """
    http: httpx2.AsyncClient = async_client(InProcess(client, _WIRES), library)
    return http


def holdfast_sync_http_client(
    client: sync.Client | Callable[[str], sync.Client], *, library: str | None = None
) -> httpx2.Client:
    """The same for `OpenAI(http_client=...)`; `client` is a `holdfast.sync.Client`."""
    http: httpx2.Client = sync_client(InProcess(unwrapped(client), _WIRES), library)
    return http


def unwrapped(client: sync.Client | Callable[[str], sync.Client]) -> Route:
    """The async client behind a synchronous one, or a route to it."""
    if isinstance(client, sync.Client):
        return client.wrapped

    def route(model: str) -> Client:
        return client(model).wrapped

    return route
