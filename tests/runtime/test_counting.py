"""Counts that usage corrects."""

from __future__ import annotations

from holdfast import AssistantMessage, Client, Response, Text, Usage, UserMessage
from holdfast.testing import ScriptedModel

HELLO = UserMessage("Hello there, how are you today?")


async def test_a_count_starts_from_the_usage_that_was_reported_last():
    answer = Response(parts=(Text("Fine."),), finish_reason="stop", usage=Usage(input_tokens=500, output_tokens=3))
    client = Client(ScriptedModel(answer, name="somewhere/unknown-model"))
    assert client.count_tokens([HELLO]) < 50
    await client.create([HELLO])  # the provider has put 490 tokens of its own before it
    history = [HELLO, AssistantMessage("Fine."), UserMessage("And you?")]
    assert 500 < client.count_tokens(history) < 530
    assert client.remaining_tokens(history) == client.windows.window("somewhere/unknown-model") - client.count_tokens(
        history
    )


def test_nothing_is_sent_to_count():
    model = ScriptedModel(name="somewhere/unknown-model")
    assert Client(model).count_tokens("<|endoftext|> " * 10) > 10
    assert model.requests == []
