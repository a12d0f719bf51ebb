"""The command line: `holdfast ask | chat | run | explain | simulate`."""

from __future__ import annotations

import sys


def main() -> None:
    """The entry point. Typer and rich come with the extra `cli`; without them this says so."""
    try:
        from holdfast.cli.app import app  # noqa: PLC0415  # so that the message below can be given
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit("The command line needs typer and rich: pip install 'holdfast[cli]'")
    app()
