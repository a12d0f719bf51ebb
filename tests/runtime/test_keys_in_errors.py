"""A server that echoes the key it refuses."""

from __future__ import annotations

import pickle

import pytest

from holdfast import AuthenticationError, Client, Endpoint
from wire import serving, whole

KEY = "hush-hush-4711"


async def test_a_key_that_a_server_echoes_stands_nowhere_in_the_error():
    body = f'{{"error": {{"message": "Incorrect key {KEY}.", "code": "invalid_api_key"}}}}'.encode()
    async with serving([whole(body, 401)]) as server:
        model = Endpoint("here", base_url=server.url, api_key=KEY).model("m")
        async with Client(model) as client:
            with pytest.raises(AuthenticationError) as caught:
                await client.create("Hi")
            told = repr((client, model, client.describe()))
        assert KEY.encode() in server.requests[0]
    error = caught.value
    assert KEY not in f"{error!r} {error} {error.raw} {error.explain()} {error.info} {error.history} {told}"
    assert KEY.encode() not in pickle.dumps(error)
