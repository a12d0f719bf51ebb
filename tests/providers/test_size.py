"""What an endpoint never takes is not sent to it."""

from __future__ import annotations

import pytest

from holdfast import Client, Endpoint, Image, RequestTooLargeError, Text, ToolCall, ToolMessage, ToolResult, UserMessage
from holdfast.messages import AssistantMessage
from holdfast.providers.catalog import CATALOG
from holdfast.providers.codec import Dialect
from wire import serving, whole

PICTURE = Image(data=b"\x89PNG", media_type="image/png")
OK = whole(b'{"choices": [{"message": {"content": "Seen."}, "finish_reason": "stop"}]}')


async def ask(dialect: Dialect, messages) -> tuple[int, str]:
    async with serving([OK]) as server:
        model = Endpoint("here", base_url=server.url, dialect=dialect).model("m")
        async with Client(model, policies=()) as client:
            try:
                return len(server.requests) + 1, (await client.create(messages)).text
            except RequestTooLargeError as error:
                return len(server.requests), error.message


@pytest.mark.parametrize(("limit", "sent"), [(50, 0), (5000, 1), (None, 1)])
async def test_a_body_over_the_limit_is_not_sent(limit, sent):
    requests, told = await ask(Dialect(provider="here", max_body=limit), "word " * 100)
    assert requests == sent
    assert ("bytes" in told) == (sent == 0)


@pytest.mark.parametrize(("limit", "sent"), [(1, 0), (2, 1), (None, 1)])
async def test_pictures_over_the_limit_are_not_sent_wherever_they_stand(limit, sent):
    messages = [
        UserMessage((Text("See"), PICTURE)),
        AssistantMessage((ToolCall("1", "look"),)),
        ToolMessage((ToolResult("1", (PICTURE,)),)),
    ]
    requests, told = await ask(Dialect(provider="here", max_images=limit), messages)
    assert requests == sent
    assert ("pictures" in told) == (sent == 0)


def test_the_catalog_states_limits_that_are_documented():
    assert CATALOG["anthropic"].dialect.max_body == 32 * 1024 * 1024
