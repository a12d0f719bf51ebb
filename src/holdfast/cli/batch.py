"""`holdfast run`: every line of a file is asked and answered once, whatever happens in between.

The output file is the whole state: each of its lines says which input line it belongs to (`line`, from 1). A line is
written in one piece when its call has ended; what a kill left half-written is cut off at the next start. A file that is
no such output is left alone.
"""

from __future__ import annotations

import asyncio
import codecs
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from msgspec import Struct

from holdfast.cli.console import EXIT_FAILED, EXIT_INTERRUPTED
from holdfast.cli.lines import Job, answered, failed, read_job
from holdfast.cli.report import Report
from holdfast.errors import ConfigurationError, ModelError
from holdfast.runtime.client import Client

_START: Final = b'{"line":'
"""How each line of the output begins."""


class Batch(Struct, frozen=True):
    """What to run: from where to where, and how."""

    source: Path
    target: Path
    concurrency: int = 16
    fresh: bool = False
    retry_failed: bool = False
    max_tokens: int | None = None


async def run_batch(client: Client, batch: Batch) -> int:
    """Run what is not done yet; gives the exit code."""
    if not batch.source.is_file():
        raise ConfigurationError(f"There is no file {str(batch.source)!r}.")
    if batch.target.exists() and batch.target.samefile(batch.source):
        raise ConfigurationError(f"{str(batch.target)!r} is the input; name another file for the output.")
    batch.target.parent.mkdir(parents=True, exist_ok=True)
    with batch.target.open("ab+") as found:
        _lock(found, batch.target)
        if batch.fresh:
            found.truncate(0)
        done, target = _recover(found, batch)
        total = sum(1 for _ in _lines(batch.source))
        with target, Report(total, done) as report:
            try:
                async with client:
                    await _run(client, batch, set(done), target, report)
            except asyncio.CancelledError:
                report.interrupted = True
    return EXIT_INTERRUPTED if report.interrupted else EXIT_FAILED if report.failed else 0


async def _run(client: Client, batch: Batch, done: set[int], target: IO[bytes], report: Report) -> None:
    jobs = ((number, line) for number, line in _lines(batch.source) if number not in done)
    async with asyncio.TaskGroup() as group:
        for _ in range(batch.concurrency):
            group.create_task(_work(client, batch, jobs, target, report))


async def _work(
    client: Client, batch: Batch, jobs: Iterator[tuple[int, bytes]], target: IO[bytes], report: Report
) -> None:
    """Take the next line until there is none. All workers share one iterator: nothing is read before its turn."""
    for number, line in jobs:
        job = read_job(number, line)
        outcome = await _ask(client, job, batch.max_tokens) if isinstance(job, Job) else job
        target.write(msgspec.json.encode(outcome) + b"\n")
        target.flush()
        report.add(outcome)


async def _ask(client: Client, job: Job, max_tokens: int | None) -> dict[str, Any]:
    settings: dict[str, Any] = {"max_tokens": max_tokens} if max_tokens else {}
    try:
        return answered(job, await client.create(job.request, **settings))
    except ModelError as error:
        return failed(job, error)


def _lines(source: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that say something, numbered from 1 as an editor does."""
    with source.open("rb") as file:
        for number, line in enumerate(file, 1):
            said = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if said.strip():
                yield number, said


def _recover(target: IO[bytes], batch: Batch) -> tuple[dict[int, dict[str, Any]], IO[bytes]]:
    """What earlier runs have done, by line, and the file to go on with: whole lines only, none that is asked again."""
    target.seek(0)
    done: dict[int, dict[str, Any]] = {}
    keep: list[bytes] = []
    whole = 0
    for line in target:
        outcome = _outcome(line)
        if outcome is None:
            if not _is_torn(line):
                raise ConfigurationError(f"{str(batch.target)!r} is no output of a run; --fresh would overwrite it.")
            continue
        whole += len(line)
        if outcome["line"] in done or (batch.retry_failed and outcome.get("error")):
            continue
        done[outcome["line"]] = outcome
        keep.append(line)
    if sum(map(len, keep)) < whole:
        return done, _replaced(batch.target, keep)
    target.truncate(whole)  # nothing but what comes after the last whole line goes
    return done, target


def _outcome(line: bytes) -> dict[str, Any] | None:
    try:
        outcome = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None
    whole = line.endswith(b"\n") and isinstance(outcome, dict) and isinstance(outcome.get("line"), int)
    return outcome if whole else None


def _is_torn(line: bytes) -> bool:
    """Whether this may be the beginning of one of our lines, and all that a kill let through of it."""
    start = line.rstrip(b"\0")
    return not line.endswith(b"\n") and (start.startswith(_START) or _START.startswith(start))


def _replaced(path: Path, lines: list[bytes]) -> IO[bytes]:
    """The file with these lines only. A kill at any moment leaves either the old one or the new one."""
    beside = path.with_name(path.name + ".part")
    beside.unlink(missing_ok=True)
    target = beside.open("ab+")
    _lock(target, path)
    target.writelines(lines)
    target.flush()
    os.fsync(target.fileno())
    beside.replace(path)
    return target


def _lock(target: IO[bytes], path: Path) -> None:
    """Two runs into one file would do everything twice."""
    try:
        import fcntl  # noqa: PLC0415  # not on Windows, where there is no such lock
    except ImportError:
        return
    try:
        fcntl.flock(target, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigurationError(f"Another run is writing to {str(path)!r}.") from None
