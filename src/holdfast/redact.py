"""Keys have no place in an error, a log or a repr: they are taken out of any text that came from outside."""

from __future__ import annotations

import re

_BOUND = 4096
KEY_REMOVED = "[key removed]"
"""What stands in the place of a key."""

_LONG = re.compile(r"[A-Za-z0-9_\-*.]{16,}")  # what may be a key, or hold one
_PREFIXES = (
    *("sk", "pk", "rk", "gsk", "xai", "csk", "nvapi", "hf", "fw", "tgp", "pplx", "ghp", "gho", "github_pat"),
    *("AIza", "ya29", "AKIA", "ASIA", "ABSK", "key", "glpat"),
)
_KEYS = re.compile(
    rf"\b(?:{'|'.join(_PREFIXES)})"
    r"[-_.]?[A-Za-z0-9*][A-Za-z0-9_\-*.]{14,}"
    r"|\beyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+"  # a JSON web token
)
_SCHEMES = re.compile(r"(?:bearer|basic)\s+[A-Za-z0-9_\-.=+/*]{12,}", re.IGNORECASE)

_SECRET_HEADER = re.compile(r"authorization|cookie|(?:^|-)(?:api-?)?key$|token$|secret", re.IGNORECASE)


def is_secret(header: str) -> bool:
    """Whether a header of this name holds a key."""
    return _SECRET_HEADER.search(header) is not None


def redact(text: str, bound: int = _BOUND) -> str:
    """`text` without anything that looks like a key, at most `bound` characters of it."""
    text = text[:bound]
    lowered = text.lower()
    if "bearer" in lowered or "basic" in lowered:
        text = _SCHEMES.sub(KEY_REMOVED, text)
    return _LONG.sub(_without_keys, text)


def _without_keys(found: re.Match[str]) -> str:
    word = found[0]
    if word.startswith(_PREFIXES) or "-" in word or "." in word or "*" in word:  # a key begins where a word does
        return _KEYS.sub(KEY_REMOVED, word)
    return word
