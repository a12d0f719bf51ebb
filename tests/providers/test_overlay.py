"""What is laid over a body: objects merge, tools join, all else replaces, and what was None is not there."""

from __future__ import annotations

from holdfast.providers.overlay import overlay


def test_objects_merge_tools_join_and_the_rest_is_replaced() -> None:
    body = {"a": 1, "config": {"x": 1, "y": {"z": 1}}, "tools": [1], "stop": ["s"], "none": None}
    extra = {"a": 2, "config": {"y": {"w": 2}}, "tools": [2], "stop": ["t"], "new": 3}
    assert overlay(body, extra) == {
        "a": 2, "config": {"x": 1, "y": {"z": 1, "w": 2}}, "tools": [1, 2], "stop": ["t"], "new": 3,
    }  # fmt: skip


def test_neither_side_is_changed() -> None:
    body, extra = {"c": {"x": 1}, "tools": [1]}, {"c": {"y": 2}, "tools": [2]}
    overlay(body, extra)
    assert (body, extra) == ({"c": {"x": 1}, "tools": [1]}, {"c": {"y": 2}, "tools": [2]})


def test_tools_inside_an_object_join_too() -> None:
    assert overlay({"toolConfig": {"tools": [1]}}, {"toolConfig": {"tools": [2]}}) == {"toolConfig": {"tools": [1, 2]}}
