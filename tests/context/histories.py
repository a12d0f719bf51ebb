"""Random histories as agents make them, and the laws that whatever is sent of them must keep."""

from __future__ import annotations

from random import Random

from holdfast.context.families import Family
from holdfast.context.measure import message_tokens
from holdfast.messages import (
    AssistantMessage,
    Image,
    Message,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)

WORDS = [
    "the",
    "agent",
    "reads",
    "a",
    "file,",
    "calls",
    "{tools}",
    "with",
    '"json":',
    "[1,",
    "2],",
    "你好世界",
    "and\nwrites\n\nlines",
    "<|endoftext|>",
    "é",
    "🎉",
]


def text(random: Random, most: int) -> str:
    return " ".join(random.choices(WORDS, k=random.randint(0, most)))


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"


def history(random: Random, steps: int, *, size: int = 60) -> list[Message]:
    """A valid log: every result after its call, every call answered but those of the last message."""
    log: list[Message] = []
    log += [SystemMessage(text(random, 20)) for _ in range(random.choice((0, 1, 1, 1, 3)))]
    if random.random() < 0.1:
        log.append(AssistantMessage("Hello! " + text(random, 5)))
    if random.random() < 0.95:
        log.append(UserMessage(f"TASK {text(random, size)}"))
    for number in range(steps):
        _step(random, log, number, size)
    if random.random() < 0.3:
        log.append(_assistant(random, [f"pending{n}" for n in range(random.randint(1, 2))], size))
    return log


def _step(random: Random, log: list[Message], number: int, size: int) -> None:
    kind = random.random()
    if kind < 0.15:
        log.append(_user(random, number, size))
    elif kind < 0.2:
        log.append(SystemMessage(text(random, 10)))
    elif kind < 0.3:
        log.append(_assistant(random, [], size))
    else:
        _calls(random, log, number, size)


def _user(random: Random, number: int, size: int) -> UserMessage:
    words = f"USER{number} {text(random, size)}"
    if random.random() < 0.2:
        return UserMessage([Text(words), Image(data=png(random.randint(1, 3000), random.randint(1, 3000)))])
    return UserMessage(words, name=random.choice((None, None, "critic")))


def _calls(random: Random, log: list[Message], number: int, size: int) -> None:
    reused = random.random() < 0.2
    ids = [f"call{n}" if reused else f"call{number}_{n}" for n in range(random.randint(1, 3))]
    log.append(_assistant(random, ids, size))
    results = [_result(random, call_id, size) for call_id in ids]
    random.shuffle(results)
    if random.random() < 0.5:
        log.append(ToolMessage(results))
        return
    for result in results:
        if random.random() < 0.15:
            log.append(_user(random, number, size))
        log.append(ToolMessage([result]))


def _assistant(random: Random, ids: list[str], size: int) -> AssistantMessage:
    parts: list = []
    origin = random.choice(("anthropic", "openai_responses", "gemini", None))
    if random.random() < 0.4:
        parts.append(Thinking(text(random, 30), id="rs_1", signature="sig", data="x" * 40, origin=origin))
    if random.random() < 0.6 or not ids:
        parts.append(Text(f"SAID {text(random, size)}"))
    parts += [ToolCall(call_id, "read_file", '{"path": "a/b.py"}') for call_id in ids]
    return AssistantMessage(parts)


def _result(random: Random, call_id: str, size: int) -> ToolResult:
    words = text(random, random.choice((2, size, size * 10)))
    if random.random() < 0.1:
        return ToolResult(call_id, (Text(words), Image(data=png(640, 480))))
    return ToolResult(call_id, words)


def broken_laws(log: list[Message], sent: tuple[Message, ...]) -> list[str]:
    """What is wrong with `sent`, a part of the valid log `log`; empty if nothing is."""
    return [*_pairs(log, sent), *_order(log, sent), *_kept(log, sent), *_sealed(log, sent)]


def _pairs(log: list[Message], sent: tuple[Message, ...]) -> list[str]:
    broken: list[str] = []
    unanswered: list[str] = []
    for message in sent:
        if isinstance(message, AssistantMessage):
            unanswered += [call.id for call in message.tool_calls]
        elif isinstance(message, ToolMessage):
            for result in message.content:
                if result.call_id in unanswered:
                    unanswered.remove(result.call_id)
                else:
                    broken.append(f"a result without its call: {result.call_id}")
    pending = [call.id for call in log[-1].tool_calls] if log and isinstance(log[-1], AssistantMessage) else []
    if sorted(unanswered) != sorted(pending):
        broken.append(f"calls without results: {unanswered}, pending {pending}")
    return broken


def _order(log: list[Message], sent: tuple[Message, ...]) -> list[str]:
    """A log that an assistant opens, before any user, is left as it is; a cut never makes one."""
    if len(sent) == len(log) or not any(isinstance(message, UserMessage) for message in log):
        return []
    opens = [next((type(m) for m in messages if not isinstance(m, SystemMessage)), None) for messages in (log, sent)]
    return ["the first message is not a user's"] if opens[1] is not UserMessage and opens[0] is UserMessage else []


def _kept(log: list[Message], sent: tuple[Message, ...]) -> list[str]:
    broken: list[str] = []
    if [m for m in log if isinstance(m, SystemMessage)] != [m for m in sent if isinstance(m, SystemMessage)]:
        broken.append("instructions are not as they were")
    users = [message.text.split(" ")[0] for message in log if isinstance(message, UserMessage)]
    sent_users = [message.text.split(" ")[0] for message in sent if isinstance(message, UserMessage)]
    if users and (users[0] not in sent_users or users[-1] not in sent_users):
        broken.append(f"the task {users[0]} or the newest words {users[-1]} are gone: {sent_users}")
    if log and type(log[-1]) is not type(sent[-1]):
        broken.append("the newest message is gone")
    return broken


def _sealed(log: list[Message], sent: tuple[Message, ...]) -> list[str]:
    known = {id(part) for message in log for part in message.parts if isinstance(part, Thinking)}
    strange = [
        part for message in sent for part in message.parts if isinstance(part, Thinking) and id(part) not in known
    ]
    return ["thinking was changed"] if strange else []


def recount(sent: tuple[Message, ...], family: Family) -> int:
    return sum(message_tokens(message, family) for message in sent)
