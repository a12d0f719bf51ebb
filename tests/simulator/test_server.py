from __future__ import annotations

import asyncio
import json
import os
import urllib.request
from urllib.parse import urlsplit

import pytest

from holdfast.errors import ConfigurationError
from holdfast.simulator import (
    Rule,
    Scenario,
    SimulatedModel,
    Simulator,
    When,
    Window,
    ensure_simulator,
    expected_answer,
    load,
    start_in_thread,
)
from holdfast.simulator import faults as f
from holdfast.simulator.bucket import RateLimit
from raw_client import PROMPT, chat, failing, receive, request_bytes, send

ANSWER = expected_answer(PROMPT)


async def open_connection(sim):
    where = urlsplit(sim.url)
    return await asyncio.open_connection(where.hostname, where.port)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # the other side of a socket sends no event
            await asyncio.sleep(0.001)


async def test_one_connection_serves_many_requests():
    async with Simulator() as sim:
        reader, writer = await open_connection(sim)
        for prompt in ("one", "two", "three"):
            writer.write(request_bytes("/v1/chat/completions", chat(prompt, model="calm")))
            assert (await receive(reader)).text == expected_answer(prompt)
        assert sim.connections_open == 1
        writer.close()
        await until(lambda: sim.connections_open == 0)


async def test_what_came_and_what_it_got_is_recorded_without_keys():
    scenario = Scenario(models={"m": SimulatedModel(rules=(Rule(f.Refuse(kind="rate_limit"), When(attempts=1)),))})
    async with Simulator(scenario) as sim:
        for _ in range(2):
            await send(sim, chat(stream=True), authorization="Bearer sk-0123456789abcdef0123456789")
        first, second = sim.requests
    assert [first.fault, second.fault] == ["rate_limit", None]
    assert [(one.number, one.attempt) for one in (first, second)] == [(1, 1), (2, 2)]
    assert (first.wire, first.model, first.streamed, first.path) == ("openai_chat", "m", True, "/v1/chat/completions")
    assert json.loads(first.body)["messages"][0]["content"] == PROMPT
    assert "0123456789" not in repr((first, second))


async def test_the_record_is_bounded():
    async with Simulator(max_records=2) as sim:
        for prompt in ("one", "two", "three"):
            await send(sim, chat(prompt, model="calm"))
        assert [json.loads(one.body)["messages"][0]["content"] for one in sim.requests] == ["two", "three"]


async def test_large_bodies_are_forgotten_before_they_fill_the_memory():
    async with Simulator() as sim:
        for _ in range(5):
            await send(sim, b"{" + b" " * (20 << 20))
        assert len(sim.requests) == 3


async def test_the_same_storm_blows_twice():
    async def faults() -> list[str | None]:
        async with Simulator(load("storm")) as sim:
            for number in range(30):
                body = chat(f"prompt {number}", model="sim/stormy")
                await asyncio.wait({asyncio.ensure_future(send(sim, body))}, timeout=0.05)
            return [one.fault for one in sim.requests]

    first = await faults()
    assert first == await faults()
    assert len(set(first)) > 5
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)


async def test_a_model_that_nobody_knows_is_not_found():
    async with Simulator() as sim:
        seen = await send(sim, chat(model="gpt-99"))
    assert seen.status == 404
    assert "calm" in seen.json["error"]["message"]


async def test_a_scenario_may_ask_for_a_key():
    async with Simulator(Scenario(models={"m": SimulatedModel()}, api_key="secret")) as sim:
        assert (await send(sim, chat())).status == 401
        assert (await send(sim, chat(), authorization="Bearer wrong")).status == 401
        assert (await send(sim, chat(), authorization="Bearer secret")).text == ANSWER


async def test_models_are_listed_tokens_counted_and_nothing_else_is_there():
    async with Simulator() as sim:
        listed = await send(sim, b"", "/v1/models", "GET")
        counted = await send(sim, chat(), "/v1/messages/count_tokens")
        lost = await send(sim, chat(), "/nowhere")
    assert [model["id"] for model in listed.json["data"]] == ["calm", "stormy"]
    assert counted.json["input_tokens"] > 0
    assert lost.status == 404


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 2000\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n", 413),
        (b"POST / HTTP/1.1\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", 431),
    ],
)
async def test_what_is_no_request_or_too_large_is_refused(data, status):
    async with Simulator(max_body=1000) as sim:
        reader, writer = await open_connection(sim)
        writer.write(data)
        assert (await receive(reader)).status == status
        writer.close()


async def test_a_body_may_come_in_chunks():
    async with Simulator(failing()) as sim:
        reader, writer = await open_connection(sim)
        body = json.dumps(chat()).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n"
        writer.write(head)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"a\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (body[:10], len(body) - 10, body[10:]))
        assert (await receive(reader)).text == ANSWER
        writer.close()


async def test_a_request_that_cannot_be_read_is_an_error_in_the_form_of_the_provider():
    async with Simulator() as sim:
        seen = await send(sim, b"{nonsense")
        assert sim.requests[-1].fault == "invalid_request"
    assert seen.status == 400
    assert "error" in seen.json


@pytest.mark.parametrize(
    "schema", [{"$ref": "#/nowhere"}, {"$ref": "#"}, {"type": "array", "minItems": "many"}, {"properties": 5}]
)
async def test_a_schema_that_is_none_is_an_invalid_request(schema):
    tool = {"type": "function", "function": {"name": "odd", "parameters": schema}}
    async with Simulator(failing()) as sim:
        seen = await send(sim, chat("call odd", tools=[tool]))
    assert seen.status == 400


