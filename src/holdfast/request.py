"""What is asked of a model: one frozen `Request`, and the values inside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import fields, replace

from holdfast.messages import Message

ReasoningEffort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Tool(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True):
    """A function the model may call; `parameters` is the JSON schema of its arguments (an object)."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}
    strict: bool | None = None


class NamedTool(Struct, frozen=True):
    """A tool choice that forces the tool called `name`."""

    name: str


ToolChoice: TypeAlias = Literal["auto", "required", "none"] | NamedTool


class OutputSchema(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True):
    """The shape an answer must have: a JSON schema, and the Python `type` it is read into, where there is one."""

    name: str
    schema: dict[str, Any]
    strict: bool = True
    description: str | None = None
    type: Any = None


class Timeouts(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True, kw_only=True, gc=False):
    """Limits of one attempt, in seconds; `math.inf` switches one off.

    - `connect`: until the connection stands, TLS included.
    - `first_event`: until the first useful event (text, thinking, a tool call). An unstreamed response is one event,
      so by default the limit holds for streamed ones only: 60 s.
    - `idle`: between two useful events. Keep-alives, role-only chunks and usage are no progress, and the time that a
      slow consumer takes does not count.
    - `idle_thinking`: the same while the model thinks; by default twice `idle`, and at least 120 s.
    - `total`: the whole attempt.
    """

    connect: float = 10.0
    first_event: float | None = None
    idle: float = 60.0
    idle_thinking: float | None = None
    total: float = 600.0


class Settings(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True, kw_only=True):
    """How to sample, in one vocabulary; None leaves the provider's default. A codec leaves out what its wire lacks."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: ReasoningEffort | None = None
    thinking_budget: int | None = None
    user: str | None = None

    def over(self, base: Settings) -> Settings:
        """These settings laid over `base`: what is None here is taken from there."""
        if self == _UNSTATED:
            return base
        if base == _UNSTATED:
            return self
        stated = {name: value for name in _SETTINGS if (value := getattr(self, name)) is not None}
        return replace(base, **stated)


_SETTINGS = tuple(field.name for field in fields(Settings))
_UNSTATED = Settings()


class Request(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True, kw_only=True):
    """One call, whole. `replace` gives a changed copy.

    - `output`: `"json"` for any JSON object, or an `OutputSchema`.
    - `stream`: whether the wire should stream; events come out either way.
    - `extra`: fields laid over the encoded body, for what a provider has and this vocabulary has not.
    - `extra_origin`: the wire (a codec's name) in whose words `extra` is; models of other wires are asked without it.
      None: every model gets it.
    - `headers`: HTTP headers of this call only.
    - `prefix`: the beginning of the answer, already shown to the consumer; the model is to go on from its end.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    output: OutputSchema | Literal["json"] | None = None
    settings: Settings = Settings()
    stream: bool = False
    extra: Mapping[str, Any] = {}
    extra_origin: str | None = None
    headers: Mapping[str, str] = {}
    timeouts: Timeouts | None = None
    prefix: str = ""

    def replace(
        self,
        *,
        messages: tuple[Message, ...] | list[Message] | UnsetType = UNSET,
        **changes: Any,
    ) -> Request:
        """A copy with these fields changed; a list of messages becomes a tuple."""
        if messages is not UNSET:
            changes["messages"] = tuple(messages)
        return replace(self, **changes)
