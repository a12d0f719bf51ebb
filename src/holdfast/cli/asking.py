"""`holdfast ask`: one question, its answer on standard output, what happened on the way on standard error."""

from __future__ import annotations

from typing import Any

from rich.live import Live
from rich.text import Text as Styled

from holdfast.cli.console import EXIT_FAILED, NOTES, OUT
from holdfast.errors import ModelError
from holdfast.events import AttemptRecord, Event, Restart, TextDelta
from holdfast.messages import Message, SystemMessage, UserMessage
from holdfast.response import Response
from holdfast.runtime.client import Client
from holdfast.runtime.stream import Stream


async def ask_model(
    client: Client, prompt: str, *, system: str | None, max_tokens: int | None, stream: bool, as_json: bool
) -> int:
    """Ask, print, and give the exit code."""
    messages: list[Message] = [SystemMessage(system)] if system else []
    messages.append(UserMessage(prompt))
    settings: dict[str, Any] = {"max_tokens": max_tokens} if max_tokens else {}
    async with client:
        try:
            if stream and not as_json:
                response = await _streamed(client.stream(messages, **settings))
            else:
                response = await client.create(messages, **settings)
                OUT.print(response.to_json().decode() if as_json else response.text, markup=False)
        except ModelError as error:
            NOTES.print(f"[red]{error.kind}[/]", end=" ")
            NOTES.print(error.explain(), markup=False)
            trail(tuple(failure.record for failure in error.history))
            return EXIT_FAILED
    _footer(response)
    return 0


async def _streamed(stream: Stream) -> Response:
    async with stream:
        if OUT.is_terminal:
            await _drawn(stream)
        else:
            async for event in stream:
                if isinstance(event, Restart):
                    OUT.print(f"\n[void: {event.reason.kind}; the answer begins again]", markup=False)
                elif isinstance(event, TextDelta):
                    OUT.print(event.text, end="", markup=False)
            OUT.print()
        return stream.response()


async def _drawn(stream: Stream) -> None:
    """On a terminal void text stays visible, struck out."""
    void, valid = Styled(), ""
    with Live(console=OUT, refresh_per_second=12, vertical_overflow="visible") as live:
        async for event in stream:
            valid = _next(event, void, valid)
            live.update(void + Styled(valid))


def _next(event: Event, void: Styled, valid: str) -> str:
    if isinstance(event, Restart):
        void.append(valid, "strike dim")
        void.append(f"\n[{event.reason.kind}: begins again]\n", "yellow")
        return ""
    return valid + event.text if isinstance(event, TextDelta) else valid


def _footer(response: Response) -> None:
    usage = response.usage
    who = f"{response.provider}/{response.model}" if response.provider else response.model
    told = [str(who), f"{usage.input_tokens} + {usage.output_tokens} tokens", f"finish: {response.finish_reason}"]
    if response.truncated:
        told.append("[yellow]truncated[/]")
    if response.degraded:
        told.append(f"[yellow]degraded: {response.degraded}[/]")
    NOTES.print(f"[dim]{' · '.join(told)}[/]")
    trail(response.attempts[:-1])


def trail(attempts: tuple[AttemptRecord, ...]) -> None:
    """Print the attempts of a call, one a line."""
    for number, attempt in enumerate(attempts, 1):
        waited = f" after waiting {attempt.delay:.1f} s" if attempt.delay else ""
        said = f"{attempt.error.kind}: {attempt.error.message}" if attempt.error else "answered"
        NOTES.print(f"  {number}. {attempt.model}{waited}, {attempt.elapsed:.1f} s: {said}", style="dim", markup=False)
