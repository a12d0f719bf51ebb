"""JSON schemas from Python types, and values of those types from JSON: by pydantic or msgspec."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from holdfast.errors import InvalidRequestError, InvalidResponseError
from holdfast.request import OutputSchema

_NAME = re.compile(r"[^A-Za-z0-9_-]")
_FENCED = re.compile(r"\s*```[A-Za-z]*[ \t]*\r?\n(.*?)\r?\n[ \t]*```\s*", re.DOTALL)


def output_schema(shape: Any, *, name: str | None = None, strict: bool = True) -> OutputSchema:
    """The `OutputSchema` of a pydantic model, dataclass, TypedDict, msgspec Struct, any type, or a JSON schema dict.

    Raises:
        InvalidRequestError: no JSON schema can be made of `shape`.
    """
    if isinstance(shape, OutputSchema):
        return shape
    if isinstance(shape, Mapping):
        title = name or str(shape.get("title", "output"))
        return OutputSchema(_clean(title), dict(shape), strict, shape.get("description"))
    schema = json_schema(shape)
    title = name or getattr(shape, "__name__", None) or "output"
    description = inspect.getdoc(shape) if isinstance(shape, type) and shape.__doc__ else None
    return OutputSchema(_clean(title), schema, strict, description, shape)


def json_schema(shape: Any) -> dict[str, Any]:
    """The JSON schema of a Python type, self-contained (`$defs` inside).

    Raises:
        InvalidRequestError: the type has none.
    """
    if _is_pydantic(shape):
        return dict(shape.model_json_schema())
    try:
        (schema,), definitions = msgspec.json.schema_components((shape,), ref_template="#/$defs/{name}")
    except (TypeError, msgspec.ValidationError) as error:
        raise InvalidRequestError(f"No JSON schema can be made of {shape!r}: {error}") from error
    if list(schema) == ["$ref"]:
        name = schema["$ref"].removeprefix("#/$defs/")
        schema = definitions.pop(name)
        if f'"#/$defs/{name}"'.encode() in msgspec.json.encode((schema, definitions)):
            definitions[name] = schema  # a type that contains itself refers to it
    return {**schema, "$defs": definitions} if definitions else schema


def read_output(text: str, schema: OutputSchema) -> Any:
    """The value that `text` states; of the schema's `type` where it has one, else plain JSON.

    A code fence around the whole text is no part of the answer.

    Raises:
        InvalidResponseError: it is no JSON, or does not fit; the message says where.
    """
    fenced = _FENCED.fullmatch(text)
    text = fenced[1] if fenced is not None else text
    shape: Any = schema.type if schema.type is not None else dict[str, Any] if _is_object(schema) else Any
    try:
        if _is_pydantic(shape):
            return shape.model_validate_json(text)
        return msgspec.json.decode(text, type=shape)
    except ValueError as error:  # pydantic's and msgspec's validation errors are both ValueErrors
        raise InvalidResponseError(f"The answer does not fit {schema.name!r}: {error}", raw=text) from error


def _is_object(schema: OutputSchema) -> bool:
    return schema.schema.get("type") == "object"


def _is_pydantic(shape: Any) -> bool:
    pydantic = sys.modules.get("pydantic")  # whoever passes a pydantic model has imported it
    return pydantic is not None and isinstance(shape, type) and issubclass(shape, pydantic.BaseModel)


def _clean(name: str) -> str:
    return _NAME.sub("_", name)[:64] or "output"
