"""Keys have no place in an error, a log or a repr: they are taken out of any text that came from outside."""

from __future__ import annotations

import re

_BOUND = 4096
KEY_REMOVED = "[key removed]"
"""What stands in the place of a key."""

_PREFIXES = (
    *("sk", "pk", "rk", "gsk", "xai", "csk", "nvapi", "hf", "fw", "tgp", "pplx", "ghp", "gho", "github_pat"),
    *("AIza", "ya29", "AKIA", "ASIA", "ABSK", "key", "glpat"),
)
# The boundary stands before the alternatives: almost everywhere it is all that has to be looked at.
_KEYS = re.compile(
    rf"\b(?:(?:{'|'.join(_PREFIXES)})[-_.]?[A-Za-z0-9*][A-Za-z0-9_\-*.]{{14,}}"
    r"|eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+)",  # a JSON web token
    re.ASCII,  # a key may follow a Chinese character at once
)
_SHORTEST = 16  # characters that a key has at least
_KEY_CHARACTERS = bytes(ord("k") if chr(code).isalnum() or chr(code) in "_-*." else ord(" ") for code in range(128))
_CLASSES = _KEY_CHARACTERS.ljust(256, b" ")
_RUN = b"k" * _SHORTEST
_SCHEMES = re.compile(r"(?:bearer|basic)\s+[A-Za-z0-9_\-.=+/*]{12,}", re.IGNORECASE)

_SECRET_HEADER = re.compile(r"authorization|cookie|(?:^|-)(?:api-?)?key$|token$|secret", re.IGNORECASE)


def is_secret(header: str) -> bool:
    """Whether a header of this name holds a key."""
    return _SECRET_HEADER.search(header) is not None


def redact(text: str, bound: int = _BOUND) -> str:
    """`text` without anything that looks like a key, at most `bound` characters of it."""
    text = text[:bound]
    if len(text) < _SHORTEST:
        return text
    lowered = text.lower()
    if "bearer" in lowered or "basic" in lowered:
        text = _SCHEMES.sub(KEY_REMOVED, text)
    return _KEYS.sub(KEY_REMOVED, text) if _may_hold_key(text) else text


def _may_hold_key(text: str) -> bool:
    """Whether a word that is long enough looks like a key; most texts have few such words, and the search is dear."""
    flat = text.encode("latin-1", "replace").translate(_CLASSES)  # one byte for each character
    start = flat.find(_RUN)
    while start >= 0:
        end = flat.find(b" ", start + _SHORTEST)
        if end < 0:
            end = len(text)
        if _KEYS.search(text, start, end) is not None:
            return True
        start = flat.find(_RUN, end)
    return False
