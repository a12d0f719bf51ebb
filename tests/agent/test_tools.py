# annotations are read at run time
import asyncio
import threading
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

import pydantic
import pytest

from holdfast.agent.tools import FunctionTool, content_of, tool, toolbox
from holdfast.errors import ConfigurationError
from holdfast.messages import Image, Text, ToolCall


@dataclass
class Place:
    name: str


class Boat(pydantic.BaseModel):
    length: int


def call(arguments="{}", name="f"):
    return ToolCall("call_1", name, arguments)


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("words", "words"),
        ("", "(The tool gave nothing back.)"),
        (None, "(The tool gave nothing back.)"),
        (7, "7"),
        ({"a": [1, True]}, '{"a":[1,true]}'),
        ([Place("Oslo")], '[{"name":"Oslo"}]'),
        (Boat(length=3), '{"length":3}'),
        ([Boat(length=3)], '[{"length":3}]'),
        (object, "\"<class 'object'>\""),
        (range(3), '"range(0, 3)"'),
        (Text("a"), (Text("a"),)),
        ([Text("a"), Image(url="u")], (Text("a"), Image(url="u"))),
        ([], "[]"),
    ],
)
def test_whatever_a_function_gives_back_is_content(value, content):
    assert content_of(value) == content


async def test_a_sync_function_runs_in_a_thread_and_sees_the_context():
    word = ContextVar("word")
    word.set("here")

    def f() -> list:
        return [threading.current_thread() is threading.main_thread(), word.get()]

    assert (await FunctionTool(f).result(call())).text == '[false,"here"]'


async def test_an_async_function_runs_in_the_loop():
    async def f(x: int) -> str:
        await asyncio.sleep(0)
        return f"{x} {threading.current_thread() is threading.main_thread()}"

    assert (await FunctionTool(f).result(call('{"x": 4}'))).text == "4 True"
    assert (await FunctionTool(partial(f, 5), name="g").result(call())).text == "5 True"


async def test_an_object_with_an_async_call_is_a_tool():
    class Search:
        async def __call__(self, words: str) -> str:
            return words.upper()

    made = FunctionTool(Search(), name="search")
    assert (await made.result(call('{"words": "a"}'))).text == "A"


def fail():
    raise KeyError("gone")


def leave():
    raise SystemExit(2)


def stop():
    raise StopIteration


def circle():
    return {1: object(), (2, 3): 1}


def fine(x: int):
    return x


@pytest.mark.parametrize(
    ("function", "arguments", "said"),
    [
        (fail, "{}", "KeyError: 'gone'"),
        (leave, "{}", "SystemExit: 2"),
        (stop, "{}", "RuntimeError: coroutine raised StopIteration"),
        (fine, '{"x": "a"}', "Invalid arguments: x: Expected `int`, got `str`."),
        (fine, '{"x": ', "The arguments of tool call 'f' are not a JSON object"),
        (fine, "[1]", "are not a JSON object"),
        (fine, "{}", "Invalid arguments: the argument 'x' is missing."),
    ],
)
async def test_whatever_goes_wrong_becomes_an_error_result(function, arguments, said):
    result = await FunctionTool(function).result(call(arguments))
    assert result.is_error
    assert said in result.text
    assert result.call_id == "call_1"


async def test_what_cannot_be_written_as_json_is_an_error_result_or_text_and_never_raises():
    result = await FunctionTool(circle).result(call())
    assert isinstance(result.text, str)


def test_the_decorator_takes_options_and_leaves_the_function_callable():
    @tool(name="find", timeout=5, max_tokens=100, strict=True)
    def search(words: str) -> str:
        """Find words."""
        return words

    @tool
    def other() -> int:
        return 2

    assert (search.name, search.timeout, search.max_tokens, search.spec.strict) == ("find", 5, 100, True)
    assert search.spec.description == "Find words."
    assert search("a") == "a"
    assert other() == 2
    assert repr(other) == "FunctionTool('other')"


async def test_the_limit_of_a_tool_stands_on_its_results():
    assert (await FunctionTool(fine, max_tokens=9).result(call('{"x": 1}'))).max_tokens == 9


def test_two_tools_cannot_share_a_name():
    with pytest.raises(ConfigurationError, match="fine"):
        toolbox([fine, FunctionTool(fail, name="fine")])


def test_a_lambda_needs_a_name():
    with pytest.raises(ConfigurationError, match="lambda"):
        FunctionTool(lambda: 1)
    assert FunctionTool(lambda: 1, name="one").name == "one"
