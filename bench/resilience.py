"""The same storm through each framework's own client, and through the same framework over Holdfast.

    python bench/resilience.py                      everything that is installed, some three minutes
    python bench/resilience.py --only sdk           one framework; may be repeated
    python bench/resilience.py --markdown           the table for a README
    python bench/resilience.py --json

The storm is the simulator's: real HTTP on loopback, a model that fails nine times in ten, each time in another way, and
a calm one behind it for those who can use a second model. Each framework gets a simulator of its own, so that its lots
are drawn afresh from the same seed. An answer counts as right if it is the prompt's own, word for word. The frameworks
are those of the tests' environment; AutoGen's and LiveKit's own OpenAI clients, which nothing else here needs, are put
beside it (`build/peers/resilience`).

    right     the whole answer
    wrong     another text, given as if it were the answer: cut, doubled, empty
    errors    an exception
    hung      nothing within 30 s
"""

# ruff: noqa: S603  # it starts its own pip
from __future__ import annotations

import argparse
import asyncio
import dataclasses
import importlib
import importlib.util
import json
import logging
import subprocess
import sys
import time
import warnings
from pathlib import Path

from holdfast.simulator import Simulator, load
from outcome import Outcome

FRAMEWORKS = ("sdk", "pydantic_ai", "autogen", "livekit")
COLUMNS = ("client", "right", "wrong", "errors", "hung")
PROMPTS = 100
PEERS = Path(__file__).parent.parent / "build" / "peers"
# Without what they depend on: that is there, and must stay as the others have it.
PACKAGES = ("autogen-ext==0.7.5", "livekit-plugins-openai>=1.8,<1.9")


def install() -> None:
    """Put the stock clients beside this environment; without them their frameworks are measured over Holdfast only."""
    beside = PEERS / "resilience"
    sys.path.append(str(beside))
    if beside.exists():
        return
    subprocess.run([sys.executable, "-m", "venv", PEERS / "pip"], check=True)
    python = PEERS / "pip" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    quiet = ("--quiet", "--disable-pip-version-check")
    command = [python, "-m", "pip", "install", *quiet, "--no-deps", "--target", beside, *PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"The stock clients could not be installed: {done.stderr.strip()[-300:]}", file=sys.stderr)


async def run(frameworks: list[str], count: int) -> tuple[list[Outcome], dict[str, str]]:
    """What came out, and which frameworks were left out, with the reason."""
    prompts = [f"Tell me fact number {number} about the sea." for number in range(count)]
    outcomes: list[Outcome] = []
    left_out: dict[str, str] = {}
    for name in frameworks:
        began = time.monotonic()
        try:
            module = importlib.import_module(f"resilience_{name}")
        except ModuleNotFoundError as error:
            left_out[name] = str(error)
            continue
        async with Simulator(load("storm")) as storm:
            outcomes += await module.run(storm.base_url(), storm.base_url(), prompts)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return outcomes, left_out


def cells(outcome: Outcome) -> tuple[str, ...]:
    return tuple(str(value) for value in dataclasses.astuple(outcome))


def markdown(outcomes: list[Outcome]) -> str:
    rows = [COLUMNS, ("---", *("---:" for _ in COLUMNS[1:])), *map(cells, outcomes)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def plain(outcomes: list[Outcome]) -> str:
    rows = [COLUMNS, *map(cells, outcomes)]
    width = max(len(row[0]) for row in rows)
    return "\n".join(row[0].ljust(width) + "".join(cell.rjust(8) for cell in row[1:]) for row in rows)


def draw(outcomes: list[Outcome]) -> None:
    from rich.console import Console  # noqa: PLC0415  # an extra
    from rich.table import Table  # noqa: PLC0415  # as above

    table = Table()
    for number, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if number else "left")
    for outcome in outcomes:
        table.add_row(*cells(outcome), style="bold" if "Holdfast" in outcome.name else None)
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=FRAMEWORKS, action="append", help="may be repeated")
    parser.add_argument("--prompts", type=int, default=PROMPTS, help="how many are asked of each client")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what went wrong is what is counted
    warnings.simplefilter("ignore")
    install()
    outcomes, left_out = asyncio.run(run(asked.only or list(FRAMEWORKS), asked.prompts))
    if asked.json:
        print(json.dumps([dataclasses.asdict(outcome) for outcome in outcomes], indent=2))
    elif asked.markdown:
        print(markdown(outcomes))
    elif sys.stdout.isatty() and importlib.util.find_spec("rich"):
        draw(outcomes)
    else:
        print(plain(outcomes))
    for name, why in left_out.items():
        print(f"{name} is left out: {why}", file=sys.stderr)


if __name__ == "__main__":
    main()
