from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time

import pytest

from holdfast.errors import ConfigurationError
from holdfast.runtime.layers.cache import cache
from holdfast.runtime.layers.stores import DiskStore, RedisStore
from holdfast.testing import ScriptedModel
from runtime.layers.asking import ask


class TestDiskStore:
    @pytest.fixture
    async def store(self, tmp_path, clock):
        store = DiskStore(tmp_path / "answers.db", max_entries=3, clock=clock)
        yield store
        await store.close()

    async def test_an_answer_outlives_the_process(self, tmp_path):
        for text in ("first", "never asked"):
            store = DiskStore(tmp_path / "answers.db")
            response = await ask(cache(store)(ScriptedModel(text)))
            await store.close()
        assert (response.text, response.cached) == ("first", True)

    async def test_values_are_bytes_by_key_and_the_last_counts(self, store):
        assert await store.get("a") is None
        await store.set("a", b"\x00one", None)
        await store.set("a", b"two", None)
        assert await store.get("a") == b"two"

    async def test_a_value_is_forgotten_after_its_time(self, store, clock):
        await store.set("a", b"one", 60)
        await clock.advance(59)
        assert await store.get("a") == b"one"
        await clock.advance(1)
        assert await store.get("a") is None

    async def test_the_least_used_go_when_there_are_too_many(self, store, clock, monkeypatch):
        monkeypatch.setattr("holdfast.runtime.layers.stores._SHRINK_EVERY", 1)
        for key in "abc":
            await store.set(key, key.encode(), None)
            await clock.advance(1)
        await store.get("a")
        await clock.advance(1)
        await store.set("d", b"d", None)
        assert [await store.get(key) is not None for key in "abcd"] == [True, False, True, True]

    async def test_many_calls_at_once_do_not_disturb_each_other(self, tmp_path):
        store = DiskStore(tmp_path / "answers.db")
        await asyncio.gather(*(store.set(str(n), str(n).encode(), None) for n in range(50)))
        assert await asyncio.gather(*(store.get(str(n)) for n in range(50))) == [str(n).encode() for n in range(50)]
        await store.close()


class TinyRedis:
    """As much of a Redis server as the store needs: RESP over a real socket, GET and SET with PX."""

    def __init__(self):
        self.values = {}
        self.commands = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        try:
            while line := await reader.readline():
                arguments = []
                for _ in range(int(line[1:])):
                    size = int((await reader.readline())[1:])
                    arguments.append((await reader.readexactly(size + 2))[:-2])
                writer.write(self._answer(arguments))
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _answer(self, arguments):
        self.commands.append(arguments)
        match [arguments[0].upper(), *arguments[1:]]:
            case [b"GET", key]:
                value = self.values.get(key)
                return b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)
            case [b"SET", key, value, *_]:
                self.values[key] = value
                return b"+OK\r\n"
            case [b"HELLO", *_]:
                return b"-ERR unknown command\r\n"
            case _:
                return b"+OK\r\n"


@pytest.fixture
def redis_url():
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        pytest.skip("no redis-server here")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [binary, "--port", str(port), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:  # noqa: S603  # a binary of this machine
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


class TestRedisStore:
    async def test_an_answer_goes_to_redis_and_comes_back(self):
        pytest.importorskip("redis")
        async with TinyRedis() as server:
            store = RedisStore(server.url + "?protocol=2")
            model = cache(store, ttl=1.5)(ScriptedModel("grüß dich"))
            await ask(model)
            response = await ask(model)
            await store.close()
        assert (response.text, response.cached) == ("grüß dich", True)
        [written] = [command for command in server.commands if command[0] == b"SET"]
        assert written[1].startswith(b"holdfast:")
        assert written[3:] == [b"PX", b"1500"]

    async def test_a_client_that_decodes_is_understood(self):
        redis = pytest.importorskip("redis.asyncio")
        async with TinyRedis() as server:
            client = redis.Redis.from_url(server.url + "?protocol=2", decode_responses=True)
            store = RedisStore(client)
            await store.set("a", "grüß".encode(), None)
            assert await store.get("a") == "grüß".encode()
            await client.aclose()

    async def test_without_a_server_the_call_goes_on(self):
        pytest.importorskip("redis")
        store = RedisStore("redis://127.0.0.1:1/0", timeout=0.2)
        assert (await ask(cache(store)(ScriptedModel("fine")))).text == "fine"
        await store.close()

    async def test_against_a_real_server(self, redis_url):
        pytest.importorskip("redis")
        store = RedisStore(redis_url)
        await store.set("a", b"\x00\xff", 30)
        assert await store.get("a") == b"\x00\xff"
        assert await store.get("b") is None
        await store.close()

    def test_without_the_extra_the_error_names_it(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "redis.asyncio", None)
        with pytest.raises(ConfigurationError, match=r"holdfast\[redis\]"):
            RedisStore("redis://127.0.0.1/0")
