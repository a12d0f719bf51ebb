"""What it costs to name a failure: CPU of one error body, side by side in one run.

    python bench/classify.py                     over the bodies that the tests know
    python bench/classify.py failures.jsonl      over a file of one's own: a JSON line each, with `status` and `body`

The floor is `json.loads` of the same body. A failure that was seen lately is recognised ("again"); one that was not is
diagnosed ("first time"). The SDKs make their own exception of the response that they would have got:
a class chosen by the HTTP status, with the body inside. Each body is measured on its own, in turns; the least counts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import Any

import anthropic
import httpx
import openai
from rich.console import Console
from rich.table import Table

from holdfast.providers.classify import classify
from holdfast.providers.failures.recent import forget

KNOWN = Path(__file__).parents[1] / "tests" / "providers" / "failures" / "known_bodies.jsonl"
REQUEST = httpx.Request("POST", "https://api.example/v1/chat/completions")
OPENAI = openai.OpenAI(api_key="k")
ANTHROPIC = anthropic.Anthropic(api_key="k")
ROUNDS = 30
CALLS = 5  # in one round

Row = tuple[str | None, int, bytes]


def of_holdfast(row: Row) -> Any:
    provider, status, body = row
    return classify(provider=provider, status=status, headers={}, body=body)


def of_holdfast_anew(row: Row) -> Any:
    forget()
    return of_holdfast(row)


def response_of(row: Row) -> httpx.Response:
    return httpx.Response(row[1], content=row[2], request=REQUEST)


def of_openai(row: Row) -> Any:
    return OPENAI._make_status_error_from_response(response_of(row))  # noqa: SLF001  # the SDK offers no other way


def of_anthropic(row: Row) -> Any:
    return ANTHROPIC._make_status_error_from_response(response_of(row))  # noqa: SLF001  # as above


def floor(row: Row) -> Any:
    return json.loads(row[2])


WAYS: dict[str, Callable[[Row], Any]] = {
    "json.loads": floor,
    "holdfast, first time": of_holdfast_anew,
    "holdfast, again": of_holdfast,
    "OpenAI SDK": of_openai,
    "Anthropic SDK": of_anthropic,
}


def rows(path: Path) -> list[Row]:
    """The failures in a file whose body is JSON."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        (row.get("provider"), row["status"], json.dumps(row["body"], ensure_ascii=False).encode())
        for row in found
        if isinstance(row.get("body"), dict | list) and (row.get("status") or 0) >= 400
    ]


def cost(way: Callable[[Row], Any], row: Row) -> float:
    """Microseconds of one call."""
    began = perf_counter()
    for _ in range(CALLS):
        way(row)
    return (perf_counter() - began) / CALLS * 1e6


def measure(bodies: list[Row]) -> dict[str, list[float]]:
    least = {name: [float("inf")] * len(bodies) for name in WAYS}
    for _ in range(ROUNDS):
        for at, row in enumerate(bodies):
            for name, way in WAYS.items():
                least[name][at] = min(least[name][at], cost(way, row))
    return {name: sorted(times) for name, times in least.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=KNOWN, help="JSON lines with `status` and `body`")
    bodies = rows(parser.parse_args().file)
    table = Table(title=f"One of {len(bodies)} JSON error bodies, in microseconds")
    for head in ("", "median", "mean", "9 of 10 under", "slowest", "mean against the floor"):
        table.add_column(head, justify="left" if not head else "right")
    times = measure(bodies)
    base = mean(times["json.loads"])
    for name, each in times.items():
        numbers = (median(each), mean(each), each[int(0.9 * len(each))], each[-1])
        table.add_row(name, *(f"{number:.1f}" for number in numbers), f"{mean(each) / base:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
