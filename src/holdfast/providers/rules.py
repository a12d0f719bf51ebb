"""What one wire accepts of a history, as data: `adapt` makes any history fit, `problems` says what does not."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from msgspec import Struct

from holdfast.messages import Audio, Document, Image

Kind: TypeAlias = Literal[
    "image",
    "image_url",
    "image_file",
    "document",
    "document_text",
    "document_url",
    "document_file",
    "audio",
    "audio_url",
    "audio_id",
]
"""A part that is no text, by where its content is: bytes (no suffix), plain text, a URL, a provider's id."""

ALL_KINDS: Final[frozenset[Kind]] = frozenset(get_args(Kind)) - {"audio_id"}
"""Every kind that anybody may be sent; the id of a sound means something only where the sound was made."""


class HistoryRules(Struct, frozen=True, kw_only=True):
    """What a wire accepts. The defaults allow almost everything; a codec states where it is narrower.

    - `origin`: the codec's name. Signatures, ids of items and opaque items of any other origin are dropped.
    - `system`: where instructions may stand: `"anywhere"`; `"first"`, any number of them; `"one"`, first and merged;
      `"none"`. Those that stand elsewhere become a user's message in `<system>` tags, in the same place.
    - `alternating`: user and assistant take turns; messages of one side in a row are merged.
    - `user_first`: the first message after the instructions is a user's (or there is none but instructions).
    - `user_after_tool`: whether a user may speak right after tool results.
    - `assistant_last`: whether the history may end with an assistant's words (a prefill).
    - `trailing_space`: whether such last words may end in white space.
    - `empty`: whether a text, or a message, may be empty or blank. `empty_result`: the same of a tool result.
    - `signed_texts`: whether a text may carry a signature; an empty one with its own is then kept for it.
    - `user`, `assistant`, `results`: the kinds of parts, besides text, that each may hold. Others become a line of
      text that says what was there; what only a user may hold moves from a tool result to a user's message after it.
    - `names`: whether user and assistant messages may carry a name (letters, digits, `_` and `-`, 64 at most).
    - `tools`: whether the wire knows tools at all; without, calls and results become text.
    - `tool_id`: a regular expression that a call's id must match in full; others are rewritten, as repeated ones are.
    - `tool_id_length`: how long a rewritten id is (letters and digits).
    - `ordered_results`: whether results must come in the order of their calls.
    - `pending_calls`: whether the last message may hold calls that nobody has answered yet.
    - `orphans`: what becomes of a result without a call: a user's text, or nothing.
    - `thinking`: `"signed"`, only the wire's own with a signature or data; `"own"`, all of the wire's own; `"any"`,
      words of any origin (foreign signatures go); `"drop"`.
    """

    origin: str
    system: Literal["anywhere", "first", "one", "none"] = "anywhere"
    alternating: bool = False
    user_first: bool = False
    user_after_tool: bool = True
    assistant_last: bool = True
    trailing_space: bool = True
    empty: bool = True
    empty_result: bool = True
    signed_texts: bool = False
    user: frozenset[Kind] = ALL_KINDS
    assistant: frozenset[Kind] = frozenset()
    results: frozenset[Kind] = frozenset()
    names: bool = True
    tools: bool = True
    tool_id: str | None = None
    tool_id_length: int = 9
    ordered_results: bool = False
    pending_calls: bool = False
    orphans: Literal["text", "drop"] = "text"
    thinking: Literal["signed", "own", "any", "drop"] = "drop"


def kind_of(part: Image | Document | Audio) -> Kind:
    """Which kind of part it is; a part that has its content in several places counts as the one named first here."""
    match part:
        case Image():
            return "image" if part.data is not None else "image_url" if part.url is not None else "image_file"
        case Document():
            if part.data is not None:
                return "document"
            if part.text is not None:
                return "document_text"
            return "document_url" if part.url is not None else "document_file"
        case Audio():
            return "audio" if part.data is not None else "audio_url" if part.url is not None else "audio_id"
