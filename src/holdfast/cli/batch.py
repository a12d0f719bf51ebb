"""`holdfast run`: every line of a file is asked and answered once, whatever happens in between.

The output file is the whole state: each of its lines says which input line it belongs to (`line`, from 1). A line is
written in one piece when its call has ended; what a kill left half-written is cut off at the next start.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

from holdfast.cli.console import EXIT_FAILED, EXIT_INTERRUPTED
from holdfast.cli.lines import Job, answered, failed, read_job
from holdfast.cli.report import Report
from holdfast.errors import ConfigurationError, ModelError
from holdfast.runtime.client import Client


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
    batch.target.parent.mkdir(parents=True, exist_ok=True)
    with batch.target.open("ab+") as target:
        _lock(target, batch.target)
        if batch.fresh:
            target.truncate(0)
        done = _recover(target, batch)
        total = sum(1 for _ in _lines(batch.source))
        with Report(total, done) as report:
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
        return failed(job.number, job.id, error)


def _lines(source: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that say something, numbered from 1 as an editor does."""
    with source.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line


def _recover(target: IO[bytes], batch: Batch) -> dict[int, dict[str, Any]]:
    """What earlier runs have done, by line; leaves the file with whole lines only, and without what is asked again."""
    target.seek(0)
    done: dict[int, dict[str, Any]] = {}
    keep = bytearray()
    for line in target:
        outcome = _outcome(line)
        if outcome is None or outcome["line"] in done or (batch.retry_failed and outcome.get("error")):
            continue
        done[outcome["line"]] = outcome
        keep += line
    target.seek(0, os.SEEK_END)
    if target.tell() != len(keep):
        _rewrite(target, bytes(keep))
    return done


def _outcome(line: bytes) -> dict[str, Any] | None:
    try:
        outcome = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    whole = line.endswith(b"\n") and isinstance(outcome, dict) and isinstance(outcome.get("line"), int)
    return outcome if whole else None


def _rewrite(target: IO[bytes], content: bytes) -> None:
    """Replace the content of the file; what is left of it was there before, so a kill in between loses no more."""
    target.truncate(0)
    target.write(content)
    target.flush()


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
