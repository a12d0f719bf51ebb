"""`holdfast explain`: one failure in full, or a log summed up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec
from rich.table import Table

from holdfast.cli.console import EXIT_FAILED, OUT, show, table
from holdfast.errors import ConfigurationError, ModelError
from holdfast.providers.classify import classify
from holdfast.providers.failures.guide import explain, step_of
from holdfast.providers.failures.logs import Row, summarise

_BOUND: Final = 1 << 20
_LOG_LINES: Final = 3


def file_or_text(given: str) -> bytes:
    """What is in the file of this name; or the text itself, where it has blanks and no file is called so."""
    try:
        return Path(given).read_bytes()
    except OSError:  # a long text is no name that a file could have
        if " " in given.strip():
            return given.encode()
        raise


def explain_input(
    data: bytes, *, status: int | None, headers: list[str], provider: str | None, as_log: bool, as_json: bool
) -> int:
    """Explain what is in `data`; the exit code says whether anything was recognised."""
    text = data.decode(errors="replace").strip()
    stated = _headers(headers)
    if not text and status is None:
        raise ConfigurationError("There is nothing to explain: the input is empty.")
    if as_log or (status is None and not stated and _looks_like_a_log(text)):
        return _summary(text, as_json=as_json)
    head = _response_head(text)
    if head is not None and status is None:
        status, found, text = head
        stated = {**found, **stated}
    if status is None and not stated:
        error: ModelError | None = classify(text[:_BOUND], provider=provider)
    else:
        error = classify(provider=provider, status=status, headers=stated, body=text[:_BOUND])
    if error is None:
        OUT.print("This is no failure: the response looks like a success.")
        return EXIT_FAILED
    if error.rule is None and status is None and not error.certain and not as_json:
        OUT.print("No failure of a model call was recognised.")
        return EXIT_FAILED
    return _one(error, as_json=as_json)


def _one(error: ModelError, *, as_json: bool) -> int:
    told = explain(error)
    if as_json:
        OUT.print(msgspec.json.encode(told).decode(), markup=False)
        return 0 if _recognised(error) else EXIT_FAILED
    grid = Table.grid(padding=(0, 2))
    grid.add_row("[b]What[/]", f"[red]{type(error).__name__}[/] ({error.kind})")
    for name, value in (
        ("", told.what),
        ("Why", told.why),
        ("Facts", _facts(error)),
        ("Holdfast", told.default),
        ("You", told.advice),
        ("Same again?", "yes" if told.retry_same else "no: the same request will not pass"),
    ):
        if value:
            grid.add_row(f"[b]{name}[/]", value)
    show(OUT, grid)
    return 0 if _recognised(error) else EXIT_FAILED


def _recognised(error: ModelError) -> bool:
    """Whether anything but the bare status spoke for it."""
    return error.certain or step_of(error) not in ("", "status")


def _facts(error: ModelError) -> str:
    info = msgspec.structs.asdict(error.info)
    skipped = {"kind", "message", "certain", "rule", "proof"}
    stated = {name: value for name, value in info.items() if name not in skipped and value not in (None, ())}
    if error.limit is not None:
        stated["limit"] = ", ".join(f"{k}={v}" for k, v in msgspec.structs.asdict(error.limit).items() if v is not None)
    return ", ".join(f"{name}={value}" for name, value in stated.items())


def _summary(text: str, *, as_json: bool) -> int:
    rows = list(summarise(text.splitlines()))
    if as_json:
        OUT.print(msgspec.json.encode(rows).decode(), markup=False)
        return 0 if rows else EXIT_FAILED
    if not rows:
        OUT.print("No failure of a model call was recognised.")
        return EXIT_FAILED
    found = table(OUT, "kind", "provider", "count", "first seen", "last seen", "what to do")
    for row in rows:
        found.add_row(*_cells(row))
    show(OUT, found)
    return 0


def _cells(row: Row) -> list[str]:
    return [
        row.kind,
        row.provider or "",
        str(row.count),
        row.first or "",
        row.last or "",
        row.advice,
    ]


def _looks_like_a_log(text: str) -> bool:
    """Several lines that are not one JSON document, one HTTP response, one page or one traceback."""
    if text[:1] in "{[<" or text.startswith(("HTTP/", "Traceback")):
        return text[:1] == "{" and _is_json_lines(text)
    return text.count("\n") >= _LOG_LINES


def _is_json_lines(text: str) -> bool:
    lines = text.splitlines()
    return len(lines) > 1 and all(line.startswith("{") and line.rstrip().endswith("}") for line in lines[:5])


def _headers(lines: list[str]) -> dict[str, str]:
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ConfigurationError(f"The header {line!r} is not of the form 'name: value'.")
        headers[name.strip().lower()] = value.strip()
    return headers


def _response_head(text: str) -> tuple[int, dict[str, str], str] | None:
    """The status, headers and body of a raw HTTP response, as `curl -i` prints it."""
    match = re.match(r"HTTP/[\d.]+ (\d{3})[^\n]*\n", text)
    if match is None:
        return None
    head, _, body = text[match.end() :].replace("\r\n", "\n").partition("\n\n")
    return int(match[1]), _headers([line for line in head.splitlines() if ":" in line]), body
