"""How a model goes on from a half-finished answer: well, and in all the ways in which models spoil it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.messages import AssistantMessage, Message, UserMessage
from holdfast.providers.continuation import anchor

Style: TypeAlias = Literal[
    "as_asked",  # exactly the rest after a prefill; after an instruction the last words again, then the rest
    "native",  # exactly the rest
    "anchored",  # the last words again, then the rest, as the instruction asks
    "verbatim_repeat",  # the last sentence again, then the rest
    "from_start",  # the whole answer again
    "changed_punctuation",  # the whole again, with other punctuation
    "changed_whitespace",  # the whole again, with other spaces and line breaks
    "different_wording",  # the whole again, in other words
    "empty",  # nothing
    "other_language",  # the rest, in German
    "apologises",  # an apology, then the rest
]

_GERMAN: Final = "Der Seetang hält den Felsen, und eine Laterne kreuzt die Bucht. Das ist alles."
_APOLOGY: Final = "I am sorry for the interruption. Here is the rest of my answer:"
_OTHER_WORDS: Final = {"The": "That", "holds": "grips", "crosses": "spans", "watches": "observes", "lifts": "raises"}


class Unfinished(Struct, frozen=True):
    """A half-finished answer that a model is asked to go on from: by prefill, or by an instruction."""

    prefix: str
    instructed: bool = False


def unfinished(messages: Sequence[Message]) -> Unfinished | None:
    """The half-finished answer that these messages ask to go on from; None when they ask for none.

    It stands last, or the user message behind it repeats its last words on a line of their own.
    """
    match tuple(messages[-2:]):
        case (*_, AssistantMessage(tool_calls=()) as last):
            return Unfinished(last.text)
        case (AssistantMessage(tool_calls=()) as cut, UserMessage() as asks) if cut.text:
            return Unfinished(cut.text, instructed=True) if f"\n{anchor(cut.text)}\n" in asks.text else None
        case _:
            return None


def continued(whole: str, cut: Unfinished, style: Style) -> str:
    """What a model says that has said the prefix of the answer `whole` and is asked to go on."""
    if style == "as_asked":
        style = "anchored" if cut.instructed else "native"
    return _STYLES[style](whole, cut.prefix)


def rest_of(whole: str, prefix: str) -> str:
    """What is missing of `whole`; where `prefix` is none of its beginnings, all from the first point they part."""
    bare = prefix.rstrip()
    for said in (prefix, bare):
        if whole.startswith(said):
            return whole[len(said) :]
    return whole


def _anchored(whole: str, prefix: str) -> str:
    return anchor(prefix) + rest_of(whole, prefix)


def _repeated(whole: str, prefix: str) -> str:
    start = max(prefix.rfind(". ") + 2, 0) if ". " in prefix else 0
    return prefix[start:] + rest_of(whole, prefix)


def _punctuated(whole: str, _: str) -> str:
    return whole.replace(". ", "; ").replace("[", "(").replace("]", ")")


def _reworded(whole: str, _: str) -> str:
    return re.sub(r"\w+", lambda word: _OTHER_WORDS.get(word[0], word[0]), whole).replace("[", "Well: [", 1)


_STYLES: Final[Mapping[str, Callable[[str, str], str]]] = {
    "native": rest_of,
    "anchored": _anchored,
    "verbatim_repeat": _repeated,
    "from_start": lambda whole, _: whole,
    "changed_punctuation": _punctuated,
    "changed_whitespace": lambda whole, _: whole.replace(". ", ".\n\n").replace(" the ", "  the "),
    "different_wording": _reworded,
    "empty": lambda _, __: "",
    "other_language": lambda _, __: _GERMAN,
    "apologises": lambda whole, prefix: f"{_APOLOGY}{rest_of(whole, prefix)}",
}
