"""Closed schemas: every object closed, limits in words, and None where that would mean something else."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.providers.closed import closed_schema

TEXT = {"type": "string"}


def test_every_object_is_closed_also_inside_lists_unions_and_definitions() -> None:
    point = {"type": "object", "properties": {"x": {"type": "number"}}}
    schema = {
        "type": "object",
        "properties": {"points": {"type": "array", "items": point}, "one": {"oneOf": [point, {"$ref": "#/$defs/p"}]}},
        "$defs": {"p": point},
    }
    closed = {**point, "additionalProperties": False}
    assert closed_schema(schema) == {
        "type": "object",
        "properties": {
            "points": {"type": "array", "items": closed},
            "one": {"anyOf": [closed, {"$ref": "#/$defs/p"}]},
        },
        "$defs": {"p": closed},
        "additionalProperties": False,
    }


def test_limits_that_the_wire_rejects_are_told_in_words() -> None:
    schema = {"type": "integer", "minimum": 1, "maximum": 9, "description": "A digit."}
    assert closed_schema(schema) == {"type": "integer", "description": "A digit. (minimum: 1, maximum: 9)"}


def test_closing_twice_changes_nothing_more() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}}
    once = closed_schema(schema)
    assert once is not None
    assert closed_schema(once) == once


def test_a_property_called_like_a_limit_stays_a_property() -> None:
    schema = {"type": "object", "properties": {"minimum": TEXT, "pattern": TEXT}}
    assert closed_schema(schema) == {**schema, "additionalProperties": False}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "additionalProperties": True},
        {"type": "object", "properties": {}, "additionalProperties": TEXT},
        {"type": "object", "properties": {"a": {"type": "object"}}},
        {"type": "object", "properties": {}, "patternProperties": {"a": TEXT}},
        {"type": "array", "items": True},
    ],
)
def test_a_schema_that_is_open_on_purpose_is_not_closed(schema: dict[str, Any]) -> None:
    assert closed_schema(schema) is None


def test_an_object_that_says_it_is_empty_is_closed() -> None:
    assert closed_schema({"type": "object", "additionalProperties": False}) == {
        "type": "object", "properties": {}, "additionalProperties": False,
    }  # fmt: skip
