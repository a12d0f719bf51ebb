"""What of the framework stands around a model: its own fallbacks, traces, deadlines, loops, files."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent, InstrumentationSettings
from pydantic_ai import exceptions as theirs
from pydantic_ai.messages import ImageUrl, ModelRequest
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.instrumented import InstrumentedModel
from pydantic_ai.models.test import TestModel as Double
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from holdfast import Client, ContentFilterError, Endpoint, Image, ServerError, StreamInterruptedError, ToolCall
from holdfast.adapters.pydantic_ai import HoldfastModel, PydanticModel, private
from holdfast.simulator import expected_answer, start_in_thread
from holdfast.testing import Pause

ASKED = [ModelRequest.user_text_prompt("Hello")]
PARAMETERS = ModelRequestParameters()
PNG = b"\x89PNG\r\n\x1a\n"


async def output_of(agent, streamed, **options):
    if not streamed:
        return (await agent.run("Hello", **options)).output
    async with agent.run_stream("Hello", **options) as run:
        return await run.get_output()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("error", [ServerError("down", status=500), ContentFilterError("no", status=400)])
async def test_a_fallback_of_the_frameworks_own_falls_back_on_our_errors(scripted, streamed, error):
    model, _ = scripted(error, max_attempts=1)
    chain = FallbackModel(
        model, Double(custom_output_text="Saved."), fallback_on=(theirs.ModelAPIError, theirs.ContentFilterError)
    )
    assert await output_of(Agent(chain), streamed) == "Saved."


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_wrapper_of_the_frameworks_own_passes_everything_on(scripted, streamed):
    model, primary = scripted(ToolCall("c1", "dip"), "Done")

    def dip() -> str:
        return "wet"

    assert await output_of(Agent(WrapperModel(model), tools=[dip]), streamed) == "Done"
    assert len(primary.requests) == 2


@pytest.mark.parametrize("streamed", [False, True])
async def test_without_the_private_names_requests_still_work(scripted, streamed, monkeypatch):
    def nothing(module, name):
        return None

    monkeypatch.setattr(private, "_find", nothing)
    model, primary = scripted("Hello", [ServerError("down", status=500)])
    assert await output_of(Agent(model, instructions="Be brief."), streamed) == "Hello"
    assert primary.requests[0].messages[0].text == "Be brief."
    with pytest.raises(theirs.ModelServerError):
        await output_of(Agent(HoldfastModel(Client(primary, max_attempts=1))), streamed)


def test_instructions_are_found_without_the_private_name():
    spoken = ModelRequest.user_text_prompt("Hi", instructions="Be brief.")
    assert private.instructions(object(), [spoken], PARAMETERS) == ["Be brief."]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_runs_own_deadline_ends_it_as_timed_out(scripted, streamed):
    model, primary = scripted(["Half", Pause()], on_break="raise")
    model.client.model.clock.autojump = False
    with pytest.raises(theirs.RunTimedOut):
        await output_of(Agent(model), streamed, timeout=0.05)
    assert primary.active == 0


async def test_the_trace_of_a_request_names_the_chain_and_its_tokens(scripted):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    model, _ = scripted("Hello")
    traced = InstrumentedModel(model, InstrumentationSettings(tracer_provider=provider))
    await Agent(traced).run("Hi")
    span = next(span for span in exporter.get_finished_spans() if span.name.startswith("chat"))
    assert span.attributes["gen_ai.request.model"] == "gpt-5-mini"
    assert span.attributes["gen_ai.provider.name"] == "openai"


async def test_an_agent_can_be_run_without_a_loop_again_and_again():
    def run():
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)  # `run_sync` takes the thread's own
        model = HoldfastModel(Endpoint("here", base_url=simulator.base_url(), api_key="key").model("calm"))
        agent = Agent(model)
        outputs = [agent.run_sync(f"Part {number}").output for number in range(3)]
        loop.run_until_complete(model.client.close())
        loop.close()
        return outputs

    with start_in_thread() as simulator:
        outputs = await asyncio.to_thread(run)
    assert outputs == [expected_answer(f"Part {number}") for number in range(3)]


async def test_a_file_that_shall_be_downloaded_is_sent_as_bytes(scripted):
    async def picture(_):
        return web.Response(body=PNG, content_type="image/png")

    app = web.Application()
    app.router.add_get("/a.png", picture)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        model, primary = scripted("A kelp.")
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/a.png"
        await Agent(model).run(["What is this?", ImageUrl(url, force_download="allow-local")])
    finally:
        await runner.cleanup()
    assert primary.requests[0].messages[0].parts[1] == Image(data=PNG, media_type="image/png")


async def test_a_link_goes_out_as_a_link(scripted):
    model, primary = scripted("A kelp.")
    await Agent(model).run(["What is this?", ImageUrl("https://example.com/a.png")])
    assert primary.requests[0].messages[0].parts[1].url == "https://example.com/a.png"


async def test_settings_that_only_an_inner_model_knows_are_not_warned_about():
    model = HoldfastModel(PydanticModel(Double()))
    await model.request(ASKED, ModelSettings(max_retries=0), PARAMETERS)


async def test_partial_words_are_kept_by_the_error_of_an_unstreamed_request(scripted):
    model, _ = scripted(["Half", StreamInterruptedError("cut")], max_attempts=1)
    with pytest.raises(theirs.ModelConnectionError) as raised:
        await Agent(model).run("Hello")
    assert raised.value.__cause__.partial.text == "Half"
