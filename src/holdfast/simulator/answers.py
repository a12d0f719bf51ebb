"""What the simulated model says: a function of the request, and of nothing else.

An answer is numbered, every sentence is another one, and it opens and closes with the mark of its prompt:

    [3f9a21] 1. The kelp holds the rock. 2. A lantern crosses the bay. ... [end 3f9a21]

so that a whole answer can be told from a cut, a doubled or a patched one. Tokens are counted as four characters each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.events import Event, TextDelta, ThinkingDelta, ToolCallDelta
from holdfast.messages import (
    AssistantPart,
    Message,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.request import NamedTool, OutputSchema, Request, Tool
from holdfast.response import Response, unfold
from holdfast.simulator.continuations import Style, continued, unfinished
from holdfast.simulator.instances import instance
from holdfast.usage import Usage

_SUBJECTS: Final = ("The kelp", "A lantern", "The harbour", "One gull", "The ferry", "A diver", "The old pilot", "Salt")
_VERBS: Final = ("holds", "crosses", "watches", "remembers", "follows", "lifts", "answers", "measures")
_OBJECTS: Final = (
    "the rock",
    "a narrow bay",
    "every tide",
    "the first storm",
    "two mussels",
    "a grey sail",
    "the reef",
)
_FILE: Final = 256  # tokens of a picture, a document, a sound
_PIECE: Final = re.compile(r"\s*\S+(?:\s+\Z)?")
_CALL: Final = re.compile(r"\bcall\s+[`'\"]?([\w.-]+)", re.IGNORECASE)


class Manner(Struct, frozen=True, kw_only=True):
    """How a simulated model answers.

    - `think`: whether it thinks though nobody asked. `sentences`: how long it speaks; None: 3 to 6, by the prompt.
    - `continuation`: what it does with a half-finished answer.
    """

    think: bool = False
    sentences: int | None = None
    continuation: Style = "as_asked"


def answer(
    request: Request, *, model: str = "sim", origin: str | None = None, manner: Manner | None = None
) -> Response:
    """The response to `request`. `origin` is the wire that its thinking is signed for."""
    manner = manner or Manner()
    key = _key(request.messages)
    parts = _parts(request, key, manner)
    if manner.think or _asked_to_think(request):
        parts = (_thinking(key, origin), *parts)
    calls = any(isinstance(part, ToolCall) for part in parts)
    return Response(
        parts=parts,
        finish_reason="tool_calls" if calls else "stop",
        usage=usage_of(request, parts),
        model=model,
        id=f"sim-{_digest(key)[:16]}",
    )


def expected_answer(asked: Request | Sequence[Message] | str, *, sentences: int | None = None) -> str:
    """The text of the whole answer to a prompt, messages, or a request, as a model without faults gives it."""
    if isinstance(asked, str):
        return _text(asked, sentences)
    messages = asked.messages if isinstance(asked, Request) else tuple(asked)
    return _text(_key(messages), sentences)


def events_of(response: Response) -> Iterator[Event]:
    """The response as a stream: a delta for each word, and for every eight characters of a tool call's arguments."""
    for event in unfold(response):
        match event:
            case TextDelta():
                yield from (msgspec.structs.replace(event, text=word) for word in _words(event.text))
            case ThinkingDelta(part=part, signature=signature, origin=origin):
                yield from (ThinkingDelta(word, part, origin=origin) for word in _words(event.text))
                yield ThinkingDelta("", part, signature=signature, origin=origin)
            case ToolCallDelta(part=part, arguments=text):
                yield from (ToolCallDelta(part, text[at : at + 8]) for at in range(0, len(text), 8))
            case _:
                yield event


