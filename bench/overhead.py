"""What a library costs on top of the bare call: CPU, import time and memory, side by side in one run.

    python bench/overhead.py             everything, some three minutes after the peers are installed
    python bench/overhead.py --quick     fewer rounds
    python bench/overhead.py --json      the numbers

The floor is `aiohttp` with `json` and nothing else: no check, no error, no type. Everybody asks the same server
on loopback for the same bytes (`overhead_server.py`), each in a process of its own, round by round in turn; the least
counts. Holdfast runs with all of its defaults: recovery, pacing, deadlines. The peers are installed into an environment
of their own (`build/peers/overhead`); one that cannot be installed is named as such.

    call     CPU of one complete response
    event    CPU of one of the 200 deltas of a streamed answer, the request included
    first    wall time from the first import to the first answer, and memory then
    import   wall time of the import alone
"""

# ruff: noqa: S603  # it starts its own scripts
from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PEERS = HERE.parent / "build" / "peers" / "overhead"
EVENTS = 200

# By wire: who is compared, after the floor.
OURS = ("holdfast", "holdfast restart", "holdfast resume")
WIRES: dict[str, tuple[str, ...]] = {
    "openai": (*OURS, "openai", "litellm", "pydantic-ai"),
    "anthropic": (*OURS, "anthropic"),
    "gemini": (*OURS, "google-genai"),
    "bedrock": (*OURS, "boto3"),
}
PACKAGES = {
    "openai": "openai",
    "litellm": "litellm",
    "pydantic-ai": "pydantic-ai-slim[openai]",
    "anthropic": "anthropic",
    "google-genai": "google-genai",
    "boto3": "boto3",
}
IMPORTS = {
    "floor": "import aiohttp, json",
    "holdfast": "import holdfast",
    "openai": "import openai",
    "litellm": "import litellm",
    "pydantic-ai": "import pydantic_ai.models.openai",
    "anthropic": "import anthropic",
    "google-genai": "from google import genai",
    "boto3": "import boto3",
}
TIMED = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"


def install() -> dict[str, str]:
    """The peers that cannot be used, and why; the others are in the environment when this returns."""
    if not python_of_peers().exists():
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
    wanted = [name for name in PACKAGES if not importable(name)]
    if not wanted or pip(*(PACKAGES[name] for name in wanted)) is None:
        return {}
    return {name: told for name in wanted if (told := pip(PACKAGES[name])) is not None}


def pip(*packages: str) -> str | None:
    command = [python_of_peers(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["pip failed"])[-1]


def importable(name: str) -> bool:
    command = [python_of_peers(), "-c", IMPORTS[name]]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def python_of_peers() -> Path:
    return PEERS / ("Scripts" if sys.platform == "win32" else "bin") / "python"


def python_of(name: str) -> str:
    return str(python_of_peers()) if name in PACKAGES else sys.executable


@contextmanager
def server() -> Iterator[str]:
    command = [sys.executable, str(HERE / "overhead_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"  # type: ignore[union-attr]  # it is a pipe
        finally:
            process.terminate()


def measure(name: str, wire: str, address: str, times: tuple[int, int]) -> dict[str, float]:
    # A peer that takes fifty times as long need not be asked as often.
    calls, streams = (count // 5 for count in times) if name in PACKAGES else times
    command = [python_of(name), HERE / "overhead_clients.py", name, wire, address, str(calls), str(streams)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} over {wire}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def time_import(name: str) -> float:
    command = [python_of(name), "-c", TIMED.format(IMPORTS[name])]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def least(found: list[dict[str, float]]) -> dict[str, float]:
    return {key: min(each[key] for each in found) for key in found[0]}


def run(rounds: int, times: tuple[int, int], missing: dict[str, str]) -> dict[str, dict[str, dict[str, float]]]:
    """By wire and contender, the least of each number."""
    results: dict[str, dict[str, dict[str, float]]] = {}
    with server() as address:
        for wire, contenders in WIRES.items():
            names = ["floor", *(name for name in contenders if name not in missing)]
            found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
            for number in range(rounds):
                for name in names:
                    tell(f"{wire}, round {number + 1} of {rounds}: {name}")
                    found[name].append(measure(name, wire, address, times))
            results[wire] = {name: least(rows) for name, rows in found.items()}
    tell("imports")
    for name in IMPORTS:
        if name not in missing:
            took = min(time_import(name) for _ in range(rounds + 1))
            for rows in results.values():
                if name in rows:
                    rows[name]["import"] = took
    return results


def tell(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)


COLUMNS = ("wire", "contender", "call ms", "x floor", "event us", "x floor", "import s", "first s", "MB")


def rows_of(results: dict[str, dict[str, dict[str, float]]]) -> Iterator[tuple[str, ...]]:
    for wire, contenders in results.items():
        floor = contenders["floor"]
        for name, found in contenders.items():
            yield (
                wire,
                name,
                f"{found['call']:.3f}",
                f"{found['call'] / floor['call']:.2f}",
                f"{found['stream'] / EVENTS * 1e3:.2f}",
                f"{found['stream'] / floor['stream']:.2f}",
                f"{found['import']:.2f}" if "import" in found else "",
                f"{found['first']:.2f}",
                f"{found['rss']:.0f}",
            )


def show(results: dict[str, dict[str, dict[str, float]]], missing: dict[str, str]) -> None:
    tell("")
    rows = list(rows_of(results))
    if sys.stdout.isatty() and importlib.util.find_spec("rich"):
        draw(rows)
    else:
        widths = [max(len(row[i]) for row in (COLUMNS, *rows)) for i in range(len(COLUMNS))]
        for row in (COLUMNS, *rows):
            print(
                "  ".join(
                    cell.ljust(w) if i < 2 else cell.rjust(w)
                    for i, (cell, w) in enumerate(zip(row, widths, strict=True))
                )
            )
    for name, why in missing.items():
        print(f"{name} could not be installed: {why}")
    print(f"Python {sys.version.split()[0]}; boto3 signs its requests, everybody else sends a key.")


def draw(rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console  # noqa: PLC0415  # an extra
    from rich.table import Table  # noqa: PLC0415  # as above

    table = Table()
    for number, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if number < 2 else "right")
    previous = rows[0][0]
    for row in rows:
        if row[0] != previous:
            table.add_section()
        previous = row[0]
        style = "bold" if row[1].startswith("holdfast") else "dim" if row[1] == "floor" else None
        table.add_row(*row, style=style)
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one round, fewer calls")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.add_argument("--wire", choices=WIRES, action="append", help="only this wire; may be repeated")
    parser.add_argument("--no-peers", action="store_true", help="only the floor and Holdfast")
    asked = parser.parse_args()
    for wire in set(WIRES) - set(asked.wire or WIRES):
        del WIRES[wire]
    tell("installing the peers")
    missing = dict.fromkeys(PACKAGES, "not asked for") if asked.no_peers else install()
    rounds, times = (1, (300, 50)) if asked.quick else (3, (1000, 150))
    results: dict[str, Any] = run(rounds, times, missing)
    if asked.json:
        print(json.dumps({"python": sys.version.split()[0], "results": results, "missing": missing}, indent=2))
    else:
        show(results, {} if asked.no_peers else missing)


if __name__ == "__main__":
    main()
