"""Where things are printed: colour and tables on a terminal, plain text everywhere else. Errors fit on a screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer
from rich.console import Console

from holdfast.errors import AuthenticationError, ConfigurationError, InvalidRequestError

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130

OUT: Final = Console(soft_wrap=True, highlight=False)
NOTES: Final = Console(stderr=True, soft_wrap=True, highlight=False)


def is_terminal() -> bool:
    """Whether notes go to a person."""
    return NOTES.is_terminal


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
    except OSError as error:
        NOTES.print(f"[red]holdfast:[/] {error}")
        raise typer.Exit(EXIT_USAGE) from None
    except KeyboardInterrupt:
        NOTES.print("Interrupted.")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:  # the reader of a pipe has gone
        sys.stderr.close()
        raise typer.Exit(0) from None
