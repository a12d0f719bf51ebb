"""Where things are printed: colour and tables on a terminal, plain text everywhere else. Errors fit on a screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from holdfast.errors import AuthenticationError, ConfigurationError, InvalidRequestError

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130

_PLAIN_WIDTH: Final = 500
"""Columns where no terminal limits them: nothing is wrapped that a program may read."""


def _console(stream: IO[str], *, stderr: bool = False) -> Console:
    width = None if stream.isatty() else _PLAIN_WIDTH
    return Console(stderr=stderr, soft_wrap=True, highlight=False, width=width)


OUT: Final = _console(sys.stdout)
NOTES: Final = _console(sys.stderr, stderr=True)


def table(console: Console, *columns: str) -> Table:
    """A table with these columns: with lines on a terminal, plain elsewhere."""
    drawn = box.HEAVY_HEAD if console.is_terminal else None
    return Table(*columns, header_style="bold", box=drawn, pad_edge=console.is_terminal)


def show(console: Console, drawn: Table) -> None:
    """Print a table; where no terminal shows it, without the blanks that fill its lines."""
    if console.is_terminal:
        console.print(drawn)
        return
    with console.capture() as captured:
        console.print(drawn)
    for line in captured.get().splitlines():
        console.print(line.rstrip(), markup=False)


@contextmanager
def complain() -> Iterator[None]:
    """Turn what is wrong with the command line, or a missing key, into one sentence and the right exit code."""
    try:
        yield
    except (ConfigurationError, AuthenticationError, InvalidRequestError) as error:
        NOTES.print(f"[red]holdfast:[/] {error.message}", markup=True)
        raise typer.Exit(EXIT_USAGE) from None
    except FileNotFoundError as error:
        NOTES.print(f"[red]holdfast:[/] There is no file {error.filename!r}.")
        raise typer.Exit(EXIT_USAGE) from None
    except BrokenPipeError:  # the reader of a pipe has gone
        sys.stderr.close()
        raise typer.Exit(0) from None
    except OSError as error:
        NOTES.print(f"[red]holdfast:[/] {error}")
        raise typer.Exit(EXIT_USAGE) from None
    except KeyboardInterrupt:
        NOTES.print("Interrupted.")
        raise typer.Exit(EXIT_INTERRUPTED) from None
