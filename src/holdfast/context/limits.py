"""Limits on tool results, applied before a result is first sent: nothing that was sent has to change for them.

    truncate   head, a marker with counts, tail
    page       the same with a handle, for `READ_MORE`
    error      an error in the place of the result, so that the model asks for less
    pass       as it is

`ToolResult.max_tokens` goes before the limit of its tool, and that before the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from holdfast.context.families import ANY, Family
from holdfast.context.level import water_level
from holdfast.context.measure import text_tokens
from holdfast.context.paging import READ_MORE, Pages
from holdfast.context.tokenizer import fits, tokenizer
from holdfast.context.truncate import truncate
from holdfast.messages import Text, ToolMessage, ToolResult

Excess: TypeAlias = Literal["truncate", "page", "error", "pass"]
"""What becomes of a result over its limit."""


class ResultLimits(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Tokens that tool results may have.

    - `default`: of one result; None: no limit.
    - `tools`: of the results of single tools, by name; None: no limit.
    - `batch`: of all results that come together (parallel calls); the longest are cut to one common length.
    - `excess`: what becomes of what is over.
    """

    default: int | None = 25_000
    tools: Mapping[str, int | None] = {}
    batch: int | None = None
    excess: Excess = "page"

    def of(self, result: ToolResult) -> int | None:
        """The limit of one result."""
        if result.max_tokens is not None:
            return result.max_tokens
        return self.tools.get(result.name or "", self.default)


def result_limits(budget: int, **changes: int | None) -> ResultLimits:
    """The usual limits for an input budget: a tenth of it, at most 25 k, for one result; a quarter for a batch."""
    return replace(ResultLimits(default=min(25_000, budget // 10), batch=budget // 4), **changes)


def limit_results(
    message: ToolMessage, limits: ResultLimits, *, pages: Pages | None = None, family: Family = ANY
) -> ToolMessage:
    """The message with every result within its limit; the message itself, if they all are.

    Args:
        message: results as the tools gave them.
        limits: what they may have.
        pages: where whole texts are kept; without it `"page"` cuts as `"truncate"` does.
        family: whose tokens are meant.
    """
    if limits.excess == "pass":
        return message
    results = tuple(_limited(result, limits.of(result), limits.excess, pages, family) for result in message.content)
    if limits.batch is not None and len(results) > 1:
        cap = _common(results, limits.batch, family)
        if cap is not None:
            results = tuple(_limited(result, cap, limits.excess, pages, family) for result in results)
    changed = any(one is not other for one, other in zip(results, message.content, strict=True))
    return ToolMessage(results) if changed else message


def _common(results: tuple[ToolResult, ...], batch: int, family: Family) -> int | None:
    """The tokens to which each of these must be cut so that together they have `batch`; None if they have."""
    sizes = [text_tokens(result.text, family) for result in results]
    excess = sum(sizes) - batch
    return None if excess <= 0 else max(1, water_level(sizes, excess))


def _limited(result: ToolResult, limit: int | None, excess: Excess, pages: Pages | None, family: Family) -> ToolResult:
    if limit is None or result.name == READ_MORE.name:
        return result
    text = result.text
    if fits(text, int(limit / family.ratio), tokenizer(family.vocabulary)):
        return result
    if excess == "error":
        words = f"The result has more than {limit} tokens ({len(text)} characters) and was not passed on. Ask for less."
        return replace(result, content=words, is_error=True)
    more = ""
    if excess == "page" and pages is not None:
        more = f'; the whole is under handle "{pages.keep(text)}", read it with {READ_MORE.name}'
    cut = truncate(text, limit, family, more=more)
    if isinstance(result.content, str):
        return replace(result, content=cut)
    return replace(result, content=(Text(cut), *(part for part in result.content if not isinstance(part, Text))))
