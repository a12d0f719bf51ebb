"""Fitting histories into a window, beside the peers: time, validity, the task, and what stays cacheable.

    python bench/context.py               all contenders, some ten minutes, most of them the peers'
    python bench/context.py --quick       fewer logs, and no size that takes a peer longer than some 5 s
    python bench/context.py --only holdfast

The peers are installed into an environment of their own under the user's cache folder (`--peers DIR`: elsewhere); one
that cannot be installed is named as such. All get the same logs: system message, task, then rounds of one to
three parallel calls with results of lognormal size, a user's word now and then, a tenth of it Chinese.

    append   CPU to enter one message and know the new total
    fit      CPU to cut a log of twice the budget, its messages counted before where the contender can keep counts
    valid    share of fits in which no result lacks its call, no call its result, the system message and the newest
             message are there, and the exact count is within the budget
    task     share of fits that still have the first user message
    cached   share of what is sent that is, byte for byte, the beginning of what was sent the turn before
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import Any

from holdfast.context.conversation import Conversation
from holdfast.context.families import family_of
from holdfast.context.fit import fit
from holdfast.context.ledger import Ledger
from holdfast.context.strategies import STRATEGIES
from holdfast.context.tokenizer import tokenizer
from holdfast.context.view import WHOLE, render
from holdfast.context.windows import Windows
from holdfast.messages import (
    AssistantMessage,
    Message,
    SystemMessage,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.request import Request, Settings

MODEL = "openai/gpt-4o"
SIZES = (100, 1000, 10_000)
PACKAGES = {
    "langchain": ["langchain-core"],
    "litellm": ["litellm"],
    "autogen": ["autogen-core", "autogen-agentchat", "autogen-ext[openai]"],
    "agent-framework": ["agent-framework-core"],
}
CONTENDERS = {
    "langchain approximate": "langchain",
    "langchain start_on=human": "langchain",
    "langchain exact": "langchain",
    "litellm trim_messages": "litellm",
    "autogen TokenLimited": "autogen",
    "agent-framework": "agent-framework",
    "agent-framework, keeps task": "agent-framework",
}
SENTENCE = "the agent reads a file and finds that every line of it holds one more value than it had before"
WORDS = SENTENCE.split()
CHINESE = "代理读取文件并发现每一行都比上一个版本多一个值"


def make_log(random: Random, count: int, *, inside_a_loop: bool = False) -> list[dict]:
    """A log of about `count` messages, ending with a user's word or, inside a tool loop, with results."""
    log: list[dict] = []

    def add(role: str, content: str, calls: list | None = None, call_id: str | None = None) -> None:
        log.append({"i": len(log), "role": role, "content": content, "calls": calls or [], "call_id": call_id})

    add("system", words(random, 60))
    add("user", "Task: " + words(random, 40))
    while len(log) < count:
        number = len(log)
        calls = [
            {"id": f"call_{number}_{n}", "name": "read", "arguments": json.dumps({"path": f"src/{number}/{n}.py"})}
            for n in range(random.randint(1, 3))
        ]
        add("assistant", words(random, random.randrange(30)), calls)
        for call in calls:
            add("tool", words(random, min(4000, int(random.lognormvariate(4, 1)))), call_id=call["id"])
        if random.random() < 0.15:
            add("assistant", words(random, 60))
            add("user", words(random, 25))
    if not inside_a_loop:
        add("assistant", words(random, 40))
        add("user", words(random, 25))
    return log


def words(random: Random, count: int) -> str:
    if random.random() < 0.1:
        return "".join(random.choices(CHINESE, k=count))
    return " ".join(random.choices(WORDS, k=count))


@cache
def text_size(text: str) -> int:
    return tokenizer("o200k_base").count(text)


def size_of(message: dict, content: str | None = None) -> int:
    """Tokens by the rule that all contenders are held to: 4 around each message, text, and calls without their ids."""
    calls = sum(text_size(call["name"]) + text_size(call["arguments"]) for call in message["calls"])
    return 4 + text_size(message["content"] if content is None else content) + calls


def is_valid(log: list[dict], sent: list[list], budget: int) -> bool:
    places = [place for place, _ in sent]
    called = {call["id"]: place for place in places for call in log[place]["calls"]}
    answered = {log[place]["call_id"]: place for place in places if log[place]["call_id"]}
    paired = all(called.get(call_id, len(log)) < place for call_id, place in answered.items())
    ends = bool(places) and places[0] == 0 and places[-1] == len(log) - 1
    used = sum(size_of(log[place], content) for place, content in sent)
    return paired and called.keys() == answered.keys() and ends and used <= budget


