"""What a dialect of this wire accepts of a history."""

from __future__ import annotations

from holdfast.providers.codec import Dialect
from holdfast.providers.openai_chat.wire import ORIGIN
from holdfast.providers.rules import HistoryRules, Kind


def rules_for(dialect: Dialect, *, prefilled: bool = False) -> HistoryRules:
    """The rules at this endpoint; `prefilled` when the last message is the beginning of the answer."""
    return HistoryRules(
        origin=ORIGIN,
        system="one" if dialect.one_system_message else "anywhere",
        alternating=dialect.alternating_roles,
        user_first=dialect.alternating_roles,
        # Perplexity ("Chat completions": the last message is the user's) and Mistral (a last assistant message must be
        # marked as a prefix) refuse an answer at the end.
        assistant_last=prefilled or (not dialect.alternating_roles and dialect.prefill != "prefix_flag"),
        user_after_tool=dialect.user_after_tool,
        user=_kinds(dialect),
        assistant=frozenset({"audio"} if dialect.audio else ()),
        empty=False,
        names=dialect.names,
        tool_id=dialect.tool_id_pattern,
        thinking="drop" if dialect.reasoning_field is None else "any",
    )


def _kinds(dialect: Dialect) -> frozenset[Kind]:
    """What a user may send besides text."""
    kinds: set[Kind] = {"document_text"}
    if dialect.images:
        kinds |= {"image", "image_url"}
    if dialect.audio:
        kinds.add("audio")
    if dialect.documents != "none":
        kinds |= {"document"}
    if dialect.documents == "file":
        kinds.add("document_file")
    if dialect.documents == "document_url" or dialect.file_urls or dialect.video:
        kinds.add("document_url")
    return frozenset(kinds)
