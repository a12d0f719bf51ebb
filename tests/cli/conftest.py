"""The command line in this process, or in one of its own where signals matter, against a simulator of the test's."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from holdfast.cli.app import app
from holdfast.simulator import parse, start_in_thread

COMMAND = (sys.executable, "-c", "from holdfast.cli import main; main()")


@pytest.fixture
def simulated(monkeypatch):
    """A way to a simulator with this scenario; `sim/...` is then a model of it."""
    stack = []

    def start(scenario: str):
        block = start_in_thread(parse(scenario))
        stack.append(block)
        simulator = block.__enter__()
        monkeypatch.setenv("HOLDFAST_SIM_URL", simulator.url)
        return simulator

    yield start
    for block in stack:
        block.__exit__(None, None, None)


@pytest.fixture
def holdfast():
    """A way to run a command here."""

    def run(*arguments: object, given: str | bytes | None = None):
        return CliRunner().invoke(app, [str(each) for each in arguments], input=given)

    return run


@pytest.fixture
def spawned():
    """A way to run a command in a process of its own; what is left of it at the end is killed."""
    started: list[subprocess.Popen] = []

    def spawn(*arguments: object, **options):
        process = subprocess.Popen(  # noqa: S603  # our own command
            [*COMMAND, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
            **options,
        )
        started.append(process)
        return process

    yield spawn
    for process in started:
        process.kill()
        process.communicate()