def keeps_task(sent: list[list]) -> bool:
    return any(place == 1 for place, _ in sent)


def cached_share(growing: list[list], views: list[list[list]], step: int) -> float:
    """The mean share of each request's tokens that begin the request before it as well."""
    shares = []
    for (log, _), before, after in zip(growing[::step][1:], views, views[1:], strict=False):
        same = next((n for n, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), len(before))
        total = sum(size_of(log[place], content) for place, content in after) or 1
        shares.append(sum(size_of(log[place], content) for place, content in after[:same]) / total)
    return mean(shares)


class Holdfast:
    """A `Conversation`, as an agent holds it."""

    def __init__(self) -> None:
        self.request = Request(messages=(), settings=Settings(max_tokens=1))
        self.family = family_of(MODEL)

    def make(self, log: list[dict]) -> list[Message]:
        return [self.message(each) for each in log]

    def message(self, each: dict) -> Message:
        match each["role"]:
            case "system":
                return SystemMessage(each["content"])
            case "user":
                return UserMessage(each["content"])
            case "tool":
                return ToolMessage([ToolResult(each["call_id"], each["content"])])
            case _:
                calls = [ToolCall(call["id"], call["name"], call["arguments"]) for call in each["calls"]]
                return AssistantMessage([*([Text(each["content"])] if each["content"] else []), *calls])

    def speed(self, log: list[dict]) -> dict:
        messages = self.make(log)
        ledger = Ledger(messages, family=self.family)
        talk = Conversation(messages[:-50], windows=Windows({MODEL: 10**9}))
        talk.used(self.request, MODEL)
        appends = [
            self.time(lambda message=message: (talk.append(message), talk.used(self.request, MODEL)))
            for message in messages[-50:]
        ]
        cuts = [
            self.time(lambda: render(ledger, fit(ledger, WHOLE, ledger.total // 2, strategies=STRATEGIES)))
            for _ in range(50)
        ]
        decisions = [self.time(lambda: fit(ledger, WHOLE, ledger.total // 2, strategies=STRATEGIES)) for _ in range(50)]
        return {"count": mean(appends), "fit": median(decisions), "render": median(cuts) - median(decisions)}

    def time(self, work: Any) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    def fits(self, cases: list[list]) -> list[list[list]]:
        views = []
        for log, budget in cases:
            talk = Conversation(self.make(log), windows=Windows({MODEL: budget}))
            views.append(self.sent(talk))
        return views

    def grows(self, growing: list[list]) -> list[list[list]]:
        """One conversation that grows from call to call, as the others are given the growing list each time."""
        talk = Conversation(windows=Windows({MODEL: growing[0][1]}))
        views = []
        for log, _ in growing:
            talk.extend(self.make(log[len(talk) :]))
            views.append(self.sent(talk))
        return views

    def sent(self, talk: Conversation) -> list[list]:
        sent = talk.fit(self.request, MODEL).messages
        places = {id(message): place for place, message in enumerate(talk.messages)}
        texts = {
            result.call_id: place
            for place, each in enumerate(talk.messages)
            if isinstance(each, ToolMessage)
            for result in each.content
        }
        return [[self.place(message, places, texts), message.text] for message in sent]

    def place(self, message: Message, places: dict[int, int], calls: dict[str, int]) -> int:
        if isinstance(message, ToolMessage):
            return calls[message.content[0].call_id]
        return places.get(id(message), 1)  # a shortened task has an object of its own


def environment(folder: Path) -> tuple[Path, dict[str, str]]:
    """The peers' Python, and for each peer that is not there the reason."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)  # noqa: S603  # our own interpreter
    missing = {}
    for peer, packages in PACKAGES.items():
        command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "tiktoken", *packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # as above
        if done.returncode:
            missing[peer] = (done.stderr.strip().splitlines() or ["pip failed"])[-1][:120]
    return python, missing


VOCABULARIES = {
    "o200k_base": "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
    "cl100k_base": "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken",
}

RANKS = {"o200k_base": 199_998, "cl100k_base": 100_256}


def vocabulary_cache(folder: Path) -> Path:
    """A folder in which tiktoken finds the vocabularies it would download, written from the engine's own wheel."""
    from splintr import Tokenizer  # noqa: PLC0415  # the extra `tokens`

    folder.mkdir(parents=True, exist_ok=True)
    for name, address in VOCABULARIES.items():
        path = folder / hashlib.sha1(address.encode()).hexdigest()  # noqa: S324  # tiktoken names its files so
        if not path.exists():
            engine = Tokenizer.from_pretrained(name)
            tokens = (bytes(engine.decode_token_bytes(rank)) for rank in range(RANKS[name]))
            path.write_bytes(b"".join(b"%s %d\n" % (base64.b64encode(each), n) for n, each in enumerate(tokens)))
    return folder


def run_peer(python: Path, name: str, task: dict, vocabularies: Path) -> dict | str:
    script = Path(__file__).with_name("context_peers.py")
    variables = {
        **os.environ,
        "TIKTOKEN_CACHE_DIR": str(vocabularies),
        "CUSTOM_TIKTOKEN_CACHE_DIR": str(vocabularies),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    done = subprocess.run(  # noqa: S603  # our own script
        [str(python), str(script), name],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        env=variables,
        check=False,
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["failed"])[-1][:120]
    return json.loads(done.stdout[done.stdout.index("{") :])


def task_of(seed: int, *, cases: int, calls: int, limit: float) -> dict:
    random = Random(seed)  # noqa: S311  # a benchmark's logs are no secrets
    logs = [make_log(random, size) for size in SIZES]
    pairs = []
    for number in range(cases):
        log = make_log(random, 60 + number % 60, inside_a_loop=number % 2 == 1)
        pairs.append([log, sum(map(size_of, log)) // 2])
    whole = make_log(random, 40 + 3 * calls, inside_a_loop=True)
    budget = sum(map(size_of, whole)) // 3
    turns = [n for n, each in enumerate(whole) if each["role"] == "assistant" and n > 30]
    return {"logs": logs, "cases": pairs, "growing": [[whole[:turn], budget] for turn in turns], "limit": limit}


def holdfast(task: dict) -> dict:
    contender = Holdfast()
    contender.speed(task["logs"][0])
    speed = [contender.speed(log) for log in task["logs"]]
    return {"speed": speed, "cases": contender.fits(task["cases"]), "growing": contender.grows(task["growing"])}


def row(name: str, result: dict | str, task: dict) -> str:
    if isinstance(result, str):
        return f"{name:28} {result}"
    loops = [number % 2 for number in range(len(task["cases"]))]
    valid = [is_valid(log, sent, budget) for (log, budget), sent in zip(task["cases"], result["cases"], strict=True)]
    by_end = [mean(v for v, loop in zip(valid, loops, strict=True) if loop == end) for end in (0, 1)]
    step = round(len(task["growing"]) / len(result["growing"]))
    cached = cached_share(task["growing"], result["growing"], step)
    append = " / ".join(milliseconds(each["count"]) for each in result["speed"])
    cut = " / ".join(milliseconds(each["fit"]) for each in result["speed"])
    kept = mean(map(keeps_task, result["cases"]))
    return f"{name:28} {append:>24} {cut:>28} {by_end[0]:8.0%} {by_end[1]:6.0%} {kept:6.0%} {cached:8.0%}"


def milliseconds(seconds: float | None) -> str:
    return "too long" if seconds is None else f"{seconds * 1000:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", help="contenders whose name contains this")
    cache_folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "holdfast-bench"
    parser.add_argument("--peers", type=Path, default=cache_folder / "peers")
    arguments = parser.parse_args()
    task = task_of(1, cases=40 if arguments.quick else 150, calls=108, limit=5.0 if arguments.quick else 120.0)
    print("sizes in messages:", " / ".join(map(str, SIZES)), "  times in ms of CPU")
    print(f"{'':28} {'append':>24} {'fit':>28} {'valid':>8} {'loop':>6} {'task':>6} {'cached':>8}")
    if not arguments.only or arguments.only in "holdfast":
        result = holdfast(task)
        print(row("holdfast", result, task))
        rendering = " / ".join(milliseconds(each["render"]) for each in result["speed"])
        print(f"{'':28} and to lay out what is sent: {rendering} ms")
    wanted = {name: peer for name, peer in CONTENDERS.items() if not arguments.only or arguments.only in name}
    if not wanted:
        return
    python, missing = environment(arguments.peers)
    vocabularies = vocabulary_cache(cache_folder / "vocabularies")
    for name, peer in wanted.items():
        result = f"not installable: {missing[peer]}" if peer in missing else run_peer(python, name, task, vocabularies)
        print(row(name, result, task), flush=True)


if __name__ == "__main__":
    main()
