"""JSON schemas for Claude's structured outputs: every object closed, limits told in words (docs, "Structured outputs").

What the wire does not enforce stands in the description, so that the model reads it; the caller's own schema still
judges the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# Limits that the API rejects in a schema (docs, "JSON Schema limitations").
_LIMITS: Final = frozenset(
    {
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
        "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
    }
)  # fmt: skip
_DROPPED: Final = frozenset({"additionalProperties", "discriminator", "$schema", "$id", "$comment", "examples"})
_ONE: Final = frozenset({"items", "not", "contains"})
_MANY: Final = frozenset({"anyOf", "allOf", "prefixItems"})
_NAMED: Final = frozenset({"properties", "$defs", "definitions"})


class _UnfitError(Exception):
    """The schema says what a closed one cannot."""


def closed_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """`schema` with all its objects closed, or None where it is open on purpose and so would mean something else."""
    try:
        return _closed(schema)
    except _UnfitError:
        return None


def _closed(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, Mapping):
        raise _UnfitError
    out: dict[str, Any] = {}
    limits: list[str] = []
    for key, value in schema.items():
        if key in _LIMITS:
            limits.append(f"{key}: {value}")
        elif key not in _DROPPED:
            out[key if key != "oneOf" else "anyOf"] = _inner(key, value)
    if limits:
        told = f"({', '.join(limits)})"
        out["description"] = f"{out['description']} {told}" if "description" in out else told
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties", "properties" not in schema) is not False or "patternProperties" in schema:
            raise _UnfitError
        out.setdefault("properties", {})
        out["additionalProperties"] = False
    return out


def _inner(key: str, value: Any) -> Any:
    if key in _ONE:
        return _closed(value)
    if key in _MANY or key == "oneOf":
        return [_closed(each) for each in value]
    if key in _NAMED:
        return {name: _closed(each) for name, each in value.items()}
    return value
