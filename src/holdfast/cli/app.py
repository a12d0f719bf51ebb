"""The commands and their options. What they do is in a module of its own for each."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.asking import ask_model
from holdfast.cli.batch import Batch, run_batch
from holdfast.cli.chain import Chain, build, configured
from holdfast.cli.chatting import Chat, check_model
from holdfast.cli.console import complain
from holdfast.cli.explaining import explain_input, file_or_text
from holdfast.cli.serving import serve_scenario
from holdfast.errors import ConfigurationError
from holdfast.recovery.screen import OnBreak
from holdfast.request import Settings, Timeouts
from holdfast.runtime.client import Client

app = typer.Typer(
    name="holdfast",
    help="Calls to language models that always end well.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

Models = Annotated[
    str, typer.Option("--model", "-m", help="The model to ask, such as [b]openai/gpt-5-mini[/] or [b]sim/calm[/].")
]
Fallbacks = Annotated[
    list[str] | None, typer.Option("--fallback", "-f", help="Asked when the one before has failed; may be repeated.")
]
BaseUrl = Annotated[
    str | None, typer.Option(help="An OpenAI-compatible endpoint of your own; --model is then its bare model name.")
]
KeyEnv = Annotated[
    str, typer.Option("--api-key-env", help="The variable that holds the key for --base-url.", metavar="NAME")
]
Config = Annotated[
    Path | None, typer.Option("--config", help="A TOML file that describes models, policies and bounds, all of them.")
]
Deadline = Annotated[float, typer.Option(help="Seconds that one call may take, with all its attempts.", min=0.001)]
FirstEvent = Annotated[
    float | None, typer.Option(help="Seconds until something must have come, for one attempt.", min=0.001)
]
Idle = Annotated[float, typer.Option(help="Seconds that a stream may pause.", min=0.001)]

_CONFIGURED = (
    "model", "fallback", "fallback_filtered", "base_url", "api_key_env", "deadline", "first_event", "idle", "on_break",
)  # fmt: skip


@app.command()
def ask(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(help="What to ask; [b]-[/] reads it from standard input.")],
    model: Models = "sim/calm",
    fallback: Fallbacks = None,
    *,
    stream: Annotated[bool, typer.Option("--stream", help="Show the answer as it comes.")] = False,
    on_break: Annotated[
        str, typer.Option(help="When the answer breaks: raise, restart, resume, hold or truncate.")
    ] = "restart",
    system: Annotated[str | None, typer.Option(help="Instructions for the model.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="The longest answer, in tokens.", min=1)] = None,
    config: Config = None,
    base_url: BaseUrl = None,
    api_key_env: KeyEnv = "HOLDFAST_API_KEY",
    deadline: Deadline = 600.0,
    first_event: FirstEvent = None,
    idle: Idle = 60.0,
    json: Annotated[bool, typer.Option("--json", help="Print the whole response as JSON.")] = False,
) -> None:
    """Ask a model one thing.

    [b]holdfast ask "What is kelp?" -m openai/gpt-5-mini -f anthropic/claude-sonnet-4-5 --stream[/]

    The answer goes to standard output; what happened on the way (attempts, waits, restarts) to standard error.
    Exit code 0: a model's answer. 1: a typed error, explained. 2: the command line is wrong.
    """
    chain = Chain(model, tuple(fallback or ()), base_url, api_key_env, Timeouts(first_event=first_event, idle=idle))
    text = sys.stdin.read() if prompt == "-" else prompt
    with complain():
        if config is None:
            client = build(chain, deadline=deadline, on_break=_mode(on_break))
        else:
            client = configured(_alone(context, config))
        code = asyncio.run(ask_model(client, text, system=system, max_tokens=max_tokens, stream=stream, as_json=json))
    raise typer.Exit(code)


@app.command()
def chat(
    context: typer.Context,
    model: Models = "sim/calm",
    fallback: Fallbacks = None,
    *,
    on_break: Annotated[
        str, typer.Option(help="When the answer breaks: raise, restart, resume, hold or truncate.")
    ] = "restart",
    system: Annotated[str | None, typer.Option(help="Instructions for the model.")] = None,
    load: Annotated[str | None, typer.Option(help="Go on with the conversation in this file.", metavar="FILE")] = None,
    compact_with: Annotated[
        str | None, typer.Option(help="A model that summarises what is old, in the background.", metavar="MODEL")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="The longest answer, in tokens.", min=1)] = None,
    config: Config = None,
    base_url: BaseUrl = None,
    api_key_env: KeyEnv = "HOLDFAST_API_KEY",
    deadline: Deadline = 600.0,
    first_event: FirstEvent = None,
    idle: Idle = 60.0,
) -> None:
    """Talk with a model.

    [b]holdfast chat -m openai/gpt-5-mini -f anthropic/claude-sonnet-4-5[/]

    After each answer a line says how full the window is and what recovery did. /help lists the commands; Ctrl-C ends
    the current answer only. Without a terminal it reads a line for each question.
    Exit code 0: fine. 1: a piped question was not answered. 2: the command line is wrong.
    """

    def another(name: str) -> Client:
        limits = Timeouts(first_event=first_event, idle=idle)
        chain = Chain(check_model(name), tuple(fallback or ()), base_url, api_key_env, limits)
        return build(chain, deadline=deadline, on_break=_mode(on_break))

    with complain():
        client = another(model) if config is None else configured(_alone(context, config))
        settings = Settings(max_tokens=max_tokens)
        talk = Chat(client, another, system=system, compact_with=compact_with, settings=settings)
        if load is not None:
            talk.load(load)
        code = asyncio.run(talk.talk())
    raise typer.Exit(code)


@app.command()
def run(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="IN.jsonl", help="The requests, one JSON object a line.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="Where the responses go, one a line.")],
    model: Models = "sim/calm",
    fallback: Fallbacks = None,
    *,
    concurrency: Annotated[int, typer.Option("--concurrency", "-c", help="Requests at once.", min=1)] = 16,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, although there is an OUT.jsonl.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again for the lines that ended in an error.")
    ] = False,
    fallback_filtered: Annotated[
        bool, typer.Option("--fallback-filtered", help="Let the fallbacks see what another provider has refused.")
    ] = False,
    rest: Annotated[
        float, typer.Option(help="Seconds that a failing model rests at first; 0: it is asked every time.", min=0)
    ] = 5.0,
    max_tokens: Annotated[int | None, typer.Option(help="The longest answer, in tokens.", min=1)] = None,
    config: Config = None,
    base_url: BaseUrl = None,
    api_key_env: KeyEnv = "HOLDFAST_API_KEY",
    deadline: Deadline = 600.0,
    first_event: FirstEvent = None,
    idle: Idle = 60.0,
) -> None:
    """Ask for every line of a file, and lose none.

    A line is [b]{"custom_id": ..., "method": "POST", "url": "/v1/chat/completions", "body": {...}}[/] (OpenAI's batch
    form) or simply [b]{"id": ..., "prompt": "..."}[/] or [b]{"id": ..., "messages": [...]}[/]. Each ends in exactly one
    line of OUT.jsonl, with a response or a typed error.

    Interrupted (Ctrl-C, kill, power)? Run the same command again: it goes on where it stopped.

    Exit code 0: every line has a response. 1: some have an error. 2: the command line is wrong. 130: interrupted.
    """
    chain = Chain(model, tuple(fallback or ()), base_url, api_key_env, Timeouts(first_event=first_event, idle=idle))
    batch = Batch(
        source, target, concurrency=concurrency, fresh=fresh, retry_failed=retry_failed, max_tokens=max_tokens
    )
    with complain():
        if config is None:
            client = build(chain, deadline=deadline, on_break="hold", rest=rest, filtered=fallback_filtered)
        else:
            client = configured(_alone(context, config), rest=rest, on_break="hold")
        code = asyncio.run(run_batch(client, batch))
    raise typer.Exit(code)


@app.command()
def explain(
    failure: Annotated[
        str | None,
        typer.Argument(
            metavar="file | text", help="An error body, a response, an exception text or a log; default: stdin."
        ),
    ] = None,
    status: Annotated[int | None, typer.Option(help="The HTTP status it came with.")] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="A header it came with, 'name: value'; may be repeated.")
    ] = None,
    provider: Annotated[str | None, typer.Option(help="Who sent it, such as openai.")] = None,
    *,
    log: Annotated[bool, typer.Option("--log", help="Read line by line and sum up, whatever it looks like.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a failure is, why we think so, what Holdfast does about it, and what you can do.

    [b]holdfast explain "Error code: 429 - ..."[/]   one failure
    [b]holdfast explain error.json --status 429[/]   one failure, in a file
    [b]holdfast explain < app.log[/]                 a table of all failures in a log

    Exit code 0: something was recognised. 1: nothing was. 2: the command line is wrong.
    """
    with complain():
        if failure is None and sys.stdin.isatty():
            raise ConfigurationError("Give a file or a text, or pipe something in: holdfast explain < app.log")
        data = sys.stdin.buffer.read() if failure is None else file_or_text(failure)
        code = explain_input(data, status=status, headers=header or [], provider=provider, as_log=log, as_json=json)
    raise typer.Exit(code)


@app.command()
def simulate(
    scenario: Annotated[
        str, typer.Option("--scenario", "-s", help="A TOML file, or storm, streams, windows.")
    ] = "storm",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8080,
    seconds: Annotated[float | None, typer.Option(help="Stop by itself after so long.", min=0)] = None,
) -> None:
    """Serve a provider that fails on purpose, on loopback, in all five wires.

    Point any client at the address it prints; [b]calm[/] never fails, [b]stormy[/] nearly always does.
    """
    with complain():
        asyncio.run(serve_scenario(scenario, port=port, seconds=seconds))


def _alone(context: typer.Context, config: Path) -> Path:
    """The configuration; raises when the command line says something that only the configuration may say."""
    stated = [name for name in _CONFIGURED if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    if stated:
        raise typer.BadParameter(f"with it, leave out --{stated[0].replace('_', '-')}", param_hint="--config")
    return config


def _mode(text: str) -> OnBreak:
    match text:
        case "raise" | "restart" | "resume" | "hold" | "truncate":
            return text
        case _:
            raise typer.BadParameter("one of raise, restart, resume, hold, truncate", param_hint="--on-break")
