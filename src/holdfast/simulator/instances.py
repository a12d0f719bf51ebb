"""A valid instance of a JSON schema, the same for the same seed. Pure.

Every property is given, optional ones too; `seed` picks among what a schema leaves open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

_DEPTH: Final = 4  # a schema that contains itself has to end somewhere
_STEPS: Final = 50  # references that lead to references
_WORDS: Final = ("kelp", "harbour", "anchor", "lantern", "tide", "mussel", "gull", "reef")
_FORMATS: Final = {
    "date-time": "2025-01-02T03:04:05Z",
    "date": "2025-01-02",
    "time": "03:04:05Z",
    "duration": "P1D",
    "email": "kelp@example.org",
    "uri": "https://example.org/kelp",
    "uuid": "0b9a52f4-6a2b-4f0e-9a55-6d0d1f1f2a10",
    "ipv4": "192.0.2.1",
    "hostname": "example.org",
}


def instance(schema: Schema, seed: int = 0) -> Any:
    """A value that fits `schema`."""
    return _value(schema, schema, seed, 0)


def _value(schema: Any, root: Schema, seed: int, depth: int) -> Any:
    if not isinstance(schema, Mapping):  # `true` permits anything
        return _word(seed)
    schema = _resolve(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][seed % len(schema["enum"])]
    for union in ("anyOf", "oneOf"):
        if schema.get(union):
            return _value(_choose(schema[union], root, seed, depth), root, seed, depth)
    return _typed(schema, root, seed, depth)


def _typed(schema: Schema, root: Schema, seed: int, depth: int) -> Any:
    match _type_of(schema):
        case "object":
            return _object(schema, root, seed, depth)
        case "array":
            least = max(schema.get("minItems", 0), 1 if depth < _DEPTH and schema.get("maxItems", 1) else 0)
            return [_value(schema.get("items", True), root, seed + place, depth + 1) for place in range(least)]
        case "integer":
            return _number(schema, seed)
        case "number":
            return float(_number(schema, seed))
        case "boolean":
            return seed % 2 == 0
        case "null":
            return None
        case _:
            return _string(schema, seed)


def _resolve(schema: Schema, root: Schema) -> Schema:
    """`$ref` followed, `allOf` laid together; raises `LookupError` or `ValueError` where that leads nowhere."""
    for _ in range(_STEPS):
        if "$ref" not in schema:
            break
        target: Any = root
        for step in str(schema["$ref"]).lstrip("#/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")] if step else target
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    else:
        raise ValueError("The references of the schema go in a circle.")
    for part in schema.get("allOf", ()):
        laid = _resolve(part, root)
        properties = {**schema.get("properties", {}), **laid.get("properties", {})}
        schema = {**laid, **schema, **({"properties": properties} if properties else {})}
    return schema


def _choose(options: Any, root: Schema, seed: int, depth: int) -> Any:
    """One of a union's options; deep inside a schema that contains itself, null or the simplest one."""
    if depth < _DEPTH:
        return options[seed % len(options)]
    return min(options, key=lambda option: _type_of(_resolve(option, root)) in ("object", "array"))


def _type_of(schema: Schema) -> str:
    stated = schema.get("type")
    if isinstance(stated, (list, tuple)):
        return next((str(name) for name in stated if name != "null"), "null")
    if stated is not None:
        return str(stated).lower()  # Gemini writes its types in capitals
    return "object" if "properties" in schema else "string"


def _object(schema: Schema, root: Schema, seed: int, depth: int) -> dict[str, Any]:
    properties: Schema = schema.get("properties", {})
    names = properties if depth < _DEPTH else [name for name in properties if name in schema.get("required", ())]
    return {name: _value(properties[name], root, seed + place, depth + 1) for place, name in enumerate(names)}


def _number(schema: Schema, seed: int) -> int:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0 if schema.get("maximum", 1) >= 0 else -1000))
    least = int(least) + ("exclusiveMinimum" in schema or least > int(least))
    most = schema.get("maximum", schema.get("exclusiveMaximum", least + 100))
    number = least + seed % (max(int(most) - least, 0) + ("exclusiveMaximum" not in schema) or 1)
    step = schema.get("multipleOf")
    return int(-(-number // step) * step) if step else number


def _string(schema: Schema, seed: int) -> str:
    text = _FORMATS.get(schema.get("format", "")) or _word(seed)
    text = text.ljust(schema.get("minLength", 0), "x")
    return text[: schema["maxLength"]] if "maxLength" in schema else text


def _word(seed: int) -> str:
    return _WORDS[seed % len(_WORDS)]
