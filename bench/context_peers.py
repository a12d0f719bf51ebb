"""The peers' side of `bench/context.py`: runs in the peers' own environment and imports nothing of Holdfast.

    python context_peers.py NAME < task.json > result.json

A log is a list of `{"i", "role", "content", "calls", "call_id"}`. A contender makes its own messages of it, counts
them, fits them to a budget, and says which of them it would send: `[i, content]` pairs.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from functools import cache
from typing import Any, ClassVar


@cache
def encoding() -> Any:
    import tiktoken  # noqa: PLC0415  # in the peers' environment only

    return tiktoken.get_encoding("o200k_base")


def size(text: str) -> int:
    return len(encoding().encode(text, disallowed_special=()))


class LangChain:
    """`trim_messages` as its documentation shows it, with its approximate counter."""

    options: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        from langchain_core import messages  # noqa: PLC0415  # as above

        self.api = messages

    def counter(self, messages: list[Any]) -> int:
        return self.api.utils.count_tokens_approximately(messages)

    def make(self, log: list[dict]) -> list[Any]:
        return [self.message(each) for each in log]

    def message(self, each: dict) -> Any:
        key = str(each["i"])
        match each["role"]:
            case "system":
                return self.api.SystemMessage(each["content"], id=key)
            case "user":
                return self.api.HumanMessage(each["content"], id=key)
            case "tool":
                return self.api.ToolMessage(each["content"], tool_call_id=each["call_id"], id=key)
            case _:
                calls = [{"id": c["id"], "name": c["name"], "args": json.loads(c["arguments"])} for c in each["calls"]]
                return self.api.AIMessage(each["content"], tool_calls=calls, id=key)

    def count(self, messages: list[Any]) -> int:
        return self.counter(messages)

    def fit(self, messages: list[Any], budget: int) -> list[Any]:
        return self.api.trim_messages(
            messages, max_tokens=budget, token_counter=self.counter, include_system=True, **self.options
        )

    def sent(self, messages: list[Any]) -> list[list]:
        return [[int(each.id), each.content] for each in messages]


class LangChainHuman(LangChain):
    """The same, starting on a human message, as its guide recommends for chat histories."""

    options: ClassVar[dict[str, Any]] = {"start_on": "human"}


class LangChainExact(LangChain):
    """The same with an exact counter."""

    options: ClassVar[dict[str, Any]] = {"start_on": "human"}

    def counter(self, messages: list[Any]) -> int:
        return sum(
            4
            + size(each.content)
            + sum(size(c["name"]) + size(json.dumps(c["args"])) for c in getattr(each, "tool_calls", ()))
            for each in messages
        )


class LiteLLM:
    """`litellm.trim_messages` with the budget as `max_tokens`."""

    def __init__(self) -> None:
        import litellm  # noqa: PLC0415  # as above

        self.api = litellm

    def make(self, log: list[dict]) -> list[Any]:
        messages = []
        for each in log:
            message = {"role": each["role"], "content": each["content"], "i": each["i"]}
            if each["calls"]:
                message["tool_calls"] = [
                    {"id": c["id"], "type": "function", "function": {"name": c["name"], "arguments": c["arguments"]}}
                    for c in each["calls"]
                ]
            if each["call_id"]:
                message["tool_call_id"] = each["call_id"]
            messages.append(message)
        return messages

    def count(self, messages: list[Any]) -> int:
        return self.api.token_counter(model="gpt-4o", messages=messages)

    def fit(self, messages: list[Any], budget: int) -> list[Any]:
        return self.api.utils.trim_messages(messages, model="gpt-4o", max_tokens=budget)

    def sent(self, messages: list[Any]) -> list[list]:
        return [[each.get("i", 0), each["content"]] for each in messages]


class AutoGen:
    """`TokenLimitedChatCompletionContext` over AutoGen's own OpenAI client, which counts offline here."""

    def __init__(self) -> None:
        from autogen_core import FunctionCall, model_context, models  # noqa: PLC0415  # as above
        from autogen_ext.models.openai import OpenAIChatCompletionClient  # noqa: PLC0415  # as above

        self.call, self.context, self.api = FunctionCall, model_context.TokenLimitedChatCompletionContext, models
        self.client = OpenAIChatCompletionClient(model="gpt-4o", api_key="none")
        self.places: dict[int, int] = {}

    def make(self, log: list[dict]) -> list[Any]:
        messages = [self.message(each) for each in log]
        self.places = {id(message): each["i"] for message, each in zip(messages, log, strict=True)}
        return messages

    def message(self, each: dict) -> Any:
        match each["role"]:
            case "system":
                return self.api.SystemMessage(content=each["content"])
            case "user":
                return self.api.UserMessage(content=each["content"], source="user")
            case "tool":
                result = self.api.FunctionExecutionResult(
                    content=each["content"], call_id=each["call_id"], name="read", is_error=False
                )
                return self.api.FunctionExecutionResultMessage(content=[result])
            case _:
                calls = [self.call(id=c["id"], name=c["name"], arguments=c["arguments"]) for c in each["calls"]]
                return self.api.AssistantMessage(content=calls or each["content"], source="assistant")

    def count(self, messages: list[Any]) -> int:
        return self.client.count_tokens(messages)

    def fit(self, messages: list[Any], budget: int) -> list[Any]:
        context = self.context(self.client, token_limit=budget)
        context._messages = messages  # noqa: SLF001  # as if they had been added one by one
        return asyncio.run(context.get_messages())

    def sent(self, messages: list[Any]) -> list[list]:
        return [[self.places[id(each)], None] for each in messages]


