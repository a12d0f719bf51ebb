"""How a half-finished answer is carried on: by prefill where the model takes one, else by an instruction. Pure.

    request = carry_on(request, native=prefills(dialect, model, request))      # in `encode`; its prefix is empty then

With `native`, the shown text is the last assistant message, without white space at its end, and the model goes on from
there (`ResponseStart.continues` is True). Without it, the shown text is followed by an instruction that asks the model
to begin with its last words, `anchor(prefix)`, exactly, so that whoever joins the two has evidence of where to join.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from holdfast.messages import AssistantMessage, Message, Text, UserMessage
from holdfast.providers.codec import Dialect
from holdfast.request import NamedTool, Request

_WORDS: Final = 6
_LONGEST: Final = 80
_UNSPACED: Final = 24
_AT_MOST: Final = 240
_ACCIDENT: Final = 12  # letters; what the joiner of answers asks for
_WORD_START: Final = re.compile(r"(?<!\S)\S")
_INSTRUCTION: Final = (
    "Your answer above was cut off by a technical fault. I have already read everything up to the cut. "
    "Write the rest of the same answer.\n"
    "- Begin by repeating exactly these last words, character for character:\n{anchor}\n"
    "- Go straight on from there to the end, in the same language, tone and formatting.\n"
    "- Do not apologise, comment, add a heading, or repeat anything that stands before these words."
)
_ABOUT_TOOLS: Final = "\n- Call a tool only if the rest cannot be written without it."


def prefills(dialect: Dialect, model: str, request: Request | None = None) -> bool:
    """Whether `model` at this endpoint goes on from an assistant message that stands last.

    With a `request`, what excludes a prefill there counts too: thinking, a structured output, a forced tool.
    """
    if dialect.prefill == "none":
        return False
    if not _is_known(model, dialect.prefill_models):
        return False
    return request is None or not _excludes_prefill(request)


@lru_cache(maxsize=256)
def _is_known(model: str, known: tuple[str, ...] | None) -> bool:
    return known is None or any(_is_called(model, start) for start in known)


def _is_called(model: str, start: str) -> bool:
    """Whether the model's name begins so, after any vendor, region or ARN before it."""
    return re.search(rf"(?:^|[/.:]){re.escape(start)}", model, re.IGNORECASE) is not None


def _excludes_prefill(request: Request) -> bool:
    settings = request.settings
    thinks = bool(settings.thinking_budget) or settings.reasoning_effort not in (None, "none")
    forced = isinstance(request.tool_choice, NamedTool) or request.tool_choice == "required"
    return thinks or forced or request.output is not None


def anchor(prefix: str) -> str:
    """The last words of `prefix`, by which its continuation is known: its end, without white space after it.

    Some six to ten words, at most 80 characters, cut at a word's border; more where the end repeats itself, since only
    words that stand nowhere else say where to join. Text without spaces (Chinese) gives 24 characters or more.
    """
    text = prefix.rstrip()
    starts = [match.start() for match in _WORD_START.finditer(text, max(0, len(text) - _LONGEST))]
    telling = [start for start in reversed(starts) if _tells(text, start)]
    full = (start for start in telling if len(text[start:].split()) >= _WORDS and _letters(text[start:]) >= _UNSPACED)
    best = next(full, None)
    if best is None and len(text) > 2 * _UNSPACED:
        cuts = [_border(text, len(text) - size) for size in (_UNSPACED, 2 * _UNSPACED, 4 * _UNSPACED)]
        best = next((cut for cut in cuts if _tells(text, cut)), _border(text, len(text) - _AT_MOST))
    return text[best or 0 :].lstrip()


def _tells(text: str, start: int) -> bool:
    """Whether the text from `start` on is long enough to be no accident, and stands nowhere else."""
    return _letters(text[start:]) >= _ACCIDENT and text.find(text[start:]) == start


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _border(text: str, at: int) -> int:
    """The first place from `at` on that is no combining mark, joiner or variation selector."""
    at = max(0, at)
    while at < len(text) and unicodedata.category(text[at]) in ("Mn", "Mc", "Me", "Cf"):
        at += 1
    return at


def carry_on(request: Request, *, native: bool) -> Request:
    """The request that asks for the rest of the answer whose beginning is `request.prefix`; its own prefix is empty.

    A request without prefix comes back as it is.
    """
    if not request.prefix:
        return request
    shown = request.prefix.rstrip()
    if not shown:
        return request.replace(prefix="")
    messages = _with_shown(request.messages, shown)
    if not native:
        asked = _INSTRUCTION.format(anchor=anchor(shown))
        messages = (*messages, UserMessage(asked + _ABOUT_TOOLS if request.tools else asked))
    return request.replace(messages=messages, prefix="")


def _with_shown(messages: tuple[Message, ...], shown: str) -> tuple[Message, ...]:
    last = messages[-1] if messages else None
    if not isinstance(last, AssistantMessage) or last.tool_calls:
        return (*messages, AssistantMessage(shown))
    joined = AssistantMessage((*last.parts, Text(shown)), last.name)  # the caller's own prefill comes before it
    return (*messages[:-1], joined)
