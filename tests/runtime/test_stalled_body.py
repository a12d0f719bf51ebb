"""A body that was begun and goes on no more."""

from __future__ import annotations

import pytest

from holdfast import Client, Endpoint, ModelTimeoutError, Timeouts
from wire import serving, whole

BODY = b'{"id": "1", "choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}'


async def test_a_half_written_unstreamed_body_is_a_stall_and_not_the_total_time():
    async with serving([whole(BODY)[:-20], 30.0]) as server:
        model = Endpoint("here", base_url=server.url).model("m")
        async with Client(model, timeouts=Timeouts(idle=0.1), max_attempts=1) as client:
            with pytest.raises(ModelTimeoutError) as caught:
                await client.create("Hi")
    assert caught.value.phase == "idle"


async def test_a_slow_generation_before_the_body_is_none():
    async with serving([whole(BODY)[:-90], 0.3, whole(BODY)[-90:]]) as server:
        model = Endpoint("here", base_url=server.url).model("m")
        async with Client(model, timeouts=Timeouts(idle=0.1)) as client:
            assert (await client.create("Hi")).text == "Hello"
