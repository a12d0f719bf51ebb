"""`holdfast chat`: a conversation on the terminal, with a meter of the window and of what recovery did.

Answers go to standard output, everything else to standard error. Where either end is no terminal it reads lines and
prints answers, without prompts. Ctrl-C ends the current answer, and nothing else.
"""

from __future__ import annotations

import asyncio
import inspect
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from holdfast.agent import Agent, Fitted, Result
from holdfast.agent.threads import in_thread
from holdfast.cli.asking import trail
from holdfast.cli.console import EXIT_FAILED, NOTES, OUT
from holdfast.cli.drawing import Drawing
from holdfast.errors import ConfigurationError, ModelError
from holdfast.request import Settings
from holdfast.runtime.client import Client

HELP: Final = """\
/save FILE    write the conversation to a file
/load FILE    go on with one from a file
/clear        begin a new one
/model NAME   go on with another model
/quit         leave (so does Ctrl-D)
Ctrl-C        end the current answer"""

_BARS: Final = 10


class Chat:
    """A conversation with whoever sits at the terminal.

    Args:
        client: who answers first.
        another: makes a client for another model, by its name.
        system: instructions.
        compact_with: the model that summarises what is old.
        settings: of every call.
    """

    def __init__(
        self,
        client: Client,
        another: Callable[[str], Client],
        *,
        system: str | None = None,
        compact_with: str | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._another = another
        self._system, self._compact_with, self._settings = system, compact_with, settings
        self._agent = self._made(client)
        self._answering: asyncio.Task[Result] | None = None
        self._failed = False
        self._interactive = sys.stdin.isatty() and OUT.is_terminal

    def _made(self, client: Client) -> Agent:
        return Agent(client, system=self._system, compact_with=self._compact_with, settings=self._settings)

    async def talk(self) -> int:
        """Talk until the other side has enough; gives the exit code."""
        if self._interactive:
            NOTES.print(f"[dim]{self._agent.client.model.name} listens. /help says what else there is.[/]")
        try:
            with self._interruptible(asyncio.get_running_loop()):
                while (line := await in_thread(self._line)) is not None:
                    if not await self._take(line.strip()):
                        break
        finally:
            await self._leave()
        return EXIT_FAILED if self._failed and not self._interactive else 0

    def load(self, name: str) -> None:
        """Go on with the conversation in a file; says so, or what is wrong with it."""
        try:
            self._agent.load(Path(name).expanduser().read_bytes())
        except (OSError, msgspec.DecodeError) as error:
            _complain(f"{name} could not be loaded: {error}")
        else:
            _note(f"{len(self._agent.conversation)} messages from {name}. {self._meter()}")

    async def _take(self, line: str) -> bool:
        """Do what a line says; False when it says to leave."""
        if not line.startswith("/"):
            if line:
                await self._answer(line)
            return True
        name, _, rest = line.partition(" ")
        command = self._commands().get(name)
        if command is None:
            _complain(f"There is no command {name}. /help lists them.")
            return True
        done = command(rest.strip())
        if inspect.isawaitable(done):
            await done
        return name != "/quit"

    def _commands(self) -> dict[str, Callable[[str], object]]:
        return {
            "/save": self._save,
            "/load": self.load,
            "/clear": self._clear,
            "/model": self._switch,
            "/help": lambda _: _note(HELP),
            "/quit": lambda _: None,
        }

    async def _answer(self, line: str) -> None:
        self._answering = asyncio.create_task(self._streamed(line))
        try:
            result = await self._answering
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            _note("[cancelled; what was said is kept]")
        except ModelError as error:
            self._failed = True
            _complain(f"{error.kind}: {error.explain()}")
            trail(tuple(failure.record for failure in error.history))
        else:
            self._footer(result)
        finally:
            self._answering = None

    async def _streamed(self, line: str) -> Result:
        drawing = Drawing(OUT)
        try:
            async with self._agent.stream(line) as stream:
                async for event in stream:
                    if isinstance(event, Fitted):
                        _note(f"[the conversation was cut from {event.context['before']} to {event.context['after']}]")
                    drawing.feed(event)
                return await stream.finish()
        finally:
            drawing.end()

    def _footer(self, result: Result) -> None:
        response = result.response
        told = [response.attempts[-1].model if response.attempts else str(response.model), self._meter()]
        told += [f"finish: {response.finish_reason}"] if response.finish_reason != "stop" else []
        told += ["truncated"] if response.truncated else []
        told += [f"degraded: {response.degraded}"] if response.degraded else []
        told += ["the provider did not read all of it"] if (response.context or {}).get("cut_by_provider") else []
        _note(" · ".join(told))
        trail(response.attempts[:-1])

    def _meter(self) -> str:
        used, window = self._agent.used, self._agent.window
        full = min(_BARS, -(-used * _BARS // window))
        return f"{'▰' * full}{'▱' * (_BARS - full)} {used} of {window} tokens ({self._share()})"

    def _share(self) -> str:
        return f"{self._agent.used / self._agent.window:.0%}"

    def _save(self, name: str) -> None:
        try:
            Path(name).expanduser().write_bytes(self._agent.save())
        except OSError as error:
            _complain(f"It could not be saved: {error}")
        else:
            _note(f"{len(self._agent.conversation)} messages saved to {name}.")

    def _clear(self, _: str) -> None:
        self._agent.clear()
        _note("A new conversation.")

    async def _switch(self, name: str) -> None:
        try:
            client = self._another(name)
        except ModelError as error:
            _complain(error.message)
            return
        saved = self._agent.save()
        await self._leave()
        self._agent = self._made(client)
        self._agent.load(saved)
        _note(f"{name} goes on. {self._meter()}")

    async def _leave(self) -> None:
        await self._agent.close()
        await self._agent.client.close()

    def _line(self) -> str | None:
        """The next line; None at the end."""
        if not self._interactive:
            return sys.stdin.readline() or None
        with suppress(ImportError):  # not everywhere; without it lines cannot be edited
            import readline  # noqa: F401, PLC0415  # importing it gives `input` its editing keys
        try:
            return input(f"{self._share()} > ")
        except EOFError:
            return None

    @contextmanager
    def _interruptible(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Ctrl-C ends the current answer. Where lines are piped in and none is being answered, it leaves."""
        before = signal.getsignal(signal.SIGINT)

        def interrupt(*_: object) -> None:
            if self._answering is not None:
                loop.call_soon_threadsafe(self._answering.cancel)
            elif self._interactive:
                loop.call_soon_threadsafe(_note, "\n/quit or Ctrl-D leaves.")
            else:
                raise KeyboardInterrupt

        signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def check_model(name: str) -> str:
    """The name, if there is one."""
    if not name:
        raise ConfigurationError("Name a model: /model openai/gpt-5-mini")
    return name


def _note(words: str) -> None:
    NOTES.print(words, style="dim", markup=False)


def _complain(words: str) -> None:
    NOTES.print(words, style="red", markup=False)
