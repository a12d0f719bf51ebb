"""JSON schemas for strict modes, where the meaning of the schema allows it."""

from __future__ import annotations

from typing import Any, Final

# What strict schemas may hold (OpenAI docs, "Structured Outputs", supported schemas).
_KEEP: Final = frozenset(
    {
        "type", "enum", "const", "description", "title", "pattern", "format", "multipleOf", "maximum", "minimum",
        "exclusiveMaximum", "exclusiveMinimum", "minItems", "maxItems",
    }
)  # fmt: skip
_FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
)  # the same page
_NOTES: Final = frozenset({"default", "examples", "$schema", "$id", "$comment", "deprecated", "readOnly", "writeOnly"})


class _UnfitError(Exception):
    """Somewhere the schema says what a strict one cannot."""


def strict_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """`schema` for a strict mode: closed objects, all properties required. None where that changes its meaning.

    A property that may be left out and may not be null, an open object, or a keyword that strict modes do not know
    makes it None; the schema is then sent as it is, with strict off.
    """
    try:
        strict = _strict(schema)
    except _UnfitError:
        return None
    return strict if strict.get("type") == "object" else None


def _strict(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, dict):
        raise _UnfitError
    if "$ref" in schema:
        return _reference(schema)
    out: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "format" and value not in _FORMATS:
            raise _UnfitError
        if key in _KEEP:
            out[key] = value
        elif key in ("$defs", "definitions"):
            out[key] = {name: _strict(inner) for name, inner in value.items()}
        elif key == "items":
            out[key] = _strict(value)
        elif key == "anyOf":
            out[key] = [_strict(inner) for inner in value]
        elif key == "oneOf" and "discriminator" in schema:  # the branches exclude each other, so any of them is one
            out["anyOf"] = [_strict(inner) for inner in value]
        elif key == "allOf" and len(value) == 1:
            out = {**_strict(value[0]), **out}
        elif key not in _NOTES and key not in ("properties", "required", "additionalProperties", "discriminator"):
            raise _UnfitError
    return _object(schema, out) if _is_object(schema) else out


def _reference(schema: dict[str, Any]) -> dict[str, Any]:
    """A reference stands alone in strict modes; notes beside it may go, and the definitions of the root stay."""
    out = {"$ref": schema["$ref"]}
    for key, value in schema.items():
        if key in ("$defs", "definitions"):
            out[key] = {name: _strict(inner) for name, inner in value.items()}
        elif key != "$ref" and key not in _NOTES and key not in ("description", "title"):
            raise _UnfitError
    return out


def _is_object(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema


def _object(schema: dict[str, Any], out: dict[str, Any]) -> dict[str, Any]:
    if schema.get("additionalProperties", False) is not False or "properties" not in schema:
        raise _UnfitError
    required = schema.get("required", ())
    properties = schema["properties"]
    if any(name not in required and not _nullable(inner) for name, inner in properties.items()):
        raise _UnfitError
    out["properties"] = {name: _strict(inner) for name, inner in properties.items()}
    out["required"] = list(properties)
    out["additionalProperties"] = False
    return out


def _nullable(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    kind = schema.get("type")
    return kind == "null" or (isinstance(kind, list) and "null" in kind) or any(map(_nullable, schema.get("anyOf", ())))
