"""The HTTP status that a text speaks of: a number of three digits, where the words next to it say that it is one."""

from __future__ import annotations

import re
from typing import Final

_NUMBER: Final = re.compile(r"[3-5]\d\d(?!\w)")
_INSIDE: Final = re.compile(r"[\w.]")  # before a number: it is a piece of something longer
_REACH: Final = 48  # characters before and after a number that are looked at
_BEFORE: Final = re.compile(
    r"(?:error code|status[ _]?code|statuscode|http(?:/\d(?:\.\d)?)?(?: status| error| code| code from api)?|\bstatus"
    r"|api error|error|exception|\bhttp_status|code)(?!://)\W{1,4}[<(\[]?$"
    r"|\bcode was $",
    re.IGNORECASE,
)
_NOT_OF_THINGS: Final = re.compile(  # "status ... 429", "got 502", but not "got 502 rows"
    r"\bstatus\b[^\d\n]{1,16}$|\b(?:got|returned|received|responded with) (?:an? )?$", re.IGNORECASE
)
_THINGS: Final = re.compile(r" [a-z]+s\b", re.IGNORECASE)
_AFTER: Final = re.compile(
    r" (?:status code|bad request|unauthorized|forbidden|not found|too many requests|internal server error|bad gateway"
    r"|service unavailable|gateway time|unprocessable|payment required|request entity|client error|server error"
    r"|provider returned|conflict|gone|method not allowed|https?://)",
    re.IGNORECASE,
)
_LINE: Final = re.compile(r"(?:^|\n)\W{0,3}$")


def status_in(text: str) -> int | None:
    """The first number in `text` that is said to be an HTTP status of a failure."""
    for match in _NUMBER.finditer(text):
        start, end = match.span()
        if start and _INSIDE.match(text, start - 1) is not None:
            continue
        before, after = text[max(0, start - _REACH) : start], text[end : end + _REACH]
        if _BEFORE.search(before) or (match[0] > "399" and _is_status(before, after, begins=start <= _REACH)):
            return int(match[0])
    return None


def _is_status(before: str, after: str, *, begins: bool) -> bool:
    if _AFTER.match(after) or (before.endswith("<") and after.startswith(">")):
        return True
    if before.endswith(": ") and after[:1] == " " and (after[1:2].isupper() or after[1:2] in "{["):
        return True
    if before.rstrip(" ").endswith("|") and after.startswith(": "):  # "api.openai.com | 524: A timeout occurred"
        return True
    if (begins or "\n" in before) and _LINE.search(before):
        return True
    return _NOT_OF_THINGS.search(before) is not None and _THINGS.match(after) is None
