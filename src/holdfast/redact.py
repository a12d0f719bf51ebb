"""Keys have no place in an error, a log or a repr: they are taken out of any text that came from outside."""

from __future__ import annotations

import re

_BOUND = 4096
_KEYS = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|csk|nvapi|hf|fw|tgp|pplx|ghp|gho|github_pat|AIza|ya29|AKIA|ASIA|ABSK|key|glpat)"
    r"[-_.]?[A-Za-z0-9*][A-Za-z0-9_\-*.]{14,}"
    r"|(?i:bearer|basic)\s+[A-Za-z0-9_\-.=+/*]{12,}"
    r"|\beyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+"  # a JSON web token
)


def redact(text: str, bound: int = _BOUND) -> str:
    """`text` without anything that looks like a key, at most `bound` characters of it."""
    return _KEYS.sub("[key removed]", text[:bound])