class AgentFramework:
    """`TruncationStrategy` with a tokenizer, down to half the budget; it notes counts on messages and reuses them."""

    keep_task = False

    def __init__(self) -> None:
        import agent_framework  # noqa: PLC0415  # as above

        self.api = agent_framework
        self.places: dict[int, int] = {}

    def count_tokens(self, text: str) -> int:
        return size(text)

    def make(self, log: list[dict]) -> list[Any]:
        messages = [self.message(each) for each in log]
        self.places = {id(message): each["i"] for message, each in zip(messages, log, strict=True)}
        return messages

    def message(self, each: dict) -> Any:
        content = self.api.Content
        if each["role"] == "tool":
            contents = [content.from_function_result(each["call_id"], result=each["content"])]
        else:
            contents = [content.from_text(each["content"])] if each["content"] else []
            contents += [
                content.from_function_call(c["id"], c["name"], arguments=c["arguments"]) for c in each["calls"]
            ]
        return self.api.Message(each["role"], contents)

    def count(self, messages: list[Any]) -> int:
        self.api._compaction.annotate_token_counts(messages, tokenizer=self)  # noqa: SLF001  # what a turn calls
        return self.api._compaction.included_token_count(messages)  # noqa: SLF001  # as above

    def fit(self, messages: list[Any], budget: int) -> list[Any]:
        strategy = self.api.TruncationStrategy(
            max_n=budget, compact_to=budget // 2, tokenizer=self, preserve_first_user_group=self.keep_task
        )
        return asyncio.run(self.api.apply_compaction(messages, strategy=strategy, tokenizer=self))

    def sent(self, messages: list[Any]) -> list[list]:
        return [[self.places[id(each)], None] for each in messages]


class AgentFrameworkTask(AgentFramework):
    """The same with its option that keeps the first user message."""

    keep_task = True


CONTENDERS = {
    "langchain approximate": LangChain,
    "langchain start_on=human": LangChainHuman,
    "langchain exact": LangChainExact,
    "litellm trim_messages": LiteLLM,
    "autogen TokenLimited": AutoGen,
    "agent-framework": AgentFramework,
    "agent-framework, keeps task": AgentFrameworkTask,
}


def cpu(work: Any) -> tuple[Any, float]:
    start = time.process_time()
    value = work()
    return value, time.process_time() - start


def speed(contender: Any, logs: list[list[dict]], limit: float) -> list[dict]:
    """CPU seconds per size; None where the size before says that it would take longer than `limit`."""
    rows, last = [], 0.0
    for log in logs:
        if last * 80 > limit:  # ten times the messages: quadratic is a hundred times the time
            rows.append({"count": None, "fit": None})
            continue
        messages = contender.make(log)
        contender.count(messages[:-1])
        total, count = cpu(lambda messages=messages: contender.count(messages))  # one more than before
        _, last = cpu(lambda messages=messages, total=total: contender.fit(messages, total // 2))
        rows.append({"count": count, "fit": last})
    return rows


def fits(contender: Any, cases: list[list]) -> list[list]:
    return [contender.sent(contender.fit(contender.make(log), budget)) for log, budget in cases]


def grows(contender: Any, growing: list[list]) -> list[list]:
    """The same messages, more of them each time, so that what a contender notes on them stays."""
    whole = contender.make(growing[-1][0])
    return [contender.sent(contender.fit(whole[: len(log)], budget)) for log, budget in growing]


def main() -> None:
    task = json.load(sys.stdin)
    contender = CONTENDERS[sys.argv[1]]()
    contender.fit(contender.make(task["cases"][0][0]), task["cases"][0][1])  # warm
    rows = speed(contender, task["logs"], task["limit"])
    slow = (rows[0]["fit"] or 0) > 0.1
    growing = task["growing"][:: 3 if slow else 1]
    result = {"speed": rows, "cases": fits(contender, task["cases"]), "growing": grows(contender, growing)}
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
