"""One call as AutoGen makes it, ready for a Holdfast client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from autogen_core.models import ModelInfo
from autogen_core.tools import Tool as TheirTool
from autogen_core.tools import ToolSchema
from msgspec import Struct
from pydantic import BaseModel

from holdfast.adapters.autogen.arguments import arguments_of, output_of
from holdfast.adapters.autogen.messages import Choice, choice_of, tools_of
from holdfast.adapters.autogen.results import callable_answer, wordy_answer
from holdfast.errors import InvalidRequestError
from holdfast.messages import Image, Message
from holdfast.recovery.attempt import Verdict
from holdfast.recovery.verdict import fits_output, strict_filter
from holdfast.request import Request, Tool
from holdfast.response import Response
from holdfast.schema import output_schema

_VERDICTS: Final[tuple[Verdict, ...]] = (callable_answer, strict_filter)
"""AutoGen's agents never look at a finish reason and take any answer for a whole one: a filtered one must not pass."""


class Asked(Struct, frozen=True):
    """The messages, and the other arguments of the call."""

    messages: tuple[Message, ...]
    ask: dict[str, Any]

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that are offered."""
        tools: tuple[Tool, ...] = self.ask["tools"]
        return tools

    @property
    def is_wordy(self) -> bool:
        """Whether only words are wanted."""
        return bool(self.ask["tool_choice"] == "none")

    @property
    def is_shaped(self) -> bool:
        """Whether the answer must have a shape."""
        return self.ask["output"] is not None

    def misses(self, response: Response) -> bool:
        """Whether this is a whole answer in words which has not the shape that was asked for."""
        output = self.ask["output"]
        if output is None or response.finish_reason is None:
            return False
        wanted = Request(messages=(), output=output if output == "json" else output_schema(output))
        return fits_output(wanted)(response) is not None


def asked_of(
    messages: tuple[Message, ...],
    tools: Sequence[TheirTool | ToolSchema],
    choice: Choice,
    json_output: bool | type[BaseModel] | None,
    arguments: Mapping[str, Any],
) -> Asked:
    """The call; raises `InvalidRequestError` for arguments that cannot be meant."""
    ask = arguments_of(arguments)
    ask["output"] = output_of(json_output, ask.get("output"))
    ask["tools"] = tools_of(tools)
    ask.setdefault("tool_choice", choice_of(choice))
    ask["verdicts"] = _VERDICTS if ask["tool_choice"] != "none" else (*_VERDICTS, wordy_answer)
    return Asked(messages, ask)


def check(asked: Asked, info: ModelInfo) -> None:
    """Raise `InvalidRequestError` for what the models are said not to be able to do, before anything is sent.

    JSON is not among it: every model can be asked for it in words, and agents ask without looking at the info.
    """
    for able, wanted, what in (
        (info["vision"], any(map(_shows, asked.messages)), "see pictures"),
        (info["function_calling"], bool(asked.tools), "call tools"),
    ):
        if wanted and not able:
            raise InvalidRequestError(f"By its model_info this client's models cannot {what}.")


def _shows(message: Message) -> bool:
    return not isinstance(message.content, str) and any(isinstance(part, Image) for part in message.content)
