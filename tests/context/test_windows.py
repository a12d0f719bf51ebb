import sys

import pytest

from holdfast.context import windows as module
from holdfast.context.windows import DEFAULT_WINDOW, Window, Windows
from holdfast.request import Request, Settings

pytest.importorskip("genai_prices")


def test_the_users_word_goes_before_all():
    windows = Windows({"openai/gpt-4o": 1000, "claude-sonnet-4-5": Window(2000, 100)})
    windows.learn("openai/gpt-4o", 500)
    assert windows.find("openai/gpt-4o") == Window(1000)
    assert windows.find("anthropic/claude-sonnet-4-5") == Window(2000, 100)


def test_what_an_error_taught_goes_before_the_registry():
    windows = Windows()
    windows.learn("openai/gpt-4o", 64_000)
    windows.learn("openai/gpt-4o", 96_000)
    assert windows.find("openai/gpt-4o") == Window(64_000, None, "learnt")


@pytest.mark.parametrize(
    ("model", "tokens", "source"),
    [
        ("openai/gpt-4o", 128_000, "registry"),
        ("anthropic/claude-sonnet-4-5", 200_000, "table"),
        ("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", 200_000, "table"),
        ("nobody/nothing", DEFAULT_WINDOW, "default"),
        ("", DEFAULT_WINDOW, "default"),
    ],
)
def test_every_name_has_a_window(model, tokens, source):
    assert Windows().find(model) == Window(tokens, None, source)


def test_without_the_registry_the_default_stands(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert module._published.__wrapped__("openai/gpt-4o").source == "default"


@pytest.mark.parametrize(
    ("settings", "window", "reserved"),
    [
        (Settings(), Window(200_000), 16_384),
        (Settings(), Window(8000), 2000),
        (Settings(), Window(200_000, 4096), 4096),
        (Settings(max_tokens=50_000), Window(200_000), 50_000),
        (Settings(max_tokens=50_000, thinking_budget=40_000), Window(200_000), 50_000),
    ],
)
def test_the_answer_has_its_share(settings, window, reserved):
    assert Windows({"m": window}).reserve(Request(messages=(), settings=settings), "m") == reserved


def test_a_limit_of_nothing_teaches_nothing():
    windows = Windows()
    windows.learn("openai/gpt-4o", 0)
    assert windows.window("openai/gpt-4o") == 128_000