def count_tokens(text: str) -> int:
    """How many tokens `text` has, by the simulator's own rule."""
    return -(-len(text) // 4)


def prompt_tokens(messages: Sequence[Message], tools: Sequence[Tool] = ()) -> int:
    """How many tokens a prompt has: four a message, a token for four characters, 256 for a file, and the tools."""
    offered = (tool.name + tool.description + _json(tool.parameters) for tool in tools)
    return sum(4 + _size(message) for message in messages) + sum(map(count_tokens, offered))


def usage_of(request: Request, parts: Sequence[AssistantPart]) -> Usage:
    """What a response with these parts costs."""
    thought = sum(count_tokens(part.text) for part in parts if isinstance(part, Thinking))
    said = sum(count_tokens(part.text) for part in parts if isinstance(part, Text))
    called = sum(count_tokens(part.name + part.arguments) for part in parts if isinstance(part, ToolCall))
    return Usage(
        input_tokens=prompt_tokens(request.messages, request.tools),
        output_tokens=thought + said + called,
        reasoning_tokens=thought,
    )


def _parts(request: Request, key: str, manner: Manner) -> tuple[AssistantPart, ...]:
    if calls := _calls(request, key):
        return calls
    if isinstance(request.output, OutputSchema):
        return (Text(_json(instance(request.output.schema, _seed(key)))),)
    if request.output == "json":
        return (Text(_json({"answer": _text(key, manner.sentences)})),)
    whole = _text(key, manner.sentences)
    cut = unfinished(request.messages)
    return (Text(whole if cut is None else continued(whole, cut, manner.continuation)),)


def _calls(request: Request, key: str) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(f"call_{_digest(f'{key}{place}')[:12]}", tool.name, _json(instance(tool.parameters, _seed(key))))
        for place, tool in enumerate(_called(request))
    )


def _called(request: Request) -> tuple[Tool, ...]:
    """The tools to call: those the last user message names ("call weather"), or the one that is forced."""
    tools = {tool.name: tool for tool in request.tools}
    match request.tool_choice:
        case NamedTool(name=name):
            return (tools[name],) if name in tools else ()
        case "none":
            return ()
        case choice:
            last = request.messages[-1] if request.messages else None
            wanted = _CALL.findall(last.text) if isinstance(last, UserMessage) else []
            named = tuple(tools[name] for name in dict.fromkeys(wanted) if name in tools)
            return named or (request.tools[:1] if choice == "required" else ())


def _asked_to_think(request: Request) -> bool:
    settings = request.settings
    return bool(settings.thinking_budget) or settings.reasoning_effort not in (None, "none")


def _thinking(key: str, origin: str | None) -> Thinking:
    mark = _digest(key)[:6]
    text = f"Thought {mark}: the question has {len(key.split())} words, so I shall number what I say."
    return Thinking(text, signature=f"signed-{mark}", origin=origin)


def _key(messages: Sequence[Message]) -> str:
    """What the answer depends on: the last user message, and the tool results that came since."""
    cut = unfinished(messages)
    said = messages[:-1] if cut is not None and cut.instructed else messages
    places = [place for place, message in enumerate(said) if isinstance(message, UserMessage)]
    if not places:
        return "\n".join(message.text for message in said)
    since = said[places[-1] :]
    return "\n".join(message.text for message in since if isinstance(message, (UserMessage, ToolMessage)))


def _text(key: str, sentences: int | None) -> str:
    """Sentences that all differ: the three lists turn at their own speeds."""
    digest, seed = _digest(key), _seed(key)
    count = sentences or 3 + seed % 4
    spoken = (f"{number}. {_sentence(seed, number)}." for number in range(1, count + 1))
    return f"[{digest[:6]}] {' '.join(spoken)} [end {digest[:6]}]"


def _sentence(seed: int, number: int) -> str:
    subject = _SUBJECTS[(seed + number) % len(_SUBJECTS)]
    verb = _VERBS[(seed // 8 + number * 3) % len(_VERBS)]
    return f"{subject} {verb} {_OBJECTS[(seed // 64 + number) % len(_OBJECTS)]}"


def _size(message: Message) -> int:
    return count_tokens(message.content) if isinstance(message.content, str) else sum(map(_part_size, message.parts))


def _part_size(part: Part) -> int:
    match part:
        case Text(text=text) | Thinking(text=text):
            return count_tokens(text)
        case ToolCall():
            return count_tokens(part.name + part.arguments)
        case ToolResult(content=str() as text):
            return count_tokens(text)
        case ToolResult(content=tuple() as inner):
            return sum(map(_part_size, inner))
        case _:
            return _FILE


def _words(text: str) -> list[str]:
    return _PIECE.findall(text) or [text]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _digest(key: str) -> str:
    return sha256(key.encode(errors="surrogatepass")).hexdigest()


def _seed(key: str) -> int:
    return int(_digest(key)[:8], 16)