async def test_a_client_that_leaves_in_a_stall_frees_its_connection_at_once():
    async with Simulator(failing(f.Stall(after=2, seconds=3600))) as sim:
        reader, writer = await open_connection(sim)
        writer.write(request_bytes("/v1/chat/completions", chat(stream=True)))
        await reader.readuntil(b"data:")
        assert sim.connections_open == 1
        writer.close()
        await until(lambda: sim.connections_open == 0)


async def test_keep_alives_stop_when_the_client_leaves():
    async with Simulator(failing(f.KeepAlives(seconds=0.001))) as sim:
        reader, writer = await open_connection(sim)
        writer.write(request_bytes("/v1/chat/completions", chat(stream=True)))
        await reader.readuntil(b": keep-alive")
        writer.transport.abort()
        await until(lambda: sim.connections_open == 0)


async def test_closing_leaves_no_task_and_no_connection():
    before = asyncio.all_tasks()
    sim = Simulator(failing(f.Latency(seconds=3600)))
    await sim.start()
    waiting = [asyncio.ensure_future(send(sim, chat())) for _ in range(20)]
    await until(lambda: len(sim.requests) == 20)
    await sim.close()
    assert sim.connections_open == 0
    assert {one.ended for one in await asyncio.gather(*waiting)} <= {"closed", "reset"}
    await until(lambda: asyncio.all_tasks() <= before)
    await sim.close()


async def test_connections_beyond_the_limit_are_turned_away():
    async with Simulator(failing(f.Latency(seconds=3600)), max_connections=2) as sim:
        held = [await open_connection(sim) for _ in range(2)]
        await until(lambda: sim.connections_open == 2)
        assert (await send(sim, chat())).ended in ("closed", "reset")
        for _, writer in held:
            writer.close()


def test_it_serves_loopback_only():
    with pytest.raises(ConfigurationError, match="loopback"):
        Simulator(host="0.0.0.0")  # noqa: S104  # that is what must not be


async def test_it_listens_on_ipv6_too():
    async with Simulator(failing(), host="::1") as sim:
        assert sim.url.startswith("http://[::1]:")
        assert (await send(sim, chat())).text == ANSWER


async def test_a_rate_limit_is_real_and_tells_of_itself_in_its_headers():
    model = SimulatedModel(rate_limit=RateLimit(requests=2, seconds=600))
    async with Simulator(Scenario(models={"m": model})) as sim:
        seen = [await send(sim, chat()) for _ in range(3)]
    assert [one.status for one in seen] == [200, 200, 429]
    assert [one.headers["x-ratelimit-remaining-requests"] for one in seen] == ["1", "0", "0"]
    assert float(seen[2].headers["retry-after"]) == pytest.approx(300, abs=2)


async def test_a_request_larger_than_the_tokens_of_a_minute_is_too_large():
    model = SimulatedModel(rate_limit=RateLimit(tokens=50))
    async with Simulator(Scenario(models={"m": model})) as sim:
        seen = await send(sim, chat("word " * 100))
        assert sim.requests[-1].fault == "request_too_large"
    assert seen.status in (413, 429)


async def test_a_window_that_is_too_small_says_so_with_its_numbers():
    async with Simulator(failing(window=Window(tokens=100))) as sim:
        fits = await send(sim, chat("word " * 50))
        over = await send(sim, chat("word " * 100))
        reserved = await send(sim, chat("word " * 50, max_tokens=60))
    assert fits.status == 200
    assert over.status == reserved.status == 400
    assert over.json["error"]["code"] == "context_length_exceeded"
    assert "100" in over.json["error"]["message"]


async def test_a_window_may_lie_about_its_size_and_shrink():
    window = Window(tokens=120, states=4000, shrinks_by=90, least=10)
    async with Simulator(failing(window=window)) as sim:
        fits = await send(sim, chat("word " * 60))
        over = await send(sim, chat("word " * 60))
    assert fits.status == 200
    assert over.status == 400
    assert "4000" in over.json["error"]["message"]


async def test_a_window_that_truncates_answers_the_end_and_counts_only_that():
    messages = [{"role": "user", "content": "word " * 400}, {"role": "user", "content": PROMPT}]
    async with Simulator(failing(window=Window(tokens=100, truncates=True))) as sim:
        seen = await send(sim, chat(messages))
    assert seen.text == ANSWER
    assert seen.json["usage"]["prompt_tokens"] < 100


def test_a_thread_serves_synchronous_code():
    with start_in_thread(failing()) as sim:
        data = json.dumps(chat()).encode()
        for _ in range(2):
            with urllib.request.urlopen(sim.base_url() + "/chat/completions", data) as reply:  # noqa: S310  # loopback
                assert json.load(reply)["choices"][0]["message"]["content"] == ANSWER
        assert len(sim.requests) == 2
    assert not sim.alive


def test_a_port_that_is_taken_is_an_error_at_the_start():
    with start_in_thread() as sim, pytest.raises(OSError, match="in use"), start_in_thread(port=urlsplit(sim.url).port):
        pass


def test_the_shared_simulator_outlives_event_loops():
    first, second = asyncio.run(ensure_simulator()), asyncio.run(ensure_simulator())
    assert first == second
    assert first.endswith("/v1")
    with urllib.request.urlopen(first + "/models") as reply:  # noqa: S310  # loopback
        assert reply.status == 200


def test_an_address_in_the_environment_wins_over_the_shared_simulator(monkeypatch):
    monkeypatch.setitem(os.environ, "HOLDFAST_SIM_URL", "http://127.0.0.1:8080/")
    assert asyncio.run(ensure_simulator()) == "http://127.0.0.1:8080/v1"
    assert asyncio.run(ensure_simulator(wire="gemini")) == "http://127.0.0.1:8080/v1beta"
